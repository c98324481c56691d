"""Lines of the model, as sources have them."""

from __future__ import annotations

import csv
from datetime import datetime
from io import StringIO

from boxis_gateway.importers.reading.columns import COLUMNS
from boxis_gateway.model import Kind, NewMessage, Status
from boxis_gateway.sms.dlr import reference_hash
from boxis_gateway.zones import utc_text
from tests.model.nouns import Line

SUBMISSION_COLUMNS = ("submission_id", "created_at")


def as_csv(lines: list[Line]) -> str:
    """A file that `import` reads."""
    out = StringIO()
    table = csv.writer(out)
    table.writerow((*COLUMNS, *SUBMISSION_COLUMNS))
    table.writerows(
        [cells[name] for name in (*COLUMNS, *SUBMISSION_COLUMNS)] for cells in map(_cells, lines)
    )
    return out.getvalue()


def _cells(line: Line) -> dict[str, object]:
    return {
        "recipient": line.recipient,
        "sender": line.sender,
        "date": _date(line.sent),
        "text": line.text.words if line.text else "",
        "parts": line.parts,
        "credit": line.credit,
        "type": line.kind,
        "sms_id": line.wire_id,
        "status": line.status,
        "status_date": _date(line.changed),
        "invoiced_at": _date(line.invoiced),
        "price": _money(line.price),
        "whole_sale": _money(line.whole_sale),
        "cost": _money(line.cost),
        "submission_id": line.submission,
        "created_at": _date(line.created),
    }


def _date(moment: datetime | None) -> str:
    return moment.isoformat() if moment else ""


def _money(amount: float | None) -> str:
    return "" if amount is None else str(amount)


def as_message(line: Line) -> NewMessage:
    """The importer's line for a delivery report in a log."""
    return NewMessage(
        line.recipient,
        line.sender,
        utc_text(line.sent),
        line.text.words if line.text else None,
        line.parts,
        round(float(line.credit) * 1000),
        Kind(line.kind),
        Status(line.status),
        utc_text(line.changed) if line.changed else None,
        reference=line.reference,
        reported_as=reference_hash(line.reference),
    )
