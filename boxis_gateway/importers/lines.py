"""What importers hand on, line by line, and what they are told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from boxis_gateway.model import NewMessage
from boxis_gateway.zones import Zone


@dataclass(frozen=True)
class ReadOptions:
    """`zone` is that of dates which name none. `account_field` is the field of the format that
    tells whose message it is, for formats that have such a field."""

    zone: Zone
    account_field: str | None = None


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


class OtherLine(NamedTuple):
    """A line that is right and holds no message that was sent: a delivery report, an incoming
    message, a heading."""

    number: int
    what: str


Line = GoodLine | BadLine | OtherLine


class Unusable(ValueError):
    """A line that cannot be used; the text says why, without quoting it."""
