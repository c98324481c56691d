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
from boxis_gateway.settings import Settings, for_account
from boxis_gateway.store import Store


def authenticate(
    request: ApiRequest, store: Store, settings: Settings, lockouts: Lockouts, address: str
) -> Account:
    """The account that asks from that address.

    Raises AuthenticationFailed, the same for an unknown user, a disabled account, a wrong code and
    a network that the account may not ask from, and LimitReached for who was wrong too often. The
    window is checked after this: who does not know the key learns nothing from it."""
    account = store.accounts.find_or_nobody(request.username)
    attempt = attempt_of("form", address, request.username, account.sealed_key)
    lockouts.check(attempt)
    user_key = store.user_keys.get(account)
    expected = authcode_of(request.timestamp, user_key).encode()
    given = request.authcode.lower().encode("utf-8", "surrogateescape")
    right = hmac.compare_digest(expected, given)
    is_near = is_within(address, for_account(settings, account.options).networks)
    if right and account.enabled and is_near:
        lockouts.succeeded(attempt)
        return account
    lockouts.failed(attempt)
    reason = "network" if account.enabled else "disabled"
    unknown = "authcode" if account.id else "account"
    raise AuthenticationFailed(reason if right else unknown)


def check_clock(request: ApiRequest, settings: Settings, now: datetime) -> None:
    """Raises InvalidRequest for a malformed timestamp, ClockMismatch for one outside the window."""
    timestamp = request.timestamp
    if not (timestamp.isascii() and timestamp.isdigit()):
        raise InvalidRequest.field("timestamp")
    seconds, window = int(now.timestamp()), settings.timestamp_window_seconds
    if bounded(timestamp, seconds - window, seconds + window) is None:
        raise ClockMismatch
