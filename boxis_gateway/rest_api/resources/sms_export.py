"""`GET /sms/export`: the messages of a list as a file; ours, not in the protocol page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from marshmallow import Schema

from boxis_gateway.errors import OperatorError
from boxis_gateway.exporters import EXPORTERS
from boxis_gateway.levels import Level
from boxis_gateway.model import Status
from boxis_gateway.rest_api.failures import access_denied, customer_not_found, unavailable
from boxis_gateway.rest_api.messages import View
from boxis_gateway.rest_api.params import Word
from boxis_gateway.rest_api.resource import Answer, Call, File, resource
from boxis_gateway.rest_api.resources.sms import SmsParams, criteria_from, customer_asked
from boxis_gateway.store import Row

TAKEN = tuple(status.value for status in Status if status is not Status.REFUSED)
"""What lists show, too."""


class ExportParams(SmsParams):
    """The conditions of a list; all have to hold."""

    format = Word("What is written.", EXPORTERS)

    class Meta:
        exclude = ("offset", "limit", "sort", "names", "cursor")


class Exported(Schema):
    """The file."""


@resource(
    "GET",
    "/sms/export",
    ExportParams,
    Exported,
    fails=(access_denied(), customer_not_found()),
    files=tuple(one.CONTENT_TYPE.partition(";")[0] for one in EXPORTERS.values()),
)
def export_sms(call: Call) -> Answer:
    """The messages of a list as a file: a row for each recipient, oldest first; for OWNER and up.

    `to` finds the rows of that recipient. Columns that the level does not see are empty."""
    if call.employee.level.rank < Level.OWNER.rank:
        raise access_denied()
    customer, which = customer_asked(call), criteria_from(call.params)
    view = View.of(call.employee, customer)
    sights = {"text": view.texts, "whole_sale": view.whole_sale, "cost": view.cost}
    hidden = [name for name, seen in sights.items() if not seen]
    exports = call.store.exports
    batches = exports.rows(exports.accounts(customer.id), which, TAKEN, hidden)
    exporter = EXPORTERS[call.params["format"]]
    first = next(batches, [])  # what cannot be read at all is a failure yet
    try:
        pieces = exporter.encode(_counted(chain([first], batches), call))
    except OperatorError as problem:
        batches.close()
        raise unavailable("format", str(problem)) from None
    name = f"sms-{customer.id}-{call.now:%Y%m%d}.{exporter.NAME}"
    return Answer(None, file=File(name, exporter.CONTENT_TYPE, pieces, batches.close))


RESOURCES = (export_sms,)


def _counted(batches: Iterable[list[Row]], call: Call) -> Iterator[list[Row]]:
    for rows in batches:
        call.count_rows(len(rows))
        yield rows
