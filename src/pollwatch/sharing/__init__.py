"""What goes to other members and what comes from them: delivery, receipts, the disclosure ledger, the inbox."""
