"""Writer of messages and delivery reports in batches."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import datetime

from boxis_gateway.importers.reading.lines import BadLine, GoodLine, Line, OtherLine, ReportLine
from boxis_gateway.importing.account_map import AccountMap
from boxis_gateway.importing.fingerprints import Fingerprinter
from boxis_gateway.importing.reject_file import RejectFile
from boxis_gateway.importing.summary import Summary
from boxis_gateway.model import Account, NewMessage
from boxis_gateway.sms.dlr import DeliveryReport, apply_report, is_about
from boxis_gateway.store import Cutoffs, cutoffs_of
from boxis_gateway.zones import utc_now, utc_text

BATCH = 5_000  # lines in one transaction
BATCH_CHARACTERS = 8_000_000  # of their texts, at about which it ends, too
LONGEST_TEXT = 100_000  # characters: no phone shows more
TOO_LONG = f"text of more than {LONGEST_TEXT} characters"
TOO_OLD = "message older than the account keeps"
ERASED = "message of a number that was erased"


class BatchWriter:
    """Writes the lines of a source into the store. Call `flush` after the last one."""

    def __init__(
        self,
        accounts: AccountMap,
        summary: Summary,
        rejects: RejectFile,
        *,
        dry_run: bool = False,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.summary = summary
        self._accounts = accounts
        self._rejects = rejects
        self._dry_run = dry_run
        self._clock = clock
        self._store = accounts.store
        self._messages: dict[int, list[tuple[int, NewMessage]]] = defaultdict(list)
        self._indexes: dict[int, tuple[int, int]] = {}  # reference -> account, index in _messages
        self._cutoffs: dict[int, Cutoffs] = {}
        self._reports: list[DeliveryReport] = []
        self._count = self._characters = 0
        self._fingerprinter = Fingerprinter()
        self._submission: str | None = None

    def add(self, line: Line) -> None:
        """Add a line to the batch. Raises StoreError, or ImportFailed (of the reject file)."""
        self.summary.read += 1
        if type(line) is GoodLine:
            _, message, key = line
            account = self._accounts.find(key)
            if account and len(message.text or "") <= LONGEST_TEXT:
                self._add_message(account, message)
                return
            names = "names an account that does not exist" if key else "names no account"
            line = BadLine(line.number, TOO_LONG if account else f"the line {names}")
        if isinstance(line, ReportLine):
            self.summary.reports += 1
            self._make_room(None)
            if not self._apply_in_batch(line.report):
                self._reports.append(line.report)
        elif isinstance(line, BadLine):
            self.summary.reasons[line.reason] += 1
            self._rejects.add(line)
        elif isinstance(line, OtherLine):
            self.summary.other[line.kind] += 1

    def flush(self) -> None:
        """Write the batch: a transaction for each account, then one for the delivery reports."""
        for account_id, messages in self._messages.items():
            self._write_messages(account_id, messages)
        self._messages.clear()
        self._indexes.clear()
        if self._reports:
            self._write_reports(self._accounts.single_account_id)
        self._reports.clear()
        self._count = self._characters = 0

    def forget_cutoffs(self) -> None:
        """Read the retention periods of accounts anew, since following a log takes long."""
        self._cutoffs.clear()

    def _add_message(self, account: Account, message: NewMessage) -> None:
        cutoffs = self._cutoffs.get(account.id) or self._find_cutoffs(account)
        if message.sent_at < cutoffs.messages_from:
            self.summary.other[TOO_OLD] += 1
            return
        fingerprint = self._fingerprinter.fingerprint(account.id, message)
        if message.sent_at < cutoffs.texts_from:
            message = message._replace(text=None)
        self._make_room(message.submission.wire_id if message.submission else None)
        self._characters += len(message.text or "")
        messages = self._messages[account.id]
        if message.reported_as is not None:
            self._indexes[message.reported_as] = account.id, len(messages)
        messages.append((fingerprint, message))

    def _apply_in_batch(self, report: DeliveryReport) -> bool:
        """Apply the report if its message is in this batch, as mostly in a log; True if it is."""
        for reference in report.references:
            if reference in self._indexes:
                account_id, index = self._indexes[reference]
                messages = self._messages[account_id]
                fingerprint, message = messages[index]
                if not is_about(report, message.sent_at):
                    return False
                messages[index] = fingerprint, apply_report(message, report)
                self.summary.reports_used += 1
                return True
        return False

    def _find_cutoffs(self, account: Account) -> Cutoffs:
        account = self._store.accounts.get(account.username)
        cutoffs = cutoffs_of(self._accounts.settings, account, self._clock())
        self._cutoffs[account.id] = cutoffs
        return cutoffs

    def _make_room(self, submission: str | None) -> None:
        """Flush a full batch, but never between recipients of one submission; count a line."""
        is_full = self._count >= BATCH or self._characters >= BATCH_CHARACTERS
        if is_full and (submission is None or submission != self._submission):
            self.flush()
        self._submission = submission
        self._count += 1

    def _write_messages(self, account_id: int, messages: list[tuple[int, NewMessage]]) -> None:
        added = self._store.additions.add(account_id, messages, dry_run=self._dry_run)
        summary = self.summary
        summary.added += added.new
        summary.changed += added.changed
        summary.known += len(messages) - added.new - added.erased
        summary.refused += added.refused
        summary.other += Counter({ERASED: added.erased} if added.erased else ())

    def _write_reports(self, account_id: int) -> None:
        applied = self._store.delivery_reports.apply(
            self._reports, account_id, utc_text(self._clock()), dry_run=self._dry_run
        )
        self.summary.reports_used += applied.changed
        self.summary.reports_waiting += applied.waiting
