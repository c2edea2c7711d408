"""The command line: one module per verb, each exporting ``command``; nothing but wiring and words."""
