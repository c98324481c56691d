"""Counting of repeated keys in bounded memory."""

from __future__ import annotations

from collections.abc import Hashable


class RepeatCounter:
    """Counts equal keys among the last `kept` to twice as many different ones. An equal key further
    back counts as new, which bounds the memory."""

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._recent: dict[Hashable, int] = {}
        self._older: dict[Hashable, int] = {}

    def __contains__(self, key: Hashable) -> bool:
        return key in self._recent or key in self._older

    def count(self, key: Hashable) -> int:
        """Count the key; return how many equal ones came before."""
        times = self._recent.get(key, self._older.get(key, 0))
        if len(self._recent) >= self._kept:
            self._recent, self._older = {}, self._recent
        self._recent[key] = times + 1
        return times
