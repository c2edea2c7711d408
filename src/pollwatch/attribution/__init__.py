"""Who did it: claims, opinions and denials, each signed, on evidence that the other side can check."""
