"""Faults, each produced for real: what clients see, what the store holds, and how it recovers."""
