"""PostgreSQL engine by psycopg 3, and Citus. Start with database.py."""
