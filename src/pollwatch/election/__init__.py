"""What is watched and why it matters when: elections, phases, assets and their owners."""
