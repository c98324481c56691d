"""Password -> token, token -> session (REST protocol page, section 2)."""

from __future__ import annotations

import hashlib
import secrets
from contextlib import suppress
from datetime import datetime, timedelta

from boxis_gateway.errors import Unavailable
from boxis_gateway.levels import Level, State
from boxis_gateway.limiting import Lockouts, attempt_of
from boxis_gateway.model import Employee, Session
from boxis_gateway.passwords import verify_password
from boxis_gateway.rest_api.failures import credentials_invalid, expired
from boxis_gateway.settings import Settings
from boxis_gateway.store import UNKNOWN, Store, Write, Writer, acting_as
from boxis_gateway.zones import from_utc_text, utc_text

RENEWAL_INTERVAL = timedelta(seconds=30)  # a renewal is a write; added to a token's lifetime


def token_digest(token: str) -> str:
    """SHA-256 of a token in hexadecimal, which the store keeps; a random token needs no salt."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def new_token() -> str:
    """Make a random token of 40 hexadecimal digits."""
    return secrets.token_hex(20)


class PasswordCheck:
    """The check of a user name and password, first for a lockout; `address` is the client's.

    Raises LimitReached during a lockout."""

    def __init__(
        self, store: Store, lockouts: Lockouts, username: str, password: str, address: str
    ) -> None:
        self.employee = store.employees.find(username)
        self._password_hash = self.employee.password_hash if self.employee else None
        self._password, self._lockouts = password, lockouts
        self._attempt = attempt_of("rest", address, username, self._password_hash or "")
        lockouts.check(self._attempt)

    def run(self) -> None:
        """Check the password and the state of the employee, which takes some 20 ms and no store.

        Raises RestFailure with the same text for each of them, or LimitReached if attempts that
        were checked meanwhile have led to a lockout."""
        self._lockouts.check(self._attempt)
        employee = self.employee
        if verify_password(self._password_hash, self._password) and may_log_in(employee):
            self._lockouts.succeeded(self._attempt)
            return
        self._lockouts.failed(self._attempt)
        raise credentials_invalid("password" if employee else "employee")


def may_log_in(employee: Employee | None) -> bool:
    """True for an enabled employee with any level but NO_LOGIN."""
    if employee is None or employee.state is not State.ENABLED:
        return False
    return employee.level is not Level.NO_LOGIN


def open_session(
    store: Store,
    employee: Employee,
    settings: Settings,
    now: datetime,
    *,
    address: str,
    persist: bool,
) -> str:
    """Make a token of the employee; with `persist` it lasts until logout. Raises RestFailure if the
    password has changed since it was checked."""
    token = new_token()
    expires_at = None if persist else now + _lifetime(settings)
    digest = token_digest(token)
    with acting_as(employee.username, address or UNKNOWN):
        if not store.tokens.add(
            employee, digest, now, expires_at=expires_at, address=address or None
        ):
            raise credentials_invalid("password")
    return token


def find_session(store: Store, token: str | None, now: datetime) -> Session:
    """Find the session of a token. Raises RestFailure: `expired` for an expired token,
    `credentials_invalid` for any other that is not valid."""
    session = store.tokens.find(token_digest(token)) if token else None
    if session is None:
        raise credentials_invalid("token" if token else "no_token")
    if not may_log_in(session.employee):
        raise credentials_invalid("disabled")
    if session.expires_at is not None and session.expires_at <= utc_text(now):
        raise expired()
    return session


class Renewals:
    """Renewals of tokens, for which no request waits."""

    def __init__(self, store: Store, writer: Writer) -> None:
        self._store, self._writer = store, writer
        self._in_progress: set[str] = set()  # digests: a used token waits in the queue only once

    def renew(self, session: Session, settings: Settings, now: datetime) -> None:
        """Extend the session's lifetime soon, if the settings allow it. A renewal that fails is
        repeated by the next use of the token."""
        if session.expires_at is None or not settings.token_renewal:
            return
        digest, expires_at = session.digest, now + _lifetime(settings)
        is_due = expires_at - from_utc_text(session.expires_at) >= RENEWAL_INTERVAL
        if is_due and digest not in self._in_progress:
            write = Write(lambda: self._store.tokens.renew(session, expires_at))
            with suppress(Unavailable):  # too many writes wait
                future = self._writer.submit(write)
                self._in_progress.add(digest)
                future.add_done_callback(lambda _: self._in_progress.discard(digest))


def _lifetime(settings: Settings) -> timedelta:
    return timedelta(minutes=settings.token_minutes) + RENEWAL_INTERVAL
