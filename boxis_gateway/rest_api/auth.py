"""Password -> token, token -> session (REST protocol page, section 2). No HTTP here."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from boxis_gateway.levels import Level, State
from boxis_gateway.limiting import Lockouts, attempt_of
from boxis_gateway.model import Employee, Session
from boxis_gateway.passwords import is_right
from boxis_gateway.rest_api.failures import credentials_invalid, expired
from boxis_gateway.settings import Settings
from boxis_gateway.store import UNKNOWN, Store, acting
from boxis_gateway.zones import from_utc_text, utc_text

RENEWED_AFTER = timedelta(seconds=30)  # a renewal is a write; a token lasts this much longer for it


def token_digest(token: str) -> str:
    """What is kept of a token: SHA-256, in hexadecimal. A token is random enough for that."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def new_token() -> str:
    """A random token: 40 letters and digits that need no quoting in a URL."""
    return secrets.token_hex(20)


def check_password(
    store: Store, lockouts: Lockouts, username: str, password: str, address: str
) -> Employee:
    """The employee, if that is the password and the employee may log in.

    Raises RestFailure, the same whatever is not right, and LimitReached for who was wrong too often
    from that address."""
    employee = store.employees.find(username)
    password_hash = employee.password_hash if employee else None
    attempt = attempt_of("rest", address, username, password_hash or "")
    lockouts.check(attempt)
    if is_right(password_hash, password) and employee and may_log_in(employee):
        lockouts.succeeded(attempt)
        return employee
    lockouts.failed(attempt)
    raise credentials_invalid("password" if employee else "employee")


def may_log_in(employee: Employee) -> bool:
    """Neither disabled nor of a level that can't."""
    return employee.state is State.ENABLED and employee.level is not Level.NO_LOGIN


def open_session(
    store: Store,
    employee: Employee,
    settings: Settings,
    now: datetime,
    *,
    address: str,
    persist: bool,
) -> str:
    """A new token of the employee; one that persists lasts until logout. Raises RestFailure if the
    password was changed since it was checked."""
    token = new_token()
    expires_at = None if persist else now + _lifetime(settings)
    digest = token_digest(token)
    with acting(employee.username, address or UNKNOWN):
        known = address or None
        if not store.tokens.add(employee, digest, now, expires_at=expires_at, address=known):
            raise credentials_invalid("password")
    return token


def find_session(store: Store, token: str | None, now: datetime) -> Session:
    """Whose token it is. Raises RestFailure: `expired` for one whose time is over,
    `credentials_invalid` for anything else that opens nothing."""
    session = store.tokens.find(token_digest(token)) if token else None
    if session is None:
        raise credentials_invalid("token" if token else "no_token")
    if not may_log_in(session.employee):
        raise credentials_invalid("disabled")
    if session.expires_at is not None and session.expires_at <= utc_text(now):
        raise expired()
    return session


def renew(store: Store, session: Session, settings: Settings, now: datetime) -> None:
    """Use restarts a token's time, if the settings say so."""
    if session.expires_at is None or not settings.token_renewal:
        return
    expires_at = now + _lifetime(settings)
    if expires_at - from_utc_text(session.expires_at) >= RENEWED_AFTER:
        store.tokens.renew(session, expires_at)


def _lifetime(settings: Settings) -> timedelta:
    return timedelta(minutes=settings.token_minutes) + RENEWED_AFTER
