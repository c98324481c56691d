"""What importers hand on, line by line, and what they are told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from boxis_gateway.model import NewMessage
from boxis_gateway.sms.dlr import DeliveryReport
from boxis_gateway.zones import Zone


@dataclass(frozen=True)
class ReadOptions:
    """`zone` is that of dates which name none, and `zone_given` whether somebody chose it.
    `account_field` is the field of the format that
    tells whose message it is, for formats that have such a field. `sender` is that of messages
    whose source does not tell it. `not_before` is the time of the last line of the same log that
    was read before. `username` and `secret` (a key, a password) are for sources that are asked over
    a network, and so is `since`: where to begin, `yyyy-mm-dd` or with a time behind it."""

    zone: Zone
    account_field: str | None = None
    sender: str | None = None
    not_before: str | None = None
    username: str | None = None
    secret: str | None = field(default=None, repr=False)
    zone_given: bool = True
    since: str | None = None


class GoodLine(NamedTuple):
    """A message, the number of its line (from 1), and what the account field says."""

    number: int
    message: NewMessage
    account_key: str = ""


class BadLine(NamedTuple):
    """A line that cannot be used, and why. The reason never quotes what the line says: it is
    written to a file that outlives the message."""

    number: int
    reason: str


class ReportLine(NamedTuple):
    """A delivery report for a message of this source, which may come before or after it."""

    number: int
    report: DeliveryReport


class OtherLine(NamedTuple):
    """A line that is right and holds nothing for us: an incoming message, a heading."""

    number: int
    kind: str


Line = GoodLine | ReportLine | BadLine | OtherLine


class LineError(ValueError):
    """A line that cannot be used; the text says why, without quoting it."""
