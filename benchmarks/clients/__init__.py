"""The clients that make the load, each a process of its own."""
