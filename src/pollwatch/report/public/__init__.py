"""The public page, drawn: static, read-only, in several languages, with nothing that runs."""
