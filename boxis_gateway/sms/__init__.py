"""SMS encoding, segments, numbers and delivery reports; no I/O."""
