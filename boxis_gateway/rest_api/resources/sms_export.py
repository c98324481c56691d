"""`GET /sms/export`: messages as a file; not in the protocol page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import chain

from marshmallow import Schema

from boxis_gateway.errors import OperatorError
from boxis_gateway.exporters import EXPORTERS
from boxis_gateway.levels import Level
from boxis_gateway.model import Status
from boxis_gateway.rest_api.failures import access_denied, customer_not_found, unavailable
from boxis_gateway.rest_api.messages import view_of
from boxis_gateway.rest_api.params import Choice
from boxis_gateway.rest_api.resource import Answer, File, ResourceCall, resource
from boxis_gateway.rest_api.resources.sms import SmsParams, criteria_from, requested_customer
from boxis_gateway.store import Row

EXPORTED_STATUSES = tuple(status.value for status in Status if status is not Status.REFUSED)


class ExportParams(SmsParams):
    """Filters of the list, which all have to match."""

    format = Choice("Format of the file.", EXPORTERS)

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
    files=tuple(exporter.CONTENT_TYPE.partition(";")[0] for exporter in EXPORTERS.values()),
)
def export_sms(call: ResourceCall) -> Answer:
    """Export messages as a file: a row for each recipient, oldest first; for OWNER and up.

    `to` selects the rows of that recipient. Columns hidden from the access level are empty."""
    if call.employee.level.rank < Level.OWNER.rank:
        raise access_denied()
    customer, criteria = requested_customer(call), criteria_from(call.params)
    view = view_of(call.employee, customer)
    visible = {"text": view.texts, "whole_sale": view.whole_sale, "cost": view.cost}
    hidden = [name for name, is_visible in visible.items() if not is_visible]
    exporter = EXPORTERS[call.params["format"]]
    name = f"sms-{customer.id}-{call.now:%Y%m%d}.{exporter.NAME}"
    with ExitStack() as end:
        user, slots = ("rest", call.employee.id), call.settings.max_streams
        release_slot = call.limiter.streams.acquire(user, slots)
        end.callback(release_slot)
        exports = call.store.exports
        rows = exports.rows(exports.accounts(customer.id), criteria, EXPORTED_STATUSES, hidden)
        end.callback(rows.close)
        first = next(rows, [])  # a store that cannot be read is still a failure here
        try:
            pieces = exporter.encode(_counted(chain([first], rows), call))
        except OperatorError as problem:
            raise unavailable("format", str(problem)) from None
        end.pop_all()  # it is the file that closes them
        return Answer(None, file=File(name, exporter.CONTENT_TYPE, pieces, rows, release_slot))


RESOURCES = (export_sms,)


def _counted(batches: Iterable[list[Row]], call: ResourceCall) -> Iterator[list[Row]]:
    for rows in batches:
        call.count_rows(len(rows))
        yield rows
