"""Where bytes come from: one module per transport, each yielding blocks of lines."""
