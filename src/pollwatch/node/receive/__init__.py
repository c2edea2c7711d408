"""What comes in by the network: receivers that write into the spool, in a process of their own.

It lives on when the engine dies, and the engine lives on when it dies: between them lies the spool
(``sources.spool``), and nothing else. It ends with the process that started it.
"""
