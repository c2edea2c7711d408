"""The demos: offices, rivals and an election week, told act by act."""
