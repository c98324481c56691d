"""Named columns -> message, for all formats with columns or fields.

Most tables have some of COLUMNS. Those of our exports beyond them (STORED) are read only from
tables that have at least one of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow, Underflow
from functools import lru_cache
from typing import TypeVar

from boxis_gateway.importers.reading.dates import parse_date
from boxis_gateway.importers.reading.lines import LineError
from boxis_gateway.model import Kind, NewMessage, Prices, Status, SubmissionFacts
from boxis_gateway.setting_kinds import bounded
from boxis_gateway.sms.numbers import to_e164, to_recipient
from boxis_gateway.sms.segments import count_parts
from boxis_gateway.zones import Zone

REQUIRED = ("recipient", "sender", "date")
OPTIONAL = ("text", "parts", "credit", "type", "sms_id", "status", "status_date")
PRICES = ("invoiced_at", "price", "whole_sale", "cost")
COLUMNS = (*REQUIRED, *OPTIONAL, *PRICES)
ACCOUNT = "account"
STORED = (
    "submission_id",
    "created_at",
    "scheduled_at",
    "flash",
    "fast",
    "group_id",
    "message_place",
    "submission_place",
)
ALL_COLUMNS = (*COLUMNS, *STORED)
MOST_PARTS = 255  # of a concatenated message (3GPP TS 23.040, 9.2.3.24.1)
CACHED_NUMBERS = 1024

LARGEST_AMOUNT = 10**9  # of money, in the operator's currency
LARGEST_ID = (1 << 63) - 1

MILLIONTH = Decimal("0.000001")
EXACT = Context(prec=40, traps=[Inexact, InvalidOperation, Overflow, Underflow])

T = TypeVar("T")
_TEXT = ALL_COLUMNS.index("text")
_NAMES = {name.replace("_", ""): name for name in (*ALL_COLUMNS, ACCOUNT)}
_CREDIT = re.compile(r"(\d{1,6})(?:\.(\d{1,3})0*)?", re.ASCII)
_AMOUNT = re.compile(r"[\d.+\-eE]+", re.ASCII)
_KINDS = {kind.value: kind for kind in Kind}
_STATUSES = {status.value: status for status in Status}
_FLAGS = {"true": True, "1": True, "false": False, "0": False}


@lru_cache(maxsize=CACHED_NUMBERS)
def column_name(name: str) -> str:
    """Normalise a column name to its spelling in ALL_COLUMNS, ignoring case and underscores:
    `wholeSale` is `whole_sale`."""
    plain = name.strip().lower()
    return _NAMES.get(plain.replace("_", ""), plain)


def to_message(columns: Mapping[str, str], zone: Zone) -> NewMessage:
    """Build the message of named columns; blank ones count as missing. Raises LineError."""
    return from_columns([columns.get(name) for name in COLUMNS], zone)


def from_columns(cells: Sequence[str | None], zone: Zone) -> NewMessage:
    """Build a message from a cell for each of COLUMNS. Raises LineError."""
    recipient, sender, date, text, digits, credit, kind, wire_id, status, changed_at, *money = cells
    parts = _parts(digits) if digits else count_parts(text) if text else 1
    return NewMessage(  # positional arguments are faster
        _recipient(required("recipient", recipient)),
        short_text("sender", sender),
        parse_date("date", required("date", date), zone),
        text or None,
        parts,
        to_thousandths(credit) if credit else parts * 1000,  # one credit per part by default
        _word("type", kind, _KINDS) if kind else Kind.SENT,
        _word("status", status, _STATUSES) if status else Status.SENT,
        parse_date("status_date", changed_at, zone) if changed_at else None,
        short_text("sms_id", wire_id) if wire_id else None,
        prices=_prices(money, zone) if any(money) else None,
    )


@lru_cache(maxsize=CACHED_NUMBERS)
def to_thousandths(credit: str) -> int:
    """Parse credits, in thousandths. Raises LineError."""
    match = _CREDIT.fullmatch(credit)
    if not match:
        raise LineError("credit is not a number such as 1 or 1.5, with at most three decimals")
    return int(match[1]) * 1000 + int((match[2] or "0").ljust(3, "0"))


def to_address(name: str, address: str | None) -> str:
    """Recipient as a sending program logged it: a number as E.164, other addresses unchanged.

    Raises LineError if it is missing or too long."""
    plain = short_text(name, address)
    return to_e164(plain) or plain


def short_text(name: str, value: str | None) -> str:
    """Return the required text of at most 64 characters. Raises LineError."""
    text = required(name, value)
    if len(text) > 64:
        raise LineError(f"{name} is longer than 64 characters")
    return text


def from_all_columns(cells: Sequence[str | None], zone: Zone) -> NewMessage:
    """Build a message from a cell for each of ALL_COLUMNS. Raises LineError."""
    message = from_columns(cells[: len(COLUMNS)], zone)
    submission_id, created_at, scheduled_at, flash, fast, group_id, *ids = cells[len(COLUMNS) :]
    if not submission_id:
        return message
    message_place, submission_place = ids
    facts = SubmissionFacts(
        short_text("submission_id", submission_id),
        parse_date("created_at", created_at, zone) if created_at else message.sent_at,
        parse_date("scheduled_at", scheduled_at, zone) if scheduled_at else None,
        _word("flash", flash, _FLAGS) if flash else False,
        _word("fast", fast, _FLAGS) if fast else False,
        short_text("group_id", group_id) if group_id else None,
        whole_number("submission_place", submission_place, 0, LARGEST_ID)
        if submission_place
        else None,
    )
    if not message_place:
        return message._replace(submission=facts)
    exported_id = whole_number("message_place", message_place, 0, LARGEST_ID)
    return message._replace(submission=facts, exported_id=exported_id)


def from_export(cells: Sequence[str | None], zone: Zone) -> NewMessage:
    """Build a message from a row of our export: an empty text differs from a missing one, and
    without `message_place` the `sms_id` is an id of ours. Raises LineError."""
    message = from_all_columns(cells, zone)
    if message.submission is None:
        raise LineError("submission_id is missing")
    message = message._replace(text=cells[_TEXT])
    if message.exported_id is not None:
        return message
    exported_id = whole_number("sms_id", required("sms_id", message.wire_id), 0, LARGEST_ID)
    return message._replace(wire_id=None, exported_id=exported_id)


def whole_number(name: str, digits: str, first: int, last: int) -> int:
    """Parse a whole number from `first` to `last`. Raises LineError."""
    number = bounded(digits, first, last)
    if number is None:
        raise LineError(f"{name} is not a number from {first} to {last}")
    return number


def required(name: str, value: str | None) -> str:
    """Return the value. Raises LineError if it is missing or empty."""
    if not value:
        raise LineError(f"{name} is missing")
    return value


def _recipient(number: str) -> str:
    recipient = to_recipient(number.strip())
    if recipient is None:
        raise LineError("recipient is not a phone number")
    return recipient


@lru_cache(maxsize=CACHED_NUMBERS)
def _parts(digits: str) -> int:
    return whole_number("parts", digits, 1, MOST_PARTS)


def _prices(cells: Sequence[str | None], zone: Zone) -> Prices:
    invoiced_at, price, whole_sale, cost = cells
    return Prices(
        parse_date("invoiced_at", invoiced_at, zone) if invoiced_at else None,
        to_millionths("price", price) if price else None,
        to_millionths("whole_sale", whole_sale) if whole_sale else None,
        to_millionths("cost", cost) if cost else None,
    )


@lru_cache(maxsize=CACHED_NUMBERS)
def to_millionths(name: str, amount: str) -> int:
    """Parse an amount of money with at most six decimals, in millionths. Raises LineError."""
    try:
        millionths = Decimal(amount if _AMOUNT.fullmatch(amount) else "NaN").scaleb(6, EXACT)
        if 0 <= millionths < LARGEST_AMOUNT * 10**6 and millionths == int(millionths):
            return int(millionths)
    except ArithmeticError:
        pass  # no number, or an infinite one
    raise LineError(f"{name} is not a number such as 0.75, with at most six decimals")


def rounded_amount(name: str, amount: str) -> str:
    """Round an amount of money to six decimals. Raises LineError."""
    try:
        return f"{Decimal(amount).quantize(MILLIONTH):f}"
    except ArithmeticError:
        raise LineError(f"{name} is not a number") from None


def _word(name: str, value: str, words: Mapping[str, T]) -> T:
    word = words.get(value) or words.get(value.strip().lower())
    if word is None:
        raise LineError(f"{name} is not one of {', '.join(words)}")
    return word
