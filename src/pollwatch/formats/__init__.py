"""What lines say: one module per log format, each turning blocks of lines into event batches."""
