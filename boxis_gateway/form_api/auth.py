"""Authcode and clock window of a request (protocol page, section 3)."""

from __future__ import annotations

import hmac
from datetime import datetime

from boxis_gateway.authcode import authcode_of
from boxis_gateway.errors import AuthenticationFailed, ClockMismatch, InvalidRequest
from boxis_gateway.form_api.request import ApiRequest
from boxis_gateway.limiting import Lockouts, attempt_of
from boxis_gateway.model import MAX_USERNAME_LENGTH, Account
from boxis_gateway.networks import is_within
from boxis_gateway.setting_kinds import bounded
from boxis_gateway.settings import Settings, for_account
from boxis_gateway.store import Store


def authenticate(
    request: ApiRequest, store: Store, settings: Settings, lockouts: Lockouts, address: str
) -> Account:
    """Check user name, authcode, state and network of the account; `address` is the client's.

    Raises AuthenticationFailed with the same text for each of them, or LimitReached during a
    lockout. A name that is too long is no name. Check the clock after this, so that it tells
    nothing without the key."""
    username = request.username if len(request.username) <= MAX_USERNAME_LENGTH else ""
    account = store.accounts.find_or_nobody(username)
    attempt = attempt_of("form", address, username, account.sealed_key)
    lockouts.check(attempt)
    user_key = store.user_keys.get(account)
    expected = authcode_of(request.timestamp, user_key).encode()
    given = request.authcode.lower().encode("utf-8", "surrogateescape")
    is_right = hmac.compare_digest(expected, given)
    is_allowed = is_within(address, for_account(settings, account.options).networks)
    if is_right and account.enabled and is_allowed:
        lockouts.succeeded(attempt)
        return account
    lockouts.failed(attempt)
    if is_right:
        raise AuthenticationFailed("network" if account.enabled else "disabled")
    raise AuthenticationFailed("authcode" if account.id else "account")


def check_clock(request: ApiRequest, settings: Settings, now: datetime) -> None:
    """Raise InvalidRequest for a malformed timestamp, ClockMismatch outside the clock window."""
    timestamp = request.timestamp
    if not (timestamp.isascii() and timestamp.isdigit()):
        raise InvalidRequest.field("timestamp")
    seconds, window = int(now.timestamp()), settings.timestamp_window_seconds
    if bounded(timestamp, seconds - window, seconds + window) is None:
        raise ClockMismatch
