"""Messages and reports on their way into the store, in transactions of BATCH."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import datetime

from boxis_gateway.importers.reading.lines import BadLine, GoodLine, Line, OtherLine, ReportLine
from boxis_gateway.importing.account_map import AccountMap
from boxis_gateway.importing.fingerprints import Fingerprints
from boxis_gateway.importing.reject_file import RejectFile
from boxis_gateway.importing.summary import Summary
from boxis_gateway.model import Account, NewMessage
from boxis_gateway.sms.dlr import DeliveryReport, apply_report, is_about
from boxis_gateway.store import Cutoffs, cutoffs_of
from boxis_gateway.zones import utc_now, utc_text

BATCH = 5_000  # lines in one transaction
TOO_OLD = "message older than the account keeps"
ERASED = "message of a number that was erased"


class BatchWriter:
    """Takes the lines of a source, one by one. What was taken is in the store after `flush`."""

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
        self._reported: dict[int, tuple[int, int]] = {}  # account and index of what is in _messages
        self._limits: dict[int, Cutoffs] = {}
        self._reports: list[DeliveryReport] = []
        self._count = 0
        self._fingerprints = Fingerprints()
        self._submission: str | None = None

    def take(self, line: Line) -> None:
        """Sort the line out. Raises StoreError, ImportFailed (the file of bad lines)."""
        self.summary.read += 1
        if type(line) is GoodLine:
            _, message, key = line
            account = self._accounts.find(key)
            if account:
                self._add(account, message)
                return
            names = "names an account that does not exist" if key else "names no account"
            line = BadLine(line.number, f"the line {names}")
        if isinstance(line, ReportLine):
            self.summary.reports += 1
            self._counted(None)
            if not self._changed_at_once(line.report):
                self._reports.append(line.report)
        elif isinstance(line, BadLine):
            self.summary.reasons[line.reason] += 1
            self._rejects.add(line)
        elif isinstance(line, OtherLine):
            self.summary.other[line.what] += 1

    def flush(self) -> None:
        """Bring what was taken into the store: a transaction for each account, and one for the
        reports, which come after the messages."""
        for account_id, messages in self._messages.items():
            self._put(account_id, messages)
        self._messages.clear()
        self._reported.clear()
        if self._reports and self._dry_run:
            found = self._store.delivery_reports.find(self._reports, self._accounts.one_id)
            self.summary.reports_waiting += len(self._reports) - found
        elif self._reports:
            now = utc_text(self._clock())
            applied = self._store.delivery_reports.apply(self._reports, self._accounts.one_id, now)
            self.summary.reports_used += applied.changed
            self.summary.reports_waiting += applied.waiting
        self._reports.clear()
        self._count = 0

    def look_again(self) -> None:
        """What accounts keep may have changed: a log is followed for long."""
        self._limits.clear()

    def _add(self, account: Account, message: NewMessage) -> None:
        limits = self._limits.get(account.id) or self._look_up_limits(account)
        if message.sent_at < limits.messages_from:
            self.summary.other[TOO_OLD] += 1
            return
        fingerprint = self._fingerprints.of(account.id, message)
        if message.sent_at < limits.texts_from:
            message = message._replace(text=None)
        self._counted(message.submission.wire_id if message.submission else None)
        messages = self._messages[account.id]
        if message.reported_as is not None:
            self._reported[message.reported_as] = account.id, len(messages)
        messages.append((fingerprint, message))

    def _changed_at_once(self, report: DeliveryReport) -> bool:
        """Whether the message of the report is in this batch, as mostly in a log; it is changed."""
        for reference in report.references:
            place = self._reported.get(reference)
            if place:
                messages = self._messages[place[0]]
                fingerprint, message = messages[place[1]]
                if not is_about(report, message.sent_at):
                    return False
                messages[place[1]] = fingerprint, apply_report(message, report)
                self.summary.reports_used += 1
                return True
        return False

    def _look_up_limits(self, account: Account) -> Cutoffs:
        """What the account keeps by now; see `look_again`."""
        account = self._store.accounts.get(account.username)
        limits = cutoffs_of(self._accounts.settings, account, self._clock())
        self._limits[account.id] = limits
        return limits

    def _counted(self, submission: str | None) -> None:
        """One more; a full batch goes first, but not between recipients of a submission."""
        if self._count >= BATCH and (submission is None or submission != self._submission):
            self.flush()
        self._submission = submission
        self._count += 1

    def _put(self, account_id: int, messages: list[tuple[int, NewMessage]]) -> None:
        store = self._store.additions
        put = store.would_add if self._dry_run else store.add
        added = put(account_id, messages)
        summary = self.summary
        summary.added += added.new
        summary.changed += added.changed
        summary.known += len(messages) - added.new - added.erased
        summary.refused += added.refused
        summary.other += Counter({ERASED: added.erased} if added.erased else ())
