"""Facts about SMS: pure functions without I/O. Alphabets, segments, numbers."""
