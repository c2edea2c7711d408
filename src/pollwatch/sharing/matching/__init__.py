"""Private matching: what two or more members have in common, and nothing about the rest."""
