"""First tables in PostgreSQL, as SQLite's after the migration BASELINE.

Frozen: add a migration for both engines instead. Texts are compared octet by octet, as in SQLite.
Messages are partitioned by month (partitions.py), and their key includes all that a history shows,
for index-only scans. They have no foreign keys, and their unique keys begin with the account, so
Citus can distribute them (docs/citus.md). The lock of the account (database.py) keeps wire ids
unique.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

BASELINE = "0008_no_locks"
TEXT_COLUMN = re.compile(r"^(    \w+ text)\b", re.MULTILINE)

TABLES = """
CREATE TABLE customer (
    id text PRIMARY KEY,
    name text NOT NULL,
    created_at text NOT NULL,
    parent_reseller_id text
);
CREATE INDEX ON customer (parent_reseller_id);
CREATE INDEX ON customer (name);

CREATE TABLE account (
    id integer PRIMARY KEY,
    customer_id text NOT NULL REFERENCES customer (id),
    username text NOT NULL,
    username_folded text NOT NULL UNIQUE,
    sealed_key text NOT NULL,
    enabled boolean NOT NULL,
    options text NOT NULL,
    created_at text NOT NULL
);
CREATE INDEX ON account (customer_id);

CREATE TABLE sender_name (
    account_id integer NOT NULL REFERENCES account (id),
    name text NOT NULL,
    position smallint NOT NULL,
    PRIMARY KEY (account_id, name)
);

CREATE TABLE submission (
    account_id integer NOT NULL,
    id bigint NOT NULL,
    sender text NOT NULL,
    text text,
    created_at text NOT NULL,
    scheduled_at text,
    flash boolean NOT NULL,
    fast boolean NOT NULL,
    recipients text,
    sent_at text,
    invoiced_at text,
    price bigint,
    whole_sale bigint,
    cost bigint,
    group_id text,
    wire_id text,
    PRIMARY KEY (account_id, id)
);
CREATE INDEX ON submission (account_id, sent_at, id) WHERE recipients IS NOT NULL;
CREATE INDEX ON submission (account_id, invoiced_at, id) WHERE invoiced_at IS NOT NULL;
CREATE INDEX ON submission (wire_id) WHERE wire_id IS NOT NULL;

CREATE TABLE submission_count (
    account_id integer NOT NULL,
    sender_key text NOT NULL,
    month text NOT NULL,
    sender text NOT NULL,
    listed integer NOT NULL,
    PRIMARY KEY (account_id, sender_key, month, sender)
);

CREATE TABLE message (
    account_id integer NOT NULL,
    sent_at text NOT NULL,
    id bigint NOT NULL,
    submission_id bigint NOT NULL,
    sender text NOT NULL,
    recipient text NOT NULL,
    parts smallint NOT NULL,
    credit_thousandths integer NOT NULL,
    kind text NOT NULL,
    status text NOT NULL,
    status_changed_at text,
    wire_id text,
    fingerprint bigint,
    reference bigint,
    PRIMARY KEY (account_id, sent_at, id)
        INCLUDE (sender, recipient, parts, credit_thousandths, kind, status)
) PARTITION BY RANGE (sent_at);
CREATE INDEX ON message (account_id, wire_id) WHERE wire_id IS NOT NULL;
CREATE INDEX ON message (account_id, substr(sent_at, 1, 9), recipient, submission_id);
CREATE INDEX ON message (substr(sent_at, 1, 9), reference) WHERE reference IS NOT NULL;

CREATE TABLE delivery_report (
    account_id integer NOT NULL,
    reference bigint NOT NULL,
    status text NOT NULL,
    changed_at text NOT NULL,
    received_at text NOT NULL,
    PRIMARY KEY (reference, account_id, changed_at, status)
);

CREATE TABLE followed_log (
    path text PRIMARY KEY,
    head_octets integer NOT NULL,
    head_digest text NOT NULL,
    position bigint NOT NULL,
    line bigint NOT NULL,
    latest text
);

