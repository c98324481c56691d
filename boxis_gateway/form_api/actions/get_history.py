"""`getHistory`: the account's messages (protocol page, section 8.1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from marshmallow import Schema

from boxis_gateway.bounded_cache import BoundedCache
from boxis_gateway.form_api.action import ActionCall, ListOf, action
from boxis_gateway.form_api.params import WireDate, text
from boxis_gateway.form_api.results import Columns, Rows, Success
from boxis_gateway.model import Kind, credit_text
from boxis_gateway.sms.numbers import form_address, form_addresses
from boxis_gateway.store import Row, RowStream
from boxis_gateway.zones import Zone, find_zone

PLAIN_FIELDS = frozenset(("date", "status_date", "parts", "credit", "type"))
STATUS_FIELDS = ("sms_id", "status_date")
JSON_KEYS = {"senders": ("senders",), "history": ("history",), "both": ("senders", "history")}

SENDERS = BoundedCache(form_address, max_size=1024)
CREDITS = BoundedCache(credit_text, max_size=1024)


class HistoryParams(Schema):
    """Inclusive dates; one without seconds means the whole minute (section 11)."""

    datefrom = WireDate(
        "First date, such as `2012-05-09 10:28:00`, in the account's time zone.",
        seconds_if_missing=0,
    )
    dateto = WireDate("Last date.", seconds_if_missing=59)


class HistoryMember(Schema):
    """A message; the order of its fields is that of the wire (section 8.1)."""

    sms_id = text("Id of the message; only with `history_status_fields`.", required=False)
    sender = text("Sender: a name or a number.", example="boxis.net")
    reciptient = text("Recipient; spelled as documented.", example="48514151563")
    date = text("Time of sending, past or scheduled.", example="2012-05-09 10:28:00")
    status_date = text("Time of the status; only with `history_status_fields`.", required=False)
    parts = text("Number of segments.", example="1")
    credit = text("Credits of all segments.", example="1")
    type = text("Kind of submission.", enum=[kind.value for kind in Kind])


FIELDS_WITH_STATUS = tuple(HistoryMember().fields)
FIELDS = tuple(name for name in FIELDS_WITH_STATUS if name not in STATUS_FIELDS)
HISTORY = ListOf("sms", HistoryMember, "history", tuple(JSON_KEYS["both"]))


@action("sms", "getHistory", params=HistoryParams, answers=HISTORY, cached_params=4096)
def get_history(call: ActionCall) -> Success:
    """List the account's messages, newest first; without dates, all of them."""
    zone = find_zone(call.settings.timezone)
    first, last = zone.utc_range(call.params.get("datefrom"), call.params.get("dateto"))
    with_status = call.settings.history_status_fields

    def start() -> RowStream[Columns]:
        stream = call.store.history.read(call.account.id, first, last, with_status=with_status)
        return stream.map(partial(_columns, zone, call.count_rows))

    return Success(
        Rows(
            item=HISTORY.item,
            fields=FIELDS_WITH_STATUS if with_status else FIELDS,
            start=start,
            names=(HISTORY.name,),
            names_in={"json": JSON_KEYS[call.settings.history_key]},
            plain=PLAIN_FIELDS,
        )
    )


def _columns(zone: Zone, count: Callable[[int], object], rows: list[Row]) -> Columns:
    """Rows of the store -> columns of the wire, in the order of FIELDS or FIELDS_WITH_STATUS."""
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
    return columns
