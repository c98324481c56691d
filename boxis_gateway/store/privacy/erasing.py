"""The walk over a store that finds a number and puts ERASED_NUMBER in its place, or only counts.

Messages stay as rows, and so do all totals. What is to be changed is looked for without a lock, and
read again by the transaction that changes it: others may have done so meanwhile.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple

from boxis_gateway.sms.mentions import mask_mentions, mentions
from boxis_gateway.sms.numbers import ERASED_NUMBER
from boxis_gateway.store.engines.base import (
    BATCH_ROWS,
    EVERY_ACCOUNT,
    Maintenance,
    Row,
    StoreDatabase,
)
from boxis_gateway.store.ids import IDS_PER_MILLISECOND, LEAST_ID, UPPER_HALF, first_id
from boxis_gateway.store.messages.counts import Counts
from boxis_gateway.store.privacy.erased_numbers import number_in

NO_NUMBER = "substr({0}, 1, 2) NOT BETWEEN '+1' AND '+9'"
ADDRESSES_SQL = f"""
    SELECT sender FROM message UNION SELECT sender FROM submission
    UNION SELECT sender FROM submission_count UNION SELECT name FROM sender_name
    UNION SELECT recipient FROM message WHERE {NO_NUMBER.format("recipient")}
    UNION SELECT number FROM contact WHERE {NO_NUMBER.format("number")}
    UNION SELECT number FROM group_member WHERE {NO_NUMBER.format("number")}
"""  # E.164 is there in one spelling; these are short codes, names, and oddities of logs
SPELT = "IN (SELECT value FROM json_each(:spellings))"

ENTRIES = (
    f"contact WHERE number {SPELT}",
    f"group_member WHERE number {SPELT}",
    f"sender_name WHERE name {SPELT}",
)
COUNT_ENTRIES_SQL = " + ".join(f"(SELECT count(*) FROM {one})" for one in ENTRIES)
NAMES_SQL = "SELECT DISTINCT name FROM {}"
MASK_NAME_SQL = "UPDATE {} SET name = :masked WHERE name = :name"

MESSAGES_SQL = f"""
    SELECT sent_at, id, submission_id, recipient {SPELT} FROM message
    WHERE account_id = :account AND (sent_at, id) > (:after, :id)
        AND (recipient {SPELT} OR sender {SPELT} OR instr(wire_id, :digits) > 0)
    ORDER BY sent_at, id LIMIT :most
"""
MESSAGE = "account_id = :account AND sent_at = :sent_at AND id = :id"
ERASE_MESSAGE_SQL = f"""
    UPDATE message SET
        recipient = CASE WHEN recipient {SPELT} THEN '{ERASED_NUMBER}' ELSE recipient END,
        sender = CASE WHEN sender {SPELT} THEN '{ERASED_NUMBER}' ELSE sender END,
        wire_id = CASE WHEN instr(wire_id, :digits) > 0 THEN NULL ELSE wire_id END,
        fingerprint = NULL,
        reference = NULL
    WHERE {MESSAGE}
"""
# An id that was made of the wire id (ids.py) becomes one such as grouped.py gives.
ERASE_MESSAGE_ID_SQL = f"""
    UPDATE message SET id = (
        SELECT coalesce(max(id) + 1, :first) FROM message
        WHERE account_id = :account AND sent_at = :sent_at AND id BETWEEN :first AND :last
    )
    WHERE {MESSAGE} AND instr(CAST(id AS TEXT), :digits) > 0
"""

SUBMISSIONS_SQL = f"""
    SELECT id, coalesce(sender {SPELT}, FALSE)
        OR coalesce(instr(char(10) || recipients || char(10), :line) > 0, FALSE)
        OR coalesce(instr(wire_id, :digits) > 0, FALSE), text
    FROM submission WHERE account_id = :account AND id > :id ORDER BY id LIMIT :most
"""
SOME = "account_id = :account AND id IN (SELECT value + 0 FROM json_each(:ids))"
READ_SQL = f"""
    SELECT id, substr(created_at, 1, 7), text, sender, recipients, wire_id FROM submission
    WHERE {SOME}
"""
WRITE_SQL = """
    UPDATE submission
    SET text = :text, sender = :sender, recipients = :recipients, wire_id = :wire_id
    WHERE account_id = :account AND id = :id
