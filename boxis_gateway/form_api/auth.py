"""ApiRequest -> Account: the authcode and the clock window (protocol page, section 3)."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import datetime

from boxis_gateway.errors import AuthenticationFailed, ClockMismatch, InvalidRequest
from boxis_gateway.form_api.request import ApiRequest
from boxis_gateway.model import Account
from boxis_gateway.settings import Settings, for_account
from boxis_gateway.store import Store

MOST_TIMESTAMP_DIGITS = 18
_NOBODY = Account(id=0, username="", user_key=secrets.token_hex(12), enabled=False)
"""Checked in place of an account that does not exist, so that both cost the same."""


def authcode_of(timestamp: str, user_key: str) -> str:
    """Lower-case hex of MD5(timestamp + user_key).

    >>> authcode_of("1336553826", "0123456789abcdefABCDEF01")
    'e49d1e748e14e9f170251d8f0c053b01'
    """
    joined = (timestamp + user_key).encode("utf-8", "surrogateescape")
    return hashlib.md5(joined, usedforsecurity=False).hexdigest()


def authenticate(request: ApiRequest, store: Store, settings: Settings, now: datetime) -> Account:
    """The account that asks. The authcode is checked first and the window second, so that who does
    not know the key learns nothing.

    Raises AuthenticationFailed (the same for an unknown user, a disabled account and a wrong code),
    InvalidRequest for a malformed timestamp, ClockMismatch for one outside the window."""
    account = store.accounts.find(_storable(request.username)) or _NOBODY
    expected = authcode_of(request.timestamp, account.user_key).encode()
    given = request.authcode.lower().encode("utf-8", "surrogateescape")
    if not hmac.compare_digest(expected, given) or not account.enabled:
        raise AuthenticationFailed
    window = for_account(settings, account.options).timestamp_window_seconds
    _check_window(request.timestamp, window, now)
    return account


def _check_window(timestamp: str, window_seconds: int, now: datetime) -> None:
    if not (timestamp.isascii() and timestamp.isdigit()):
        raise InvalidRequest.field("timestamp")
    far_off = len(timestamp.lstrip("0")) > MOST_TIMESTAMP_DIGITS
    if far_off or abs(int(timestamp) - int(now.timestamp())) > window_seconds:
        raise ClockMismatch


def _storable(text: str) -> str:
    """The text, or "" for one with undecodable bytes, which nobody can be called."""
    return text if text.isascii() or text.isprintable() else ""