CREATE TABLE audit_entry (
    id bigint PRIMARY KEY,
    at text NOT NULL,
    who text NOT NULL,
    origin text NOT NULL,
    what text NOT NULL,
    subject text NOT NULL,
    details text NOT NULL
);

CREATE TABLE erased_number (
    digest text PRIMARY KEY,
    erased_at text NOT NULL
);

CREATE TABLE secret (
    name text PRIMARY KEY,
    value text NOT NULL
);

CREATE TABLE employee (
    id text PRIMARY KEY,
    customer_id text NOT NULL REFERENCES customer (id),
    name text NOT NULL,
    username text NOT NULL,
    username_folded text NOT NULL UNIQUE,
    password_hash text,
    level text NOT NULL,
    state text NOT NULL,
    created_at text NOT NULL
);
CREATE INDEX ON employee (customer_id);

CREATE TABLE token (
    digest text PRIMARY KEY,
    employee_id text NOT NULL REFERENCES employee (id),
    machine boolean NOT NULL,
    created_at text NOT NULL,
    expires_at text,
    address text
);
CREATE INDEX ON token (employee_id);

CREATE TABLE contact (
    customer_id text NOT NULL REFERENCES customer (id),
    number text NOT NULL,
    name text NOT NULL,
    PRIMARY KEY (customer_id, number)
);

CREATE TABLE contact_group (
    id text PRIMARY KEY,
    customer_id text NOT NULL REFERENCES customer (id),
    name text NOT NULL
);
CREATE INDEX ON contact_group (customer_id);

CREATE TABLE group_member (
    group_id text NOT NULL REFERENCES contact_group (id),
    number text NOT NULL,
    PRIMARY KEY (group_id, number)
);
"""

OFTEN = (*b" eaoinrstdlcmukpzywgbjhfv.,0123456789", *range(32, 127), *range(0xC0, 0x180))
OFTEN = (*OFTEN, *range(0x430, 0x450), *range(0x3AC, 0x3CE))
"""Characters by frequency in texts."""

APPEND_ONLY = """
CREATE FUNCTION audit_entry_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit is append-only';
END
$$;
CREATE TRIGGER audit_entry_stays BEFORE UPDATE OR DELETE ON audit_entry
    FOR EACH ROW EXECUTE FUNCTION audit_entry_stays();
CREATE TRIGGER audit_entry_all_stays BEFORE TRUNCATE ON audit_entry
    FOR EACH STATEMENT EXECUTE FUNCTION audit_entry_stays();
"""


def statements() -> Iterator[str]:
    """SQL that creates the tables in an empty database."""
    yield TEXT_COLUMN.sub(r'\1 COLLATE "C"', TABLES)
    yield APPEND_ONLY
    yield _has_folded()


def _has_folded() -> str:
    """SQL function like the Python one of sqlite/database.py: true if a text contains a folded one.
    It folds letters as `str.casefold` does."""
    letters = map(chr, range(1, sys.maxunicode + 1))
    folded = {letter: fold for letter in letters if (fold := letter.casefold()) != letter}
    single = {letter: fold for letter, fold in folded.items() if len(fold) == 1}
    # `translate` searches its list from the start: frequent characters come first, changed or not.
    first = {c: c.casefold() for c in map(chr, OFTEN) if c not in folded or c in single}
    single = {letter: fold for letter, fold in (first | single).items() if letter != "'"}
    longer = {letter: fold for letter, fold in folded.items() if len(fold) > 1}
    expanded = "given"
    for letter, fold in longer.items():
        expanded = f"replace({expanded}, '{letter}', '{fold}')"
    text = f"CASE WHEN given ~ '[{''.join(longer)}]' THEN {expanded} ELSE given END"
    expression = f"translate({text}, '{''.join(single)}', '{''.join(single.values())}')"
    return (
        "CREATE FUNCTION has_folded(given text, folded text) RETURNS boolean "
        f"LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN strpos({expression}, folded) > 0"
    )
