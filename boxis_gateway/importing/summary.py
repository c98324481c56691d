"""Result of an import, in counts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Summary:
    """Counts of the lines of a source, or of its records if it has no lines."""

    format: str
    read: int = 0
    added: int = 0
    known: int = 0  # duplicates
    refused: int = 0  # of added and known: refused by the SMSC, so absent from the history
    changed: int = 0  # of known: the status changed
    reports: int = 0
    reports_used: int = 0  # changed their message
    reports_waiting: int = 0  # their message is not stored
    reasons: Counter[str] = field(default_factory=Counter)  # of bad lines
    other: Counter[str] = field(default_factory=Counter)  # skipped, by kind

    @property
    def bad(self) -> int:
        """Number of bad lines."""
        return self.reasons.total()
