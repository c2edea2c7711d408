"""The gateway: all that other members can reach of a member. One module per station, and one for the door."""
