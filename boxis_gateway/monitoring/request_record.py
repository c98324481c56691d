"""What is known of one request. Whatever the client has sent, nothing in it is a secret, a number,
a text or a user name: doors put in words of theirs, and ids."""

from __future__ import annotations

import secrets
from time import perf_counter
from typing import TYPE_CHECKING, Any

from boxis_gateway.errors import GatewayError

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

KEY = "boxis_gateway.seen"  # of a WSGI environ
WITH_ADDRESS = ("refused", "limited")  # who tries again and again is found by it


class Seen:
    """A request, from the call of the application to the end of its answer.

    The defaults stand in the class, since most requests need few others. `outcome` is `success`,
    one of errors.py, `failed` (a bug), `broken_off` (by us, in mid-answer) or `vanished` (the
    client, in mid-answer). `first_byte` and `seconds` are seconds since the call; `streams` is of
    an answer that leaves in pieces."""

    door = "other"
    action = "other"
    route = ""
    account = 0
    employee = ""
    format = ""
    outcome = "success"
    reason = ""
    rows = 0
    bytes = 0
    first_byte = 0.0
    seconds = 0.0
    address = ""
    streams = False

    def __init__(self) -> None:
        self.id = secrets.token_hex(8)
        self.began = perf_counter()

    def count_rows(self, number: int) -> None:
        """So many rows are in the answer, besides those counted before."""
        self.rows += number

    def fail(self, problem: Exception) -> None:
        """This is why the answer is none. What a bug says is not ours to show."""
        self.rows = 0
        if isinstance(problem, GatewayError):
            self.outcome, self.reason = problem.outcome, problem.reason or str(problem)
        else:
            self.outcome, self.reason = "failed", type(problem).__name__

    def break_off(self, reason: str) -> None:
        """We stop in mid-answer; the first reason counts."""
        if self.outcome == "success":
            self.outcome, self.reason = "broken_off", reason

    def fields(self) -> dict[str, Any]:
        """What a line of the log has, in its order; what is not known is missing."""
        known = {
            "request": self.id,
            "door": self.door,
            "action": self.action,
            "account": self.account,
            "employee": self.employee,
            "format": self.format,
            "outcome": self.outcome,
            "reason": self.reason,
            "address": self.address,
        }
        times = {"first_byte": round(self.first_byte, 6), "seconds": round(self.seconds, 6)}
        shown = {name: value for name, value in known.items() if value}
        return {**shown, "rows": self.rows, "bytes": self.bytes, **times}

    def __str__(self) -> str:
        """The same as `name=value …`; a value of several words stands in quotes."""
        who = f" account={self.account}" if self.account else ""
        if self.employee:
            who = f" employee={self.employee}"
        kind = f" format={self.format}" if self.format else ""
        why = f" reason={_word(self.reason)}" if self.reason else ""
        where = f" address={self.address}" if self.address else ""
        action = self.action if self.door == "form" else _word(self.action)
        return (
            f"request={self.id} door={self.door} action={action}{who}{kind}"
            f" outcome={self.outcome}{why}{where} rows={self.rows} bytes={self.bytes}"
            f" first_byte={self.first_byte:.6f} seconds={self.seconds:.6f}"
        )


def _word(text: str) -> str:
    return f'"{text}"' if " " in text else text


def seen_of(environ: WSGIEnvironment) -> Seen:
    """What is known of the request of this environ, which is watched."""
    seen: Seen = environ[KEY]
    return seen


def seen_in(environ: WSGIEnvironment) -> Seen | None:
    """The same; None if nobody watches it."""
    return environ.get(KEY)
