"""The desks of the watch floor, a protocol each: what the pages of that name ask the node."""