"""
FORGET_COUNTS_SQL = f"DELETE FROM submission_count WHERE listed = 0 AND sender {SPELT}"


@dataclass
class ErasureCounts:
    """How much of a number was erased, or would be: messages to and from it, their texts, others'
    texts that mention it, and entries of phone books, groups and sender names."""

    messages: int = 0
    texts: int = 0
    mentions: int = 0
    entries: int = 0


class _Told(NamedTuple):
    """What of a submission may tell a number."""

    text: str | None
    sender: str
    recipients: str | None
    wire_id: str | None


def in_texts(number: str) -> str | None:
    """The number to look for in texts and names; None for short codes."""
    return number if number.startswith("+") else None


class Walk:
    """One walk over all of a store, for one number. `found` grows on the way."""

    def __init__(
        self, database: StoreDatabase, maintenance: Maintenance, number: str, *, dry_run: bool
    ) -> None:
        self.found = ErasureCounts()
        self._database, self._maintenance = database, maintenance
        self._dry_run = dry_run
        self._counts = Counts(database)
        self._number, self._in_texts = number, in_texts(number)
        self._digits = self._in_texts and self._in_texts[1:]
        addresses = (address for (address,) in database.execute_sql(ADDRESSES_SQL, ()))
        self._spellings = {number, *(one for one in addresses if number_in(one) == number)}
        self._parameters = {
            "in_texts": self._in_texts,
            "digits": self._digits,
            "spellings": json.dumps(sorted(self._spellings)),
            "most": BATCH_ROWS,
        }
        self._seen: set[int] = set()  # submissions of the account that were sent to the number

    def to_the_end(self) -> ErasureCounts:
        """Go; what was found in all."""
        self._entries()
        accounts = self._database.execute_sql("SELECT id FROM account", ()).fetchall()
        for (account_id,) in accounts:
            self._seen.clear()
            for rows in self._messages(account_id):
                with self._turn(account_id):
                    self._erase_messages(account_id, rows)
            for ids in self._submissions(account_id):
                with self._turn(account_id):
                    self._erase_submissions(account_id, ids)
        with self._turn(EVERY_ACCOUNT):
            self._write(FORGET_COUNTS_SQL)
        return self.found

    def _entries(self) -> None:
        with self._turn():
            self.found.entries = self._read(f"SELECT {COUNT_ENTRIES_SQL}")[0][0]
            for entries in ENTRIES:
                self._write(f"DELETE FROM {entries}")
            for table in ("contact", "contact_group"):
                self._mask_names(table)

    def _mask_names(self, table: str) -> None:
        for (name,) in self._read(NAMES_SQL.format(table)):
            if self._is_mentioned(name):
                new = mask_mentions(name, self._number)
                self._write(MASK_NAME_SQL.format(table), name=name, masked=new)

    def _messages(self, account_id: int) -> Iterator[list[Row]]:
        """Time, id and submission of messages that tell the number, and whether they go to it."""
        after = ("", LEAST_ID)
        while rows := self._read(MESSAGES_SQL, account=account_id, after=after[0], id=after[1]):
            yield rows
            after = rows[-1][:2]

    def _erase_messages(self, account_id: int, rows: Sequence[Row]) -> None:
        self.found.messages += len(rows)
        for sent_at, number, _, _ in rows:
            key = {"account": account_id, "sent_at": sent_at, "id": number}
            self._write(ERASE_MESSAGE_SQL, **key)
            first = first_id(sent_at)
            free = {"first": first + UPPER_HALF, "last": first + IDS_PER_MILLISECOND - 1}
            self._write(ERASE_MESSAGE_ID_SQL, **key, **free)
        # A submission that was refused lists no recipients: only here is it known to be theirs.
        theirs = {submission_id for *_, submission_id, is_theirs in rows if is_theirs}
        self._erase_submissions(account_id, sorted(theirs - self._seen), theirs=True)
        self._seen |= theirs

    def _submissions(self, account_id: int) -> Iterator[list[int]]:
        """Submissions that tell the number."""
        after, line = LEAST_ID, f"\n{self._number}\n"
        while rows := self._read(SUBMISSIONS_SQL, account=account_id, id=after, line=line):
            yield [
                number
                for number, is_told, text in rows
                if number not in self._seen and (is_told or self._is_mentioned(text))
            ]
            after = rows[-1][0]

    def _is_mentioned(self, text: str | None) -> bool:
        return bool(text and self._in_texts and mentions(text, self._in_texts))

    def _erase_submissions(
        self, account_id: int, ids: Sequence[int], *, theirs: bool = False
    ) -> None:
        counted: Counter[tuple[str, str]] = Counter()
        for number, month, *told in self._read(READ_SQL, account=account_id, ids=json.dumps(ids)):
            old = _Told(*told)
            new = self._without_number(old, theirs)
            self.found.texts += old.text is not None and new.text is None
            self.found.mentions += new.text not in (None, old.text)
            self._write(WRITE_SQL, account=account_id, id=number, **new._asdict())
            if new.recipients and new.sender != old.sender:
                counted[old.sender, month] -= 1
                counted[new.sender, month] += 1
        if not self._dry_run:
            self._counts.change(account_id, counted)

    def _without_number(self, old: _Told, theirs: bool) -> _Told:
        sender = ERASED_NUMBER if old.sender in self._spellings else old.sender
        lines = old.recipients.split("\n") if old.recipients else []
        recipients = [ERASED_NUMBER if line in self._spellings else line for line in lines]
        text = old.text
        if theirs or (sender, recipients) != (old.sender, lines):
            text = None
        elif text and self._in_texts:
            text = mask_mentions(text, self._in_texts)
        tells = self._digits and old.wire_id and self._digits in old.wire_id
        wire_id = None if tells else old.wire_id
        return _Told(text, sender, "\n".join(recipients) or None, wire_id)

    def _read(self, sql: str, **parameters: Any) -> list[Row]:
        rows: list[Row] = self._database.execute_sql(sql, self._parameters | parameters).fetchall()
        return rows

    def _write(self, sql: str, **parameters: Any) -> None:
        if not self._dry_run:
            self._database.execute_sql(sql, self._parameters | parameters)

    def _turn(self, account_id: int | None = None) -> AbstractContextManager[None]:
        return (
            nullcontext() if self._dry_run else self._maintenance.throttled_transaction(account_id)
        )
