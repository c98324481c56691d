"""ApiRequest -> Account: the authcode and the clock window (protocol page, section 3)."""

from __future__ import annotations

import hmac
from datetime import datetime

from boxis_gateway.authcode import authcode_of
from boxis_gateway.errors import AuthenticationFailed, ClockMismatch, InvalidRequest
from boxis_gateway.form_api.request import ApiRequest
from boxis_gateway.limiting import Lockouts, attempt_of
from boxis_gateway.model import Account
from boxis_gateway.networks import is_within
from boxis_gateway.setting_kinds import bounded
from boxis_gateway.settings import Settings
from boxis_gateway.store import Store


def authenticate(request: ApiRequest, store: Store, lockouts: Lockouts, address: str) -> Account:
    """The account that asks from that address.

    Raises AuthenticationFailed, the same for an unknown user, a disabled account and a wrong code,
    and LimitReached for who was wrong too often. The window is checked after this: who does not
    know the key learns nothing from it."""
    account = store.accounts.find_or_nobody(request.username)
    attempt = attempt_of("form", address, request.username, account.sealed_key)
    lockouts.check(attempt)
    user_key = store.user_keys.of(account)
    expected = authcode_of(request.timestamp, user_key).encode()
    given = request.authcode.lower().encode("utf-8", "surrogateescape")
    right = hmac.compare_digest(expected, given)
    if right and account.enabled:
        lockouts.succeeded(attempt)
        return account
    lockouts.failed(attempt)
    unknown = "account" if not account.id else "authcode"
    raise AuthenticationFailed("disabled" if right else unknown)


def check_network(settings: Settings, address: str) -> None:
    """Raises AuthenticationFailed, as for a wrong code, if the account may not ask from there."""
    if settings.networks != "any" and not is_within(address, settings.networks):
        raise AuthenticationFailed("network")


def check_clock(request: ApiRequest, settings: Settings, now: datetime) -> None:
    """Raises InvalidRequest for a malformed timestamp, ClockMismatch for one outside the window."""
    timestamp = request.timestamp
    if not (timestamp.isascii() and timestamp.isdigit()):
        raise InvalidRequest.field("timestamp")
    seconds, window = int(now.timestamp()), settings.timestamp_window_seconds
    if bounded(timestamp, seconds - window, seconds + window) is None:
        raise ClockMismatch
