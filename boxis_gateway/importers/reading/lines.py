"""Lines that importers yield, and the options that they take."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from boxis_gateway.model import NewMessage
from boxis_gateway.sms.dlr import DeliveryReport
from boxis_gateway.zones import Zone


@dataclass(frozen=True)
class ReadOptions:
    """Options of a read.

    `zone` applies to dates without an offset; `zone_given` is True if the operator chose it.
    `account_field` is the field of the format that holds the account key. `sender` fills in where
    the source has none. `not_before` is the time of the last line read before from the same log.
    `username`, `secret` (a key or password) and `since` (the first date, `yyyy-mm-dd` and
    optionally a time) are for sources at a URL."""

    zone: Zone
    account_field: str | None = None
    sender: str | None = None
    not_before: str | None = None
    username: str | None = None
    secret: str | None = field(default=None, repr=False)
    zone_given: bool = True
    since: str | None = None


class GoodLine(NamedTuple):
    """Message with the number of its line (from 1) and the value of the account field."""

    number: int
    message: NewMessage
    account_key: str = ""


class BadLine(NamedTuple):
    """Line that cannot be imported. The reason never quotes the line: the reject file that it is
    written to outlives the message."""

    number: int
    reason: str


class ReportLine(NamedTuple):
    """Delivery report of a message of the same source, before or after it."""

    number: int
    report: DeliveryReport


class OtherLine(NamedTuple):
    """Valid line without a sent message, such as an incoming message or a heading; skipped."""

    number: int
    kind: str


Line = GoodLine | ReportLine | BadLine | OtherLine


class LineError(ValueError):
    """Reason why a line is bad, without quoting it."""
