"""What is fuzzed, one file each: `check(octets)` raises AssertionError, or whatever broke, if what
has to be true of these octets is not; `seeds()` is where to begin; `WORDS` are worth trying.

To add one, write `targets/acme.py`, name it here, and run `make fuzz-keep`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from typing import Protocol, cast

TARGETS = ("form", "php_list", "dates", "kannel_log", "import_files", "http_requests", "app")


class Target(Protocol):
    """A module with these names is enough."""

    WORDS: Sequence[str]
    check: Callable[[bytes], None]
    seeds: Callable[[], Iterable[bytes]]


def find_target(name: str) -> Target:
    """The target of that name. It is imported here, for the fuzzer to see what it imports."""
    return cast(Target, import_module(f"fuzz.targets.{name}"))
