"""Deduplication fingerprints of messages."""

from __future__ import annotations

import struct
from hashlib import blake2b

from boxis_gateway.importers.reading.repeats import RepeatCounter
from boxis_gateway.model import NewMessage

REPEATS_KEPT = 100_000  # equal messages further apart than twice that are taken for one
SIGNED = struct.Struct(">q")


class Fingerprinter:
    """Fingerprints the messages of one run."""

    def __init__(self) -> None:
        self._repeats = RepeatCounter(REPEATS_KEPT)

    def fingerprint(self, account_id: int, message: NewMessage) -> int:
        """Fingerprint of the next message.

        Text is no part of it if there is a submission: its source may show the text only later."""
        if message.wire_id is not None:
            return fingerprint("id", message.wire_id)
        identity: tuple[str, ...]
        if message.submission:
            identity = ("of", message.submission.wire_id, message.recipient, message.reference)
        else:
            text, reference = message.text or "", message.reference
            identity = (message.sent_at, message.sender, message.recipient, text, reference)
        first = fingerprint(*identity, "0")
        times = self._repeats.count((account_id << 64) + first)
        return fingerprint(*identity, str(times)) if times else first


def fingerprint(*identity: str) -> int:
    """Signed 64-bit hash of the texts, the same on every machine and in every version."""
    digest = blake2b("\0".join(identity).encode(), digest_size=SIGNED.size).digest()
    number: int = SIGNED.unpack(digest)[0]
    return number
