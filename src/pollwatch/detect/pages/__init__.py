"""Results pages and archived pages: what they mean, and what of it has changed."""
