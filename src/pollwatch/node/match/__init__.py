"""Private matching at a member: its runs, how they are shown, and their audit."""
