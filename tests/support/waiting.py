"""Waiting for a condition. Nothing depends on who is faster: the limits only end a hang."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
LIMIT_SECONDS = 120.0
PAUSE_SECONDS = 0.02


def until(condition: Callable[[], T]) -> T:
    """Return the first true value of the condition. Raises AssertionError at the limit."""
    end = time.monotonic() + LIMIT_SECONDS
    while not (value := condition()):
        assert time.monotonic() < end, f"waited {LIMIT_SECONDS:.0f} seconds in vain: {value!r}"
        time.sleep(PAUSE_SECONDS)
    return value
