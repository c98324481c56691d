"""Named columns -> message: what the table formats (csv, jsonl) have in common.

Most tables have COLUMNS or some of them. What an export of ours has beyond them (STORED) is looked
for only in those that have any of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow, Underflow
from functools import lru_cache
from typing import TypeVar

from boxis_gateway.importers.reading.dates import to_instant
from boxis_gateway.importers.reading.lines import Unusable
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
NUMBERS_KEPT = 1024  # texts of numbers that were read

LARGEST_AMOUNT = 10**9  # of money, in whatever the operator's currency is
GREATEST_PLACE = (1 << 63) - 1

EXACT = Context(prec=40, traps=[Inexact, InvalidOperation, Overflow, Underflow])

T = TypeVar("T")
_TEXT = ALL_COLUMNS.index("text")
_NAMES = {name.replace("_", ""): name for name in (*ALL_COLUMNS, ACCOUNT)}
_CREDIT = re.compile(r"(\d{1,6})(?:\.(\d{1,3})0*)?", re.ASCII)
_AMOUNT = re.compile(r"[\d.+\-eE]+", re.ASCII)
_KINDS = {kind.value: kind for kind in Kind}
_STATUSES = {status.value: status for status in Status}
_FLAGS = {"true": True, "1": True, "false": False, "0": False}


@lru_cache(maxsize=NUMBERS_KEPT)
def column_name(name: str) -> str:
    """The name of a column as it stands in ALL_COLUMNS: case and underscores don't tell names
    apart, so that `wholeSale` is `whole_sale`."""
    plain = name.strip().lower()
    return _NAMES.get(plain.replace("_", ""), plain)


def to_message(columns: Mapping[str, str], zone: Zone) -> NewMessage:
    """The message that a line's columns describe. Blank columns count as missing.

    Raises Unusable."""
    return message_of([columns.get(name) for name in COLUMNS], zone)


def message_of(cells: Sequence[str | None], zone: Zone) -> NewMessage:
    """As `to_message`, of a cell for each of COLUMNS, in their order."""
    recipient, sender, date, text, digits, credit, kind, wire_id, status, changed_at, *money = cells
    parts = _parts(digits) if digits else count_parts(text) if text else 1
    return NewMessage(  # by place, which is quicker than by name
        _recipient(_needed("recipient", recipient)),
        short_text("sender", sender),
        to_instant("date", _needed("date", date), zone),
        text or None,
        parts,
        to_thousandths(credit) if credit else parts * 1000,  # if not told, one credit per part
        _word("type", kind, _KINDS) if kind else Kind.SENT,
        _word("status", status, _STATUSES) if status else Status.SENT,
        to_instant("status_date", changed_at, zone) if changed_at else None,
        short_text("sms_id", wire_id) if wire_id else None,
        prices=_prices(money, zone) if any(money) else None,
    )


@lru_cache(maxsize=NUMBERS_KEPT)
def to_thousandths(credit: str) -> int:
    """Credits as the store has them. Raises Unusable."""
    match = _CREDIT.fullmatch(credit)
    if not match:
        raise Unusable("credit is not a number such as 1 or 1.5, with at most three decimals")
    return int(match[1]) * 1000 + int((match[2] or "0").ljust(3, "0"))


def to_address(name: str, address: str | None) -> str:
    """A recipient of whom a program tells that it has sent: a number as E.164, anything else as it
    is. Raises Unusable if it is missing or too long."""
    plain = short_text(name, address)
    return to_e164(plain) or plain


def short_text(name: str, value: str | None) -> str:
    """A text that is there, of at most 64 characters. Raises Unusable."""
    text = _needed(name, value)
    if len(text) > 64:
        raise Unusable(f"{name} is longer than 64 characters")
    return text


def stored_message_of(cells: Sequence[str | None], zone: Zone) -> NewMessage:
    """As `message_of`, of a cell for each of ALL_COLUMNS."""
    message = message_of(cells[: len(COLUMNS)], zone)
    submission_id, created_at, scheduled_at, flash, fast, group_id, *places = cells[len(COLUMNS) :]
    if not submission_id:
        return message
    message_place, submission_place = places
    facts = SubmissionFacts(
        short_text("submission_id", submission_id),
        to_instant("created_at", created_at, zone) if created_at else message.sent_at,
        to_instant("scheduled_at", scheduled_at, zone) if scheduled_at else None,
        _word("flash", flash, _FLAGS) if flash else False,
        _word("fast", fast, _FLAGS) if fast else False,
        short_text("group_id", group_id) if group_id else None,
        _place("submission_place", submission_place) if submission_place else None,
    )
    place = _place("message_place", message_place) if message_place else None
    return message._replace(submission=facts, place=place)


def exported_message_of(cells: Sequence[str | None], zone: Zone) -> NewMessage:
    """As `stored_message_of`, of a line of an export: an empty text is one, and where there is no
    place of the message `sms_id` is ours."""
    message = stored_message_of(cells, zone)
    if message.submission is None:
        raise Unusable("submission_id is missing")
    message = message._replace(text=cells[_TEXT])
    if message.place is not None:
        return message
    place = _place("sms_id", _needed("sms_id", message.wire_id))
    return message._replace(wire_id=None, place=place)


def _place(name: str, digits: str) -> int:
    place = bounded(digits, 0, GREATEST_PLACE)
    if place is None:
        raise Unusable(f"{name} is not a number of at most 19 digits")
    return place


def _needed(name: str, value: str | None) -> str:
    if not value:
        raise Unusable(f"{name} is missing")
    return value


def _recipient(number: str) -> str:
    recipient = to_recipient(number.strip())
    if recipient is None:
        raise Unusable("recipient is not a phone number")
    return recipient


@lru_cache(maxsize=NUMBERS_KEPT)
def _parts(digits: str) -> int:
    parts = bounded(digits, 1, MOST_PARTS)
    if parts is None:
        raise Unusable(f"parts is not a number from 1 to {MOST_PARTS}")
    return parts


def _prices(cells: Sequence[str | None], zone: Zone) -> Prices:
    invoiced_at, price, whole_sale, cost = cells
    return Prices(
        to_instant("invoiced_at", invoiced_at, zone) if invoiced_at else None,
        to_millionths("price", price) if price else None,
        to_millionths("whole_sale", whole_sale) if whole_sale else None,
        to_millionths("cost", cost) if cost else None,
    )


@lru_cache(maxsize=NUMBERS_KEPT)
def to_millionths(name: str, amount: str) -> int:
    """An amount of money in millionths. Raises Unusable, which says that the column `name` is none
    or has more decimals."""
    try:
        millionths = Decimal(amount if _AMOUNT.fullmatch(amount) else "NaN").scaleb(6, EXACT)
        if 0 <= millionths < LARGEST_AMOUNT * 10**6 and millionths == int(millionths):
            return int(millionths)
    except ArithmeticError:
        pass  # no number, or one without end
    raise Unusable(f"{name} is not a number such as 0.75, with at most six decimals")


def _word(name: str, value: str, words: Mapping[str, T]) -> T:
    word = words.get(value) or words.get(value.strip().lower())
    if word is None:
        raise Unusable(f"{name} is not one of {', '.join(words)}")
    return word
