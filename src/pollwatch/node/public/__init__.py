"""The public page: what is published on purpose, the state of the log, and the folder that a web server serves."""
