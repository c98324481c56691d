"""`getHistory`: the account's messages, newest first (protocol page, section 8.1)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from marshmallow import Schema

from boxis_gateway.form_api.action import Call, action
from boxis_gateway.form_api.params import WireDate
from boxis_gateway.form_api.results import Columns, Rows, Success
from boxis_gateway.model import credit_text
from boxis_gateway.remembered import Remembered
from boxis_gateway.sms.numbers import all_on_form_wire, on_form_wire
from boxis_gateway.store import Row
from boxis_gateway.zones import Zone, find_zone

FIELDS = ("sender", "reciptient", "date", "parts", "credit", "type")  # sic: the wire's spelling
PLAIN_FIELDS = frozenset(("date", "status_date", "parts", "credit", "type"))
FIELDS_WITH_STATUS = ("sms_id", *FIELDS[:3], "status_date", *FIELDS[3:])
JSON_KEYS = {"senders": ("senders",), "history": ("history",), "both": ("senders", "history")}

SENDERS = Remembered(on_form_wire, most=1024)
CREDITS = Remembered(credit_text, most=1024)


class HistoryParams(Schema):
    """Both bounds are inclusive; with minutes only they mean the whole minute (section 11)."""

    datefrom = WireDate(seconds_if_missing=0)
    dateto = WireDate(seconds_if_missing=59)


@action("sms", "getHistory", params=HistoryParams, remembered=4096)
def get_history(call: Call) -> Success:
    """The account's messages, newest first; without dates, all of them."""
    zone = find_zone(call.settings.timezone)
    start, end = zone.instants(call.params.get("datefrom"), call.params.get("dateto"))
    with_status = call.settings.history_status_fields

    def walk() -> Iterator[Columns]:
        rows = call.store.messages.history(call.account.id, start, end, with_status=with_status)
        return _columns(rows, zone)

    return Success(
        Rows(
            item="sms",
            fields=FIELDS_WITH_STATUS if with_status else FIELDS,
            start=walk,
            names=("history",),
            names_in={"json": JSON_KEYS[call.settings.history_key]},
            plain=PLAIN_FIELDS,
        )
    )


def _columns(batches: Iterator[list[Row]], zone: Zone) -> Iterator[Columns]:
    """Rows of the store -> columns of the wire, in the order of FIELDS or FIELDS_WITH_STATUS."""
    for rows in batches:
        senders, recipients, times, parts, credits, kinds, *status = zip(*rows, strict=True)
        columns: list[Sequence[str | int]] = [
            SENDERS.of(senders),
            all_on_form_wire(recipients),
            zone.local_texts(times),
            parts,
            CREDITS.of(credits),
            kinds,
        ]
        if status:
            ids, wire_ids, changes = status
            columns.insert(0, [str(wire or own) for own, wire in zip(ids, wire_ids, strict=True)])
            changed = [change or sent for change, sent in zip(changes, times, strict=True)]
            columns.insert(4, zone.local_texts(changed))
        yield columns
