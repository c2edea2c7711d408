"""The web pages for clerk, analyst and public. They get a ``Services`` protocol, and know nothing of the node."""
