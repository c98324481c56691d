"""Scan of a store that replaces a number by ERASED_NUMBER, or counts it.

Messages stay as rows, so no total changes. The search takes no lock; the transaction that changes
rows reads them again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from boxis_gateway.sms.mentions import mask_mentions, mentions
from boxis_gateway.sms.numbers import ERASED_NUMBER
from boxis_gateway.store.engines.base import (
    BATCH_ROWS,
    EVERY_ACCOUNT,
    Row,
    StoreDatabase,
)
from boxis_gateway.store.engines.dialect import Dialect
from boxis_gateway.store.ids import IDS_PER_MILLISECOND, LEAST_ID, UPPER_HALF, first_id
from boxis_gateway.store.messages.counts import Counts
from boxis_gateway.store.privacy.erased_numbers import comparable
from boxis_gateway.store.privacy.job import Job

NOT_E164 = "substr({0}, 1, 2) NOT BETWEEN '+1' AND '+9'"
ADDRESSES_SQL = f"""
    SELECT sender FROM message UNION SELECT sender FROM submission
    UNION SELECT sender FROM submission_count UNION SELECT name FROM sender_name
    UNION SELECT recipient FROM message WHERE {NOT_E164.format("recipient")}
    UNION SELECT number FROM contact WHERE {NOT_E164.format("number")}
    UNION SELECT number FROM group_member WHERE {NOT_E164.format("number")}
"""  # E.164 has one spelling; these are short codes, names, and oddities of logs
NAMES_SQL = "SELECT DISTINCT name FROM {}"
MASK_NAME_SQL = "UPDATE {} SET name = :masked WHERE name = :name"

WRITE_SQL = """
    UPDATE submission
    SET text = :text, sender = :sender, recipients = :recipients, wire_id = :wire_id
    WHERE account_id = :account AND id = :id
