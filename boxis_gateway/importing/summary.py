"""What became of a source."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Summary:
    """What became of the lines of a source (or its records, where it has no lines)."""

    format: str
    read: int = 0
    added: int = 0
    known: int = 0
    refused: int = 0  # among the added and known: refused by the SMSC, so not in the history
    changed: int = 0  # among the known: those that have another status now
    reports: int = 0
    reports_used: int = 0  # which changed their message
    reports_waiting: int = 0  # whose message is not here
    reasons: Counter[str] = field(default_factory=Counter)  # of bad lines
    other: Counter[str] = field(default_factory=Counter)

    @property
    def bad(self) -> int:
        """Lines that cannot be used."""
        return self.reasons.total()
