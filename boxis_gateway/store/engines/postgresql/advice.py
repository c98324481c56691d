"""Advice on dangerous settings of a PostgreSQL server, for doctor."""

from __future__ import annotations

from boxis_gateway.store.engines.base import Advice

ADVICE = {
    "current_setting('transaction_read_only') = 'on'": Advice(
        "Nothing can be written: the server is a replica, or read-only.",
        "Name the server that takes writes.",
        is_grave=True,
    ),
    "NOT coalesce(has_schema_privilege(current_schema(), 'CREATE'), FALSE)": Advice(
        "This user may not create tables, and each month needs one.",
        "Let this user own the database (ALTER DATABASE … OWNER TO …).",
        is_grave=True,
    ),
    "NOT coalesce((SELECT pg_has_role(relowner, 'USAGE') FROM pg_class "
    "WHERE oid = to_regclass('message')), TRUE)": Advice(
        "Another user owns the tables, so VACUUM, which 'erase' needs, skips them.",
        "Connect as their owner, or ALTER TABLE … OWNER TO … for each table.",
        is_grave=True,
    ),
    "current_setting('fsync') = 'off'": Advice(
        "fsync is off: a power cut may destroy the store.",
        "Set fsync = on in postgresql.conf.",
    ),
    "current_setting('full_page_writes') = 'off'": Advice(
        "full_page_writes is off: a power cut may damage the store.",
        "Set full_page_writes = on in postgresql.conf.",
    ),
    "current_setting('synchronous_commit') IN ('off', 'local')": Advice(
        "synchronous_commit is off: acknowledged changes may get lost.",
        "Set synchronous_commit = on for this user.",
    ),
    "current_setting('autovacuum') = 'off'": Advice(
        "autovacuum is off: tables grow, and histories get slower.",
        "Set autovacuum = on in postgresql.conf.",
    ),
    "current_setting('server_encoding') <> 'UTF8'": Advice(
        "The database's encoding is not UTF-8: it lacks characters.",
        "Make another with 'createdb --encoding=UTF8 --template=template0' and copy the store.",
    ),
    "(SELECT rolsuper FROM pg_roles WHERE rolname = current_user)": Advice(
        "The user is a superuser.",
        "Make a user that owns this database and nothing else.",
    ),
    "NOT coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), FALSE) "
    "AND NOT coalesce(inet_server_addr() << '127.0.0.0/8' OR inet_server_addr() = '::1', TRUE)": (
        Advice(
            "The connection to another machine is not encrypted.",
            "Add sslmode=verify-full to the URL.",
        )
    ),
}
"""Advice by the SQL expression that is true if it applies."""
ADVICE_SQL = f"SELECT {', '.join(ADVICE)}"
