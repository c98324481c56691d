"""Facts about one request, for logs, metrics and traces.

They never include a secret, number, text or user name: the APIs set fixed words and ids alone.
"""

from __future__ import annotations

import secrets
from time import perf_counter
from typing import TYPE_CHECKING, Any

from boxis_gateway.errors import GatewayError

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

KEY = "boxis_gateway.request_record"  # in the WSGI environ


class RequestRecord:
    """A request, from the call of the application to the end of its answer.

    Defaults are class attributes, as most requests set few of them. `outcome` is `success`, an
    `outcome` of errors.py, `failed` (a bug), `aborted` (by the server, in mid-answer) or
    `disconnected` (by the client, in mid-answer). `first_byte` and `seconds` are seconds since the
    call; `streams` is true of an answer sent in pieces."""

    api = "other"
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
        """Add rows of the answer."""
        self.rows += number

    def fail(self, problem: Exception) -> None:
        """Set outcome and reason; of a bug only its type, as its text may quote a secret."""
        self.rows = 0
        if isinstance(problem, GatewayError):
            self.outcome, self.reason = problem.outcome, problem.reason or str(problem)
        else:
            self.outcome, self.reason = "failed", type(problem).__name__

    def abort(self, reason: str) -> None:
        """Set the outcome `aborted`, unless another one is set."""
        if self.outcome == "success":
            self.outcome, self.reason = "aborted", reason

    def fields(self) -> dict[str, Any]:
        """Fields of the log line, in order; empty ones are left out."""
        fields = {
            "request": self.id,
            "api": self.api,
            "action": self.action,
            "account": self.account,
            "employee": self.employee,
            "format": self.format,
            "outcome": self.outcome,
            "reason": self.reason,
            "address": self.address,
        }
        times = {"first_byte": round(self.first_byte, 6), "seconds": round(self.seconds, 6)}
        shown = {name: value for name, value in fields.items() if value}
        return {**shown, "rows": self.rows, "bytes": self.bytes, **times}

    def __str__(self) -> str:
        """Fields as `name=value …`; a value of several words is quoted."""
        user = f" account={self.account}" if self.account else ""
        if self.employee:
            user = f" employee={self.employee}"
        format = f" format={self.format}" if self.format else ""
        reason = f" reason={_word(self.reason)}" if self.reason else ""
        address = f" address={self.address}" if self.address else ""
        action = self.action if self.api == "form" else _word(self.action)
        return (
            f"request={self.id} api={self.api} action={action}{user}{format}"
            f" outcome={self.outcome}{reason}{address} rows={self.rows} bytes={self.bytes}"
            f" first_byte={self.first_byte:.6f} seconds={self.seconds:.6f}"
        )


def _word(text: str) -> str:
    return f'"{text}"' if " " in text else text


def get_record(environ: WSGIEnvironment) -> RequestRecord:
    """The record of a monitored request."""
    record: RequestRecord = environ[KEY]
    return record
