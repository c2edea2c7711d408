"""Where things are kept: SQLite for what changes, Parquet for events. Each station owns its own tables."""
