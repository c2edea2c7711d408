"""The election: its calendar, the systems it rests on, and what must be looked at first."""
