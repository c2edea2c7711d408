"""Who is in the joint watch: keys, charter, marking."""
