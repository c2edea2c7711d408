"""What goes to other members, and the ledger of all that went."""