"""


class _Statements:
    """SQL with fragments of the dialect. `:spellings` are those of the number, `:digits` its own,
    `:line` is the number in a list of recipients."""

    def __init__(self, dialect: Dialect) -> None:
        is_number, in_ids = dialect.in_array(":spellings"), dialect.in_array(":ids")
        line = dialect.position("'\n' || recipients || '\n'", ":line")
        has_digits = f"{dialect.position('wire_id', ':digits')} > 0"
        self.entries = (
            f"contact WHERE number {is_number}",
            f"group_member WHERE number {is_number}",
            f"sender_name WHERE name {is_number}",
        )
        counts = (f"(SELECT count(*) FROM {entries})" for entries in self.entries)
        self.count_entries = f"SELECT {' + '.join(counts)}"
        self.messages = f"""
            SELECT sent_at, id, submission_id, recipient {is_number} FROM message
            WHERE account_id = :account AND (sent_at, id) > (:after, :id)
                AND (recipient {is_number} OR sender {is_number} OR {has_digits})
            ORDER BY sent_at, id LIMIT :limit
        """
        message = "account_id = :account AND sent_at = :sent_at AND id = :id"
        number = f"'{ERASED_NUMBER}'"
        self.erase_message = f"""
            UPDATE message SET
                recipient = CASE WHEN recipient {is_number} THEN {number} ELSE recipient END,
                sender = CASE WHEN sender {is_number} THEN {number} ELSE sender END,
                wire_id = CASE WHEN {has_digits} THEN NULL ELSE wire_id END,
                fingerprint = NULL,
                reference = NULL
            WHERE {message}
        """
        # An id that was made of the wire id (ids.py) becomes a new one, as in free_ids.py.
        self.erase_message_id = f"""
            UPDATE message SET id = (
                SELECT coalesce(max(id) + 1, :first) FROM message
                WHERE account_id = :account AND sent_at = :sent_at AND id BETWEEN :first AND :last
            )
            WHERE {message} AND {dialect.position("CAST(id AS TEXT)", ":digits")} > 0
        """
        self.submissions = f"""
            SELECT id, coalesce(sender {is_number}, FALSE) OR coalesce({line} > 0, FALSE)
                OR coalesce({has_digits}, FALSE), text
            FROM submission WHERE account_id = :account AND id > :id ORDER BY id LIMIT :limit
        """
        self.read_submissions = f"""
            SELECT id, substr(created_at, 1, 7), text, sender, recipients, wire_id FROM submission
            WHERE account_id = :account AND id {in_ids}
        """
        self.delete_counts = f"DELETE FROM submission_count WHERE listed = 0 AND sender {is_number}"


@dataclass
class ErasureCounts:
    """Erased data of a number: messages to and from it, their texts, mentions in other texts, and
    entries of phone books, groups and sender names."""

    messages: int = 0
    texts: int = 0
    mentions: int = 0
    entries: int = 0


class _Message(NamedTuple):
    """Message to or from the number."""

    sent_at: str
    id: int
    submission_id: int
    is_to_number: bool


class _Personal(NamedTuple):
    """Columns of a submission that may contain a number."""

    text: str | None
    sender: str
    recipients: str | None
    wire_id: str | None


def number_in_texts(number: str) -> str | None:
    """The number to search in texts and names; None for short codes."""
    return number if number.startswith("+") else None


class ErasureScan:
    """Scan of a store for a number; `counts` grows meanwhile."""

    def __init__(self, database: StoreDatabase, job: Job, number: str) -> None:
        self.counts = ErasureCounts()
        self._database, self._job = database, job
        self._sql, self._array = _Statements(database.dialect), database.dialect.array
        self._submission_counts = Counts(database)
        self._number, self._in_texts = number, number_in_texts(number)
        self._digits = self._in_texts and self._in_texts[1:]
        addresses = (address for (address,) in database.execute_sql(ADDRESSES_SQL))
        self._spellings = {number, *(each for each in addresses if comparable(each) == number)}
        self._parameters = {
            "digits": self._digits,
            "spellings": self._array(sorted(self._spellings)),
            "limit": BATCH_ROWS,
        }
        self._erased_ids: set[int] = set()  # the account's submissions to the number

    def run(self) -> ErasureCounts:
        """Scan everything."""
        self._erase_entries()
        for (account_id,) in self._read("SELECT id FROM account"):
            self._erased_ids.clear()
            for messages in self._messages(account_id):
                with self._job.transaction(account_id):
                    self._erase_messages(account_id, messages)
            for ids in self._submissions(account_id):
                with self._job.transaction(account_id):
                    self._erase_submissions(account_id, ids)
        with self._job.transaction(EVERY_ACCOUNT):
            self._write(self._sql.delete_counts)
        return self.counts

    def _erase_entries(self) -> None:
        with self._job.transaction():
            ((self.counts.entries,),) = self._read(self._sql.count_entries)
            for entries in self._sql.entries:
                self._write(f"DELETE FROM {entries}")
            for table in ("contact", "contact_group"):
                self._mask_names(table)

    def _mask_names(self, table: str) -> None:
        for (name,) in self._read(NAMES_SQL.format(table)):
            if self._is_mentioned(name):
                masked = mask_mentions(name, self._number)
                self._write(MASK_NAME_SQL.format(table), name=name, masked=masked)

    def _messages(self, account_id: int) -> Iterator[list[_Message]]:
        """Batches of messages with the number."""
        last = _Message("", LEAST_ID, 0, False)
        while rows := self._read(
            self._sql.messages, account=account_id, after=last.sent_at, id=last.id
        ):
            messages = [_Message(*row) for row in rows]
            yield messages
            last = messages[-1]

    def _erase_messages(self, account_id: int, messages: Sequence[_Message]) -> None:
        self.counts.messages += len(messages)
        for message in messages:
            key = {"account": account_id, "sent_at": message.sent_at, "id": message.id}
            self._write(self._sql.erase_message, **key)
            first = first_id(message.sent_at)
            free = {"first": first + UPPER_HALF, "last": first + IDS_PER_MILLISECOND - 1}
            self._write(self._sql.erase_message_id, **key, **free)
        # Refused submissions list no recipients: only their messages have the number.
        ids = {message.submission_id for message in messages if message.is_to_number}
        self._erase_submissions(account_id, sorted(ids - self._erased_ids), to_number=True)
        self._erased_ids |= ids

    def _submissions(self, account_id: int) -> Iterator[list[int]]:
        """Batches of ids of other submissions with the number."""
        after, line = LEAST_ID, f"\n{self._number}\n"
        while rows := self._read(self._sql.submissions, account=account_id, id=after, line=line):
            yield [
                submission_id
                for submission_id, has_number, text in rows
                if submission_id not in self._erased_ids
                and (has_number or self._is_mentioned(text))
            ]
            *_, (after, _, _) = rows

    def _is_mentioned(self, text: str | None) -> bool:
        return bool(text and self._in_texts and mentions(text, self._in_texts))

    def _erase_submissions(
        self, account_id: int, ids: Sequence[int], *, to_number: bool = False
    ) -> None:
        counted: Counter[tuple[str, str]] = Counter()
        rows = self._read(self._sql.read_submissions, account=account_id, ids=self._array(ids))
        for submission_id, month, *columns in rows:
            old = _Personal(*columns)
            new = self._without_number(old, to_number)
            self.counts.texts += old.text is not None and new.text is None
            self.counts.mentions += new.text not in (None, old.text)
            self._write(WRITE_SQL, account=account_id, id=submission_id, **new._asdict())
            if new.recipients and new.sender != old.sender:
                counted[old.sender, month] -= 1
                counted[new.sender, month] += 1
        self._job.change(self._submission_counts.change, account_id, counted)

    def _without_number(self, old: _Personal, to_number: bool) -> _Personal:
        sender = ERASED_NUMBER if old.sender in self._spellings else old.sender
        lines = old.recipients.split("\n") if old.recipients else []
        recipients = [ERASED_NUMBER if line in self._spellings else line for line in lines]
        text = old.text
        if to_number or (sender, recipients) != (old.sender, lines):
            text = None
        elif text and self._in_texts:
            text = mask_mentions(text, self._in_texts)
        has_digits = self._digits and old.wire_id and self._digits in old.wire_id
        wire_id = None if has_digits else old.wire_id
        return _Personal(text, sender, "\n".join(recipients) or None, wire_id)

    def _read(self, sql: str, **parameters: Any) -> list[Row]:
        rows: list[Row] = self._database.execute_sql(sql, self._parameters | parameters).fetchall()
        return rows

    def _write(self, sql: str, **parameters: Any) -> None:
        self._job.change(self._database.execute_sql, sql, self._parameters | parameters)
