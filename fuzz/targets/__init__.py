"""Fuzz targets, one file each.

`check(octets)` raises an error if a property does not hold for the input; `seeds()` are the first
inputs, `WORDS` the dictionary. To add one, write `targets/acme.py`, add it to TARGETS, and run
`make fuzz-keep`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from typing import Protocol, cast

TARGETS = ("form", "php_list", "dates", "kannel_log", "import_files", "http_requests", "app")


class Target(Protocol):
    """Interface of a target, implemented by a module."""

    WORDS: Sequence[str]
    check: Callable[[bytes], None]
    seeds: Callable[[], Iterable[bytes]]


def find_target(name: str) -> Target:
    """Import the target of that name; not before, so that the fuzzer can instrument it."""
    return cast(Target, import_module(f"fuzz.targets.{name}"))
