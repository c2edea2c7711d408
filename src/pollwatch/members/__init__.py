"""Who is in the joint watch: keys, members, the charter they all sign, and how far a thing may be told."""
