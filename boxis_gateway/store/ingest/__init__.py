"""Messages on their way in: duplicates, ids, rows. Start with additions.py."""
