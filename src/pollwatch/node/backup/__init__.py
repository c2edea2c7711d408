"""A case kept a second time, and put back: backup, restore, upgrade, check."""
