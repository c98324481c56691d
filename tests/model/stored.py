"""Expected content of a store: accounts, messages, erased numbers, waiting reports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta

from tests.model.nouns import Account, Line, Message, Submission, first_id

REPORT_DAYS, REPORT_EARLY = timedelta(days=30), timedelta(minutes=2)


class Stored:
    """All accounts, and what they have in common."""

    def __init__(self) -> None:
        self.accounts: list[Account] = []
        self.erased: set[str] = set()
        self.waiting: set[tuple[int, str, str, datetime, datetime]] = set()

    def add(self, account: Account, lines: Iterable[Line], now: datetime) -> Counter[str]:
        """Import the lines; what became of them, by the words of `Summary`."""
        counted: Counter[str] = Counter()
        repeats: Counter[object] = Counter()
        known = {one.identity: one for one in account.messages}
        for line in lines:
            if line.sent < account.keeps_from("keep_messages_days", now):
                continue
            plain = _identity(line)
            identity = plain if line.wire_id else (plain, repeats[plain], line.sent)
            repeats[plain] += 1
            if {line.recipient, _e164(line.sender)} & self.erased:
                continue
            if line.sent < account.keeps_from("keep_texts_days", now):
                line = _without_text(line)
            if identity in known:
                counted["known"] += 1
                counted["changed"] += known[identity].becomes(line.status, line.changed)
            else:
                counted["added"] += 1
                known[identity] = self._new(account, line, identity)
        return counted

    def report(
        self, account_id: int, reference: str, status: str, changed: datetime, now: datetime
    ) -> None:
        """A delivery report; 0 is of any account."""
        about = [
            message
            for account in self.accounts
            if account_id in (0, account.id)
            for message in account.messages
            if message.reference == reference and _is_about(changed, message)
        ]
        if about:
            max(about, key=lambda one: (one.line.sent, one.id)).becomes(status, changed)
        elif not any(one[:4] == (account_id, reference, status, changed) for one in self.waiting):
            self.waiting.add((account_id, reference, status, changed, now))

    def prune(self, account: Account, now: datetime) -> tuple[int, int]:
        """Prune; the number of messages and of texts that went."""
        messages_from = account.keeps_from("keep_messages_days", now)
        texts_from = account.keeps_from("keep_texts_days", now)
        before = sum(1 for _ in account.messages)
        for one in account.submissions:
            one.messages = [each for each in one.messages if each.line.sent >= messages_from]
        account.submissions = [one for one in account.submissions if one.messages]
        old = [
            one
            for one in account.submissions
            if one.text is not None
            and one.created < texts_from
            and all(each.line.sent < texts_from for each in one.messages)
        ]
        for one in old:
            one.text = None
        return before - sum(1 for _ in account.messages), len(old)

    def prune_reports(self, now: datetime) -> int:
        old = {one for one in self.waiting if one[4] < now - REPORT_DAYS}
        self.waiting -= old
        return len(old)

    def erase(self, number: str) -> None:
        """Erase the number."""
        self.erased.add(number)
        for one in (one for account in self.accounts for one in account.submissions):
            theirs = [each for each in one.messages if each.recipient == number]
            mine = _e164(one.sender) == number
            for each in one.messages if mine else theirs:
                each.identity, each.reference = object(), ""
            for each in theirs:
                each.recipient = "0"
            if mine:
                one.sender = "0"
                for each in one.messages:
                    each.sender = "0"
            if mine or theirs:
                one.text = None
            elif one.text:
                one.text = one.text.without(number)

    def _new(self, account: Account, line: Line, identity: object) -> Message:
        submission = self._submission(account, line)
        message = Message(
            submission,
            line,
            line.recipient,
            line.sender,
            _message_id(account, submission, line),
            identity,
            line.status,
            line.changed,
            line.reference,
        )
        submission.messages.append(message)
        if line.status not in ("pending", "refused"):
            submission.sent = min(submission.sent or line.sent, line.sent)
        for report in sorted(self.waiting, key=str):
            account_id, reference, status, changed, _ = report
            mine = account_id in (0, account.id) and reference == line.reference
            if mine and _is_about(changed, message):
                message.becomes(status, changed)
                self.waiting.discard(report)
        return message

    @staticmethod
    def _submission(account: Account, line: Line) -> Submission:
        created = line.created or line.sent
        looks = (line.submission, line.sender, created, line.text)
        for one in account.submissions:
            if one.wire_id and looks == (one.wire_id, one.sender, one.created, one.text):
                return one
        alike = [
            one.number
            for one in account.submissions
            if one.created == created and bool(one.wire_id) == bool(line.submission)
        ]
        number = max(alike, default=-1) + 1
        made = Submission(account, line.submission, created, line.sender, line.text, number, line)
        account.submissions.append(made)
        return made


def _message_id(account: Account, submission: Submission, line: Line) -> int:
    if line.submission:
        first = first_id(line.sent) + 500_000
        ours = range(first, first + 500_000)
        return max((one.id for one in account.messages if one.id in ours), default=first - 1) + 1
    if line.wire_id.isdigit():
        short = len(line.wire_id) <= 19
        return int(line.wire_id) if short else 9 * 10**18 + 1 + int(line.wire_id[-17:])
    return submission.id


def _identity(line: Line) -> object:
    if line.wire_id:
        return line.wire_id
    if line.submission:
        return line.submission, line.recipient
    return line.sent, line.sender, line.recipient, line.text and line.text.words, line.reference


def _without_text(line: Line) -> Line:
    return Line(**{**vars(line), "text": None})


def _is_about(changed: datetime, message: Message) -> bool:
    return changed - REPORT_DAYS <= message.line.sent <= changed + REPORT_EARLY


def _e164(sender: str) -> str:
    digits = sender.removeprefix("+")
    return f"+{digits}" if digits.isdigit() else sender
