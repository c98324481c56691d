"""Expected answers of the REST API: levels (protocol page, section 3) and lists."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tests.model.nouns import EPOCH, Account, Submission

MOST = 1000
LASTS, WORTH_RENEWING, EXPIRED_KEPT = (
    timedelta(minutes=15, seconds=30),
    timedelta(seconds=30),
    timedelta(days=1),
)
SEES = {
    # reach, whose texts, wholeSale, cost
    "NO_LOGIN": ("", "", False, False),
    "PERSONAL": ("", "", False, False),
    "VIEWER": ("own", "", False, False),
    "MANAGER": ("own", "", False, False),
    "OWNER": ("own", "own", False, False),
    "RESELLER": ("sub", "own", True, False),
    "RESELLER_ADMIN": ("any", "own", True, False),
    "ADMIN": ("any", "any", True, True),
}


@dataclass(eq=False)
class Customer:
    """Owner of accounts; perhaps the customer of a reseller."""

    id: str
    name: str
    reseller: str | None = None


@dataclass(eq=False)
class Employee:
    """Employee who logs in."""

    id: str
    username: str
    password: str
    level: str
    customer: Customer
    state: str = "ENABLED"

    @property
    def may_log_in(self) -> bool:
        return self.state == "ENABLED" and self.level != "NO_LOGIN"

    def reaches(self, customer: Customer) -> bool:
        reach = SEES[self.level][0]
        own, theirs = customer is self.customer, customer.reseller == self.customer.id
        return reach == "any" or (bool(reach) and own) or (reach == "sub" and theirs)

    def reads_texts_of(self, customer: Customer) -> bool:
        whose = SEES[self.level][1]
        return whose == "any" or (whose == "own" and customer is self.customer)


@dataclass(eq=False)
class Token:
    """Token of a login. `expires` is None until logout."""

    text: str
    employee: Employee
    expires: datetime | None


class Refused(Exception):
    """`code` and `message` of the answer."""


class Tokens:
    """Tokens that are valid, or were."""

    def __init__(self) -> None:
        self.all: list[Token] = []
        self.ended: list[str] = []

    def add(self, text: str, employee: Employee, now: datetime, *, persist: bool) -> None:
        long_ago = now - EXPIRED_KEPT
        self._end(
            lambda one: (
                one.employee is employee and one.expires is not None and one.expires < long_ago
            )
        )
        self.all.append(Token(text, employee, None if persist else now + LASTS))

    def log_out(self, employee: Employee) -> None:
        self._end(lambda one: one.employee is employee)

    def use(self, text: str, now: datetime) -> Employee:
        """The employee of a token. Raises Refused."""
        for one in self.all:
            if one.text == text and one.employee.may_log_in:
                if one.expires and one.expires <= now:
                    raise Refused(401, "expired")
                if one.expires and now + LASTS - one.expires >= WORTH_RENEWING:
                    one.expires = now + LASTS
                return one.employee
        raise Refused(401, "credentials_invalid")

    def _end(self, goes: Callable[[Token], bool]) -> None:
        self.ended += [one.text for one in self.all if goes(one)]
        self.all = [one for one in self.all if not goes(one)]


def listed(
    employee: Employee,
    customers: list[Customer],
    accounts: list[Account],
    query: Mapping[str, str],
) -> list[dict[str, Any]]:
    """All messages of a list, as they should be shown. Raises Refused."""
    customer = _customer_asked(employee, customers, query.get("customer"))
    order = query.get("sort", "CREATED")
    found = [
        one
        for account in accounts
        if account.customer == customer.name
        for one in account.submissions
        if one.recipients and _is_asked(one, query, employee.reads_texts_of(customer))
    ]
    found.sort(key=lambda one: _place(one, order), reverse=True)
    return [shown(one, employee, customer) for one in found]


def one_message(
    employee: Employee, customers: list[Customer], accounts: list[Account], wanted: str
) -> dict[str, Any]:
    """The message of that id. Raises Refused."""
    if not SEES[employee.level][0]:
        raise Refused(403, "access_denied")
    for account in accounts:
        customer = next(one for one in customers if one.name == account.customer)
        for one in sorted(account.submissions, key=lambda one: one.id):
            if one.shown_id == wanted and one.recipients and employee.reaches(customer):
                return shown(one, employee, customer)
    raise Refused(404, "id")


def shown(one: Submission, employee: Employee, customer: Customer) -> dict[str, Any]:
    """The object of a message."""
    _, _, whole_sale, cost = SEES[employee.level]
    texts = employee.reads_texts_of(customer)
    said = {
        "_id": one.shown_id,
        "customer": customer.id,
        "type": "SMS",
        "message": one.text.words if one.text and texts else None,
        "from": e164(one.sender),
        "to": one.recipients,
        "cost": one.line.cost if cost else None,
        "price": one.line.price,
        "wholeSale": one.line.whole_sale if whole_sale else None,
    }
    there = {name: value for name, value in said.items() if value is not None}
    sent = one.sent and one.sent.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return there | {"sent": sent}


def e164(address: str) -> str:
    """A number with its `+`, anything else as it is."""
    digits = address.strip().removeprefix("+")
    return f"+{digits}" if digits.isdigit() and len(digits) > 6 else address


def _customer_asked(employee: Employee, customers: list[Customer], asked: str | None) -> Customer:
    reach = SEES[employee.level][0]
    if not reach:
        raise Refused(403, "access_denied")
    if reach == "own" or not asked:
        return employee.customer
    for one in customers:
        if one.id == asked.lower():
            if not employee.reaches(one):
                raise Refused(403, "access_denied")
            return one
    raise Refused(404, "bad_request")


def _is_asked(one: Submission, query: Mapping[str, str], texts: bool) -> bool:
    month = one.created.strftime("%Y-%m")
    text = one.text.words if one.text and texts else None
    wanted = query.get("message", "").casefold()
    return (
        query.get("fromDate", "") <= month <= query.get("toDate", "9999")
        and ("to" not in query or e164(query["to"]) in one.recipients)
        and ("from" not in query or e164(query["from"]).lower() == e164(one.sender).lower())
        and (not wanted or (text is not None and wanted in text.casefold()))
    )


def _place(one: Submission, order: str) -> tuple[bool, datetime, int, int]:
    time = {"CREATED": EPOCH, "SENT": one.sent, "INVOICED": one.line.invoiced}[order]
    return time is not None, time or EPOCH, one.id, one.account.id
