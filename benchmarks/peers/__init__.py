"""Peers, one file each: getHistory over the same store file, in the usual way of its framework.
They only read."""
