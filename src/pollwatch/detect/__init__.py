"""Detection: pure functions from event batches (and state) to detections."""
