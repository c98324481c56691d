"""The authcode and the clock window."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime, timedelta

import pytest

from boxis_gateway.authcode import authcode_of
from boxis_gateway.errors import AuthenticationFailed, ClockMismatch, InvalidRequest
from boxis_gateway.form_api.auth import authenticate, check_clock
from boxis_gateway.form_api.form import Form
from boxis_gateway.form_api.request import ApiRequest
from boxis_gateway.limiting import Lockouts, SharedCounters
from boxis_gateway.model import Account
from boxis_gateway.settings import Settings, for_account
from boxis_gateway.store import Store
from tests.support.example_account import NOW, USERNAME, signed

TIMESTAMP = int(NOW.timestamp())


def request(**form: str) -> ApiRequest:
    return ApiRequest.from_form(Form(signed(TIMESTAMP, form)))


def enter(asked: ApiRequest, store: Store, now: datetime = NOW) -> Account:
    """Make both checks in the order of the endpoint."""
    account = authenticate(
        asked, store, Settings(), Lockouts(SharedCounters(), 5, 900), "192.0.2.7"
    )
    check_clock(asked, for_account(Settings(), account.options), now)
    return account


def test_the_authcode_is_that_of_the_documentation() -> None:
    assert (
        authcode_of("1336553826", "0123456789abcdefABCDEF01") == "e49d1e748e14e9f170251d8f0c053b01"
    )


def test_the_right_code_opens_in_either_case(store: Store, account: Account) -> None:
    code = signed(TIMESTAMP, {})["authcode"]
    for written in (code, code.upper()):
        assert enter(request(authcode=written), store, NOW) == account


@pytest.mark.parametrize("code", ["", "0" * 32, "ż" * 32, "\udcff", "e49d"])
def test_any_other_code_does_not(code: str, store: Store, account: Account) -> None:
    with pytest.raises(AuthenticationFailed):
        enter(request(authcode=code), store, NOW)


@pytest.mark.parametrize("name", ["", "nobody@example.com", "\udcff", "a\0b", "ß" * 1000])
def test_an_unknown_user_gets_the_same_answer_for_the_same_work(
    name: str, store: Store, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    work: list[str] = []
    real_md5, real_compare, real_find = (
        hashlib.md5,
        hmac.compare_digest,
        store.accounts.find_or_nobody,
    )
    monkeypatch.setattr(hashlib, "md5", lambda *a, **k: work.append("md5") or real_md5(*a, **k))
    monkeypatch.setattr(
        hmac, "compare_digest", lambda *a: work.append("compare") or real_compare(*a)
    )
    monkeypatch.setattr(
        store.accounts, "find_or_nobody", lambda n: work.append("find") or real_find(n)
    )
    texts = []
    for asked in (request(username=name), request(authcode="0" * 32)):
        work.append("|")
        with pytest.raises(AuthenticationFailed) as failure:
            enter(asked, store)
        texts.append(str(failure.value))
    _, unknown, known = "".join(work).split("|")
    assert unknown == known
    assert texts[0] == texts[1]


@pytest.mark.parametrize("off", [-300, 0, 300])
def test_a_clock_within_the_window_is_right(off: int, store: Store, account: Account) -> None:
    later = NOW + timedelta(seconds=off)
    assert enter(request(), store, later) == account


@pytest.mark.parametrize("off", [-301, 301])
def test_a_clock_outside_is_not(off: int, store: Store, account: Account) -> None:
    with pytest.raises(ClockMismatch):
        enter(request(), store, NOW + timedelta(seconds=off))


def test_an_account_can_have_a_window_of_its_own(store: Store, account: Account) -> None:
    store.accounts.set_options(account, {"timestamp_window_seconds": "1000"})
    later = NOW + timedelta(seconds=999)
    assert enter(request(), store, later).username == USERNAME


def test_the_code_is_checked_before_the_clock(store: Store, account: Account) -> None:
    with pytest.raises(AuthenticationFailed):
        enter(request(authcode="0" * 32), store, NOW + timedelta(days=1))


@pytest.mark.parametrize("timestamp", ["", "now", "-5", "1e9", "１３３", "1336564800.5"])
def test_a_malformed_timestamp_is_invalid(timestamp: str, store: Store, account: Account) -> None:
    with pytest.raises(InvalidRequest, match="'timestamp' is not valid"):
        enter(request(timestamp=timestamp), store, NOW)


def test_leading_zeros_are_hashed_as_sent(store: Store, account: Account) -> None:
    for zeros in ("00", "0" * 5000):
        assert enter(request(timestamp=f"{zeros}{TIMESTAMP}"), store) == account
