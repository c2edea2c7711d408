"""The configuration: each station defines its own settings, this module reads and assembles them."""
