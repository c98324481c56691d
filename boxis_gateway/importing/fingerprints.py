"""What makes a message the same message when it comes again."""

from __future__ import annotations

from collections.abc import Hashable
from hashlib import blake2b

from boxis_gateway.model import NewMessage

REPEATS_KEPT = 100_000


class RepeatCounter:
    """Counts equal keys. It remembers the last REPEATS_KEPT to twice as many different ones: equal
    lines further apart than that are taken for one message, which keeps the memory flat."""

    def __init__(self, kept: int = REPEATS_KEPT) -> None:
        self._kept = kept
        self._now: dict[Hashable, int] = {}
        self._before: dict[Hashable, int] = {}

    def count(self, key: Hashable) -> int:
        """How many times the key came before."""
        times = self._now.get(key, self._before.get(key, 0))
        if len(self._now) >= self._kept:
            self._now, self._before = {}, self._now
        self._now[key] = times + 1
        return times


class Fingerprints:
    """Fingerprints of the messages of one run. A recipient of a submission is known by that: its
    text may come only later, when somebody asks who may read it."""

    def __init__(self) -> None:
        self._repeats = RepeatCounter()

    def of(self, account_id: int, new: NewMessage) -> int:
        """That of the next message."""
        if new.wire_id is not None:
            return fingerprint("id", new.wire_id)
        identity: tuple[str, ...]
        if new.submission:
            identity = ("of", new.submission.wire_id, new.recipient, new.reference)
        else:
            identity = (new.sent_at, new.sender, new.recipient, new.text or "", new.reference)
        first = fingerprint(*identity, "0")
        times = self._repeats.count((account_id << 64) + first)
        return fingerprint(*identity, str(times)) if times else first


def fingerprint(*identity: str) -> int:
    """64 bits, signed, that stay the same on every machine and in every version."""
    digest = blake2b("\0".join(identity).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
