"""From a file into the store: recognise, read, tell repeats apart, add in batches, report.

Importing is idempotent. A message's fingerprint is made of what identifies it: its `sms_id` where
it has one, else time, sender, recipient, text and the source's own reference, and how many times
the same stood in the file before (two equal lines are two messages). So the same lines are the same
messages whatever file brings them, in one run or after one that was killed; each batch is one
transaction.
"""

from __future__ import annotations

import csv
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from boxis_gateway.errors import ImportFailed
from boxis_gateway.importers import find_importer
from boxis_gateway.importers.lines import BadLine, GoodLine, Line, OtherLine, ReadOptions
from boxis_gateway.model import Account, NewMessage, Status
from boxis_gateway.store import Store

HEAD_BYTES = 65_536
LONGEST_LINE = 1_048_576  # bytes
TOO_LONG = b"\xff\n"  # handed on in place of a longer one: a bad line in every format
BATCH = 5_000  # messages in one transaction
REPEATS_KEPT = 100_000


@dataclass
class Summary:
    """What became of the lines of a file."""

    format: str
    added: int = 0
    known: int = 0
    refused: int = 0  # among the added and known: refused by the SMSC, so not in the history
    bad: int = 0
    other: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Accounts:
    """Whose a message is: the account of its key, through `names` if it stands there; the default
    account's if it has no key. A key that nobody knows is nobody's: a slip in `names` must not show
    one customer's messages to another."""

    store: Store
    default: Account | None
    names: Mapping[str, str]
    _found: dict[str, Account | None] = field(default_factory=dict)

    def find(self, key: str) -> Account | None:
        """The account, or None if there is none for the key."""
        if key not in self._found:
            username = self.names.get(key, key)
            self._found[key] = self.store.accounts.find(username) if username else self.default
        return self._found[key]


class Repeats:
    """Counts equal keys. It remembers the last REPEATS_KEPT to twice as many different ones: equal
    lines further apart than that are taken for one message, which keeps the memory flat."""

    def __init__(self, kept: int = REPEATS_KEPT) -> None:
        self._kept = kept
        self._now: dict[Hashable, int] = {}
        self._before: dict[Hashable, int] = {}

    def count(self, key: Hashable) -> int:
        """How many times the key came before."""
        times = self._now.get(key, self._before.get(key, 0))
        if len(self._now) >= self._kept:
            self._now, self._before = {}, self._now
        self._now[key] = times + 1
        return times


class Rejects:
    """The file of bad lines: number and reason, never what the line says. It is there only if there
    is a bad line; that of an earlier run goes. Raises ImportFailed if it cannot be written."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._file: IO[str] | None = None
        self._rows: Any = None

    def __enter__(self) -> Rejects:
        if self.path:
            with self._explained():
                self.path.unlink(missing_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, t: TracebackType | None
    ) -> None:
        if self._file:
            with self._explained():
                self._file.close()

    def add(self, line: BadLine) -> None:
        """Write the line down."""
        if self.path is None:
            return
        with self._explained():
            if self._file is None:
                descriptor = os.open(self.path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
                self._file = os.fdopen(descriptor, "w", encoding="utf-8", newline="")
                self._rows = csv.writer(self._file)
                self._rows.writerow(BadLine._fields)
            self._rows.writerow(line)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as problem:
            raise ImportFailed(
                f"The list of bad lines {self.path} cannot be written: {problem.strerror}. "
                "Choose another place with --rejects."
            ) from None


def run_import(
    path: Path,
    accounts: Accounts,
    options: ReadOptions,
    *,
    format_name: str | None = None,
    rejects_path: Path | None = None,
    dry_run: bool = False,
    progress: Callable[[int], object] = lambda octets: None,
) -> Summary:
    """Import a file; `progress` is told how many octets were read since it was told last.

    Raises OperatorError if the file or the store cannot be used; the batches before stay."""
    try:
        with open(path, "rb") as file:
            importer = find_importer(format_name, _head(file))
            if options.account_field not in (None, *importer.ACCOUNT_FIELDS):
                raise ImportFailed(f"{importer.NAME} files have no {options.account_field} field.")
            batches = _Batches(accounts, dry_run, Summary(importer.NAME))
            with Rejects(None if dry_run else rejects_path) as rejects:
                for line in importer.read(_lines(file, progress), options):
                    _sort_out(line, batches, rejects)
                batches.flush()
            return batches.summary
    except OSError as problem:
        reason = problem.strerror or "not a regular file"
        raise ImportFailed(f"{path} cannot be read: {reason}. Check the path.") from None


def _sort_out(line: Line, batches: _Batches, rejects: Rejects) -> None:
    if type(line) is GoodLine:
        _, message, key = line
        account = batches.accounts.find(key)
        if account:
            batches.add(account.id, message)
            return
        names = "names an account that does not exist" if key else "names no account"
        line = BadLine(line.number, f"the line {names}")
    if isinstance(line, BadLine):
        batches.summary.bad += 1
        rejects.add(line)
    elif isinstance(line, OtherLine):
        batches.summary.other[line.what] += 1


class _Batches:
    """Messages on their way, by account."""

    def __init__(self, accounts: Accounts, dry_run: bool, summary: Summary) -> None:
        self.accounts = accounts
        self.summary = summary
        messages = accounts.store.messages
        self._put = messages.missing if dry_run else messages.add
        self._waiting: dict[int, list[tuple[int, NewMessage]]] = defaultdict(list)
        self._count = 0
        self._repeats = Repeats()

    def add(self, account_id: int, message: NewMessage) -> None:
        self._waiting[account_id].append((self._fingerprint(account_id, message), message))
        self._count += 1
        if self._count == BATCH:
            self.flush()

    def flush(self) -> None:
        for account_id, messages in self._waiting.items():
            added = self._put(account_id, messages)
            self.summary.added += added
            self.summary.known += len(messages) - added
            self.summary.refused += [message.status for _, message in messages].count(
                Status.REFUSED
            )
        self._waiting.clear()
        self._count = 0

    def _fingerprint(self, account_id: int, new: NewMessage) -> int:
        if new.wire_id is not None:
            return fingerprint("id", new.wire_id)
        identity = (new.sent_at, new.sender, new.recipient, new.text or "", new.reference)
        first = fingerprint(*identity, "0")
        times = self._repeats.count((account_id << 64) + first)
        return fingerprint(*identity, str(times)) if times else first


def fingerprint(*identity: str) -> int:
    """64 bits, signed, that stay the same on every machine and in every version."""
    digest = blake2b("\0".join(identity).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def _head(file: IO[bytes]) -> bytes:
    head = file.read(HEAD_BYTES)
    file.seek(0)
    return head if len(head) < HEAD_BYTES else head[: head.rfind(b"\n") + 1] or head


def _lines(file: IO[bytes], progress: Callable[[int], object]) -> Iterator[bytes]:
    octets, told = 0, 0
    while line := file.readline(LONGEST_LINE):
        octets += len(line)
        if len(line) == LONGEST_LINE:
            while len(rest := file.readline(LONGEST_LINE)) == LONGEST_LINE:
                octets += len(rest)
            octets += len(rest)
            line = TOO_LONG
        yield line
        if octets - told >= HEAD_BYTES:
            progress(octets - told)
            told = octets
    progress(octets - told)
