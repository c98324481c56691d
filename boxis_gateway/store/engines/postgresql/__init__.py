"""PostgreSQL by psycopg 3, and Citus on top of it. Start with database.py."""
