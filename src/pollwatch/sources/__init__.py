"""Where bytes come from: one module per transport, each an input that can be opened more than once.

``records`` then cuts the bytes into blocks of records, whatever the transport.
"""
