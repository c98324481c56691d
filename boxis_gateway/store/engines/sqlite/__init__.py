"""SQLite engine: one file, opened by apsw. Start with database.py."""
