"""Messages to be sent, inserted on the writer thread."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import pytest
from peewee import IntegrityError

from boxis_gateway.model import Account, Kind, Status
from boxis_gateway.sms.dlr import DeliveryReport
from boxis_gateway.store import Criteria, ListQuery, Store, Write, Writer
from boxis_gateway.store.messages.free_ids import FreeIds
from boxis_gateway.store.messages.inserter import MessageInserter
from boxis_gateway.store.tables import MessageRow, SubmissionRow
from tests.support.store_checks import counted, recounted
from tests.support.waiting import LIMIT_SECONDS

NOW = "2012-05-09 10:28:00"
TO = tuple(f"+4851415156{digit}" for digit in range(6))


def sending(
    store: Store, account: Account, id_of: Callable[[FreeIds], int], reference: int = 0
) -> Write[int]:
    """A text to each of TO, in a submission with that id."""

    def run() -> int:
        message_ids = FreeIds(store.database, "message", account.id)
        submission_id = id_of(FreeIds(store.database, "submission", account.id))
        submission = SubmissionRow(
            account.id, submission_id, "s", "hi", NOW, None, False, False, "\n".join(TO), None
        )
        kind, status = Kind.SENT.value, Status.PENDING.value
        messages = [
            MessageRow(
                *(account.id, NOW, message_ids.new(NOW), submission_id, "s", recipient, 1, 1000),
                *(kind, status),
                reference=reference + place,
            )
            for place, recipient in enumerate(TO)
        ]
        store.database.ensure_partitions([NOW])
        MessageInserter(store.database).insert(account.id, [submission], messages)
        return submission_id

    return Write(run, account.id)


def test_messages_to_be_sent_are_inserted_by_group(store: Store, account: Account) -> None:
    report = DeliveryReport((3,), Status.DELIVERED, NOW)
    store.delivery_reports.apply([report], account.id, NOW)
    with closing(Writer(store)) as writer:
        ids = [
            writer.submit(sending(store, account, lambda free: free.new(NOW), reference))
            for reference in (0, 10)
        ]
        first, second = (written.result(LIMIT_SECONDS) for written in ids)
        again = writer.submit(sending(store, account, lambda free: first))
        with pytest.raises(IntegrityError):
            again.result(LIMIT_SECONDS)
    assert second == first + 1
    page, total = store.submissions.page(ListQuery([account.id], Criteria(), limit=9))
    assert [listed.recipients for listed in page] == ["\n".join(TO)] * total
    assert [listed.sent_at for listed in page] == [None, NOW]  # one was delivered already
    recent = store.history.recent(account.id, "", "9", 20)
    assert [message.recipient for message in recent] == [*TO[::-1]] * 2
    assert [message.status for message in recent[-4:]] == ["delivered", *["pending"] * 3]
    assert counted(store) == recounted(store)
