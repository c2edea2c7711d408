"""A watch: followed files to detections and incidents, for as long as it runs."""
