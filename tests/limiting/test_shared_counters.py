"""Counters that processes share, and the networks that addresses are in."""

from __future__ import annotations

import os
import signal
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from boxis_gateway.limiting.memory_counters import SLOTS_PER_BUCKET, MemoryCounters
from boxis_gateway.networks import client_address, client_network, is_within

KEYS = st.sampled_from("abcd")


class CountersAndADictionary(RuleBasedStateMachine):
    """Counters with room left are a dictionary of counts that expire."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.counters = MemoryCounters(lambda: self.now, buckets=1)
        self.known: dict[str, tuple[float, int]] = {}

    def live(self, key: str) -> tuple[float, int]:
        ends, count = self.known.get(key, (0.0, 0))
        return (ends, count) if ends > self.now else (0.0, 0)

    @rule(key=KEYS, expiry=st.integers(1, 20), amount=st.integers(1, 3))
    def count(self, key: str, expiry: int, amount: int) -> None:
        ends, count = self.live(key)
        self.known[key] = (ends if count else self.now + expiry), count + amount
        assert self.counters.incr(key, expiry, amount) == count + amount

    @rule(key=KEYS)
    def clear(self, key: str) -> None:
        self.counters.clear(key)
        self.known.pop(key, None)

    @rule(seconds=st.integers(1, 10))
    def wait(self, seconds: int) -> None:
        self.now += seconds

    @invariant()
    def they_agree(self) -> None:
        for key in "abcd":
            ends, count = self.live(key)
            assert self.counters.get(key) == count
            left = self.counters.get_expiry(key) - time.time()
            assert left == pytest.approx(ends - self.now if count else 0, abs=0.5)


TestCountersAndADictionary = CountersAndADictionary.TestCase


def test_processes_share_them() -> None:
    counters = MemoryCounters()
    for child in [_forked(lambda: [counters.incr("a", 60) for _ in range(500)]) for _ in range(4)]:
        os.waitpid(child, 0)
    assert counters.get("a") == 2000


def test_a_process_that_is_killed_leaves_no_lock() -> None:
    counters = MemoryCounters()

    def hold() -> None:
        with counters._locked():
            os.kill(os.getpid(), signal.SIGKILL)

    os.waitpid(_forked(hold), 0)
    assert counters.incr("a", 60) == 1


def _forked(act: object) -> int:
    child = os.fork()
    if child:
        return child
    try:
        act()  # type: ignore[operator]
    finally:
        os._exit(0)


def test_a_full_memory_drops_the_oldest_counters() -> None:
    counters = MemoryCounters(buckets=1)
    for number in range(SLOTS_PER_BUCKET):
        counters.incr(str(number), 60, number + 1)
    counters.incr("one more", 60)
    assert [counters.get(str(number)) for number in range(3)] == [0, 2, 3]
    assert counters.get("one more") == 1


def test_all_can_be_forgotten() -> None:
    counters = MemoryCounters()
    counters.incr("a", 60)
    counters.reset()
    assert counters.get("a") == 0


def test_descriptors_go_with_the_counters() -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(50):
        MemoryCounters()
    assert len(os.listdir("/proc/self/fd")) < before + 10


@pytest.mark.parametrize(
    ("address", "networks", "within"),
    [
        ("192.0.2.7", "any", True),
        ("192.0.2.7", "none", False),
        ("192.0.2.7", "192.0.2.0/24", True),
        ("192.0.3.7", "192.0.2.0/24", False),
        ("192.0.3.7", "192.0.2.0/24, 192.0.3.7", True),
        ("::ffff:192.0.2.7", "192.0.2.0/24", True),
        ("2001:db8::1", "192.0.2.0/24 2001:db8::/32", True),
        ("fe80::1%eth0", "fe80::/10", True),
        ("", "192.0.2.0/24", False),
        ("", "any", True),
        ("nonsense", "0.0.0.0/0", False),
    ],
)
def test_an_address_is_within_networks(address: str, networks: str, within: bool) -> None:
    assert is_within(address, networks) is within


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("192.0.2.7", "198.51.100.1", "192.0.2.7"),  # says so, and is no proxy of ours
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("127.0.0.1", "6.6.6.6, 198.51.100.1", "198.51.100.1"),  # the first is invented
        ("127.0.0.1", "198.51.100.1, 10.1.2.3", "198.51.100.1"),  # two proxies
        ("127.0.0.1", "198.51.100.1:4711", "198.51.100.1"),
        ("127.0.0.1", "[2001:db8::1]:4711", "2001:db8::1"),
        ("127.0.0.1", "2001:db8::1", "2001:db8::1"),
        ("127.0.0.1", "6.6.6.6, unknown", "127.0.0.1"),
        ("127.0.0.1", "6.6.6.6, unknown, 10.0.0.1", "10.0.0.1"),
        ("127.0.0.1", ",", "127.0.0.1"),
    ],
)
def test_a_proxy_is_believed_if_it_is_trusted(peer: str, forwarded: str, client: str) -> None:
    assert client_address(peer, forwarded, "127.0.0.1, 10.0.0.0/8") == client


@given(st.text(), st.text())
def test_malformed_forwarded_headers_are_harmless(peer: str, forwarded: str) -> None:
    assert client_address(peer, forwarded, "192.0.2.0/24") == peer
    client_address("192.0.2.1", forwarded, "192.0.2.0/24")


def test_the_owner_of_an_ipv6_network_is_one() -> None:
    assert (
        client_network("2001:db8:1:2:3:4:5:6")
        == client_network("2001:db8:1:2::1")
        == "2001:db8:1:2::/64"
    )
    assert client_network("192.0.2.7") == client_network("::ffff:192.0.2.7") == "192.0.2.7"
    assert client_network("") == ""
