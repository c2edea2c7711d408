"""From inputs to incidents, and what of them is kept with the case."""
