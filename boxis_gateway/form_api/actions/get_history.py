"""`getHistory`: the account's messages, newest first (protocol page, section 8.1)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from marshmallow import Schema

from boxis_gateway.bounded_cache import BoundedCache
from boxis_gateway.form_api.action import Call, ListOf, action
from boxis_gateway.form_api.params import WireDate, word
from boxis_gateway.form_api.results import Columns, Rows, Success
from boxis_gateway.model import Kind, credit_text
from boxis_gateway.sms.numbers import form_address, form_addresses
from boxis_gateway.store import Row
from boxis_gateway.zones import Zone, find_zone

PLAIN_FIELDS = frozenset(("date", "status_date", "parts", "credit", "type"))
STATUS_FIELDS = ("sms_id", "status_date")
JSON_KEYS = {"senders": ("senders",), "history": ("history",), "both": ("senders", "history")}

SENDERS = BoundedCache(form_address, max_size=1024)
CREDITS = BoundedCache(credit_text, max_size=1024)


class HistoryParams(Schema):
    """Both bounds are inclusive; with minutes only they mean the whole minute (section 11)."""

    datefrom = WireDate(
        "The first date, such as `2012-05-09 10:28:00`, in the account's zone.",
        seconds_if_missing=0,
    )
    dateto = WireDate("The last date.", seconds_if_missing=59)


class HistoryMember(Schema):
    """A message, in the order of the wire (section 8.1)."""

    sms_id = word("With `history_status_fields`: the message's id.", always=False)
    sender = word("The sender, a name or a number.", example="boxis.net")
    reciptient = word("The recipient; sic.", example="48514151563")  # the wire's spelling
    date = word("When it was or is to be sent.", example="2012-05-09 10:28:00")
    status_date = word("With `history_status_fields`: of the last status.", always=False)
    parts = word("Segments.", example="1")
    credit = word("Credits for all segments.", example="1")
    type = word("How it was submitted.", enum=[kind.value for kind in Kind])


FIELDS_WITH_STATUS = tuple(HistoryMember().fields)
FIELDS = tuple(name for name in FIELDS_WITH_STATUS if name not in STATUS_FIELDS)
HISTORY = ListOf("sms", HistoryMember, "history", tuple(JSON_KEYS["both"]))


@action("sms", "getHistory", params=HistoryParams, answers=HISTORY, remembered=4096)
def get_history(call: Call) -> Success:
    """The account's messages, newest first; without dates, all of them."""
    zone = find_zone(call.settings.timezone)
    start, end = zone.utc_range(call.params.get("datefrom"), call.params.get("dateto"))
    with_status = call.settings.history_status_fields

    def walk() -> Iterator[Columns]:
        rows = call.store.history.read(call.account.id, start, end, with_status=with_status)
        return _columns(rows, zone, call.count_rows)

    return Success(
        Rows(
            item=HISTORY.item,
            fields=FIELDS_WITH_STATUS if with_status else FIELDS,
            start=walk,
            names=(HISTORY.name,),
            names_in={"json": JSON_KEYS[call.settings.history_key]},
            plain=PLAIN_FIELDS,
        )
    )


def _columns(
    batches: Iterator[list[Row]], zone: Zone, count: Callable[[int], object]
) -> Iterator[Columns]:
    """Rows of the store -> columns of the wire, in the order of FIELDS or FIELDS_WITH_STATUS."""
    for rows in batches:
        count(len(rows))
        senders, recipients, times, parts, credits, kinds, *status = zip(*rows, strict=True)
        columns: list[Sequence[str | int]] = [
            SENDERS.map(senders),
            form_addresses(recipients),
            zone.to_local(times),
            parts,
            CREDITS.map(credits),
            kinds,
        ]
        if status:
            ids, wire_ids, changes = status
            columns.insert(0, [str(wire or own) for own, wire in zip(ids, wire_ids, strict=True)])
            changed = [change or sent for change, sent in zip(changes, times, strict=True)]
            columns.insert(4, zone.to_local(changed))
        yield columns
