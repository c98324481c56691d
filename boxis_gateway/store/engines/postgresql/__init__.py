"""PostgreSQL engine by psycopg 3, with Citus on top. Start with database.py."""
