"""The licences of what we depend on: each is one of those below, and docs/dependencies.md tells of
what is installed with the program."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = "boxis-gateway"
TABLE = Path(__file__).parent.parent / "docs/dependencies.md"

PERMISSIVE = {
    *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0", "PSF-2.0"),
    "Unlicense",
    "Zlib",
}
"""Of what is installed with the program."""
BESIDES = {"LGPL-3.0-only", "MPL-2.0"}
"""Of extras and of what the tests use: it is not changed, and not handed on."""

SPOKEN = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "MIT license": "MIT",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}
"""What metadata say -> SPDX."""
NOT_OURS = ("bench",)  # the peers that benchmarks compare us with

READ = {"apsw": "Zlib", "atheris": "Apache-2.0", "peewee": "MIT"}
"""By the licence file, where the metadata say nothing (or, of apsw, that any will do)."""


def problems() -> Iterator[str]:
    """What is wrong, a line each."""
    known, needed, extras = told(), closure(), extras_of_ours()
    for name, found in {**closure(*extras), **needed}.items():
        licence = licence_of(found)
        allowed = PERMISSIVE if name in needed else PERMISSIVE | BESIDES
        if not set(re.split(r" AND | OR ", licence)) <= allowed:
            yield f"{name} has the licence '{licence}', which is none of {', '.join(allowed)}"
        if known.get(name, licence) != licence:
            yield f"docs/dependencies.md: {name} has the licence '{licence}', not '{known[name]}'"
    for name in sorted({*needed, *direct(*extras)} - known.keys()):
        yield f"docs/dependencies.md lacks {name}"


def told() -> dict[str, str]:
    """Names and licences of docs/dependencies.md."""
    return dict(re.findall(r"^\| `([^`]+)` \| ([^|]+) \|", TABLE.read_text(), re.MULTILINE))


def extras_of_ours() -> list[str]:
    """The names of the extras that are looked at."""
    named = distribution(PROJECT).metadata.get_all("Provides-Extra") or []
    return [extra for extra in named if extra not in NOT_OURS]


def closure(*extras: str) -> dict[str, Distribution]:
    """By name, all that is needed with these extras, as far as it is installed here."""
    found: dict[str, Distribution] = {}
    waiting = [(PROJECT, extra) for extra in ("", *extras)]
    seen = set(waiting)
    while waiting:
        name, extra = waiting.pop()
        for one in requirements(name, extra):
            needed = canonicalize_name(one.name)
            if (installed := distribution_or_none(needed)) is not None:
                found[needed] = installed
                new = {(needed, wanted) for wanted in ("", *one.extras)} - seen
                seen |= new
                waiting += sorted(new)
    found.pop(PROJECT, None)
    return found


def direct(*extras: str) -> set[str]:
    """The names in our own setup.cfg."""
    return {canonicalize_name(one.name) for extra in extras for one in requirements(PROJECT, extra)}


def requirements(name: str, extra: str) -> Iterator[Requirement]:
    """What the distribution requires here; with an extra, what it requires for that."""
    for text in distribution(name).requires or ():
        one = Requirement(text)
        if one.marker is None or one.marker.evaluate({"extra": extra}):
            yield one


def distribution_or_none(name: str) -> Distribution | None:
    """The installed one, if it is."""
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


def licence_of(found: Distribution) -> str:
    """Its licence, in SPDX's words where we know them."""
    metadata = found.metadata
    name = canonicalize_name(metadata["Name"])
    classified = [one for one in metadata.get_all("Classifier", []) if one.startswith("License ::")]
    said = (
        READ.get(name)
        or metadata.get("License-Expression")
        or (classified[0].rpartition(" :: ")[2] if len(classified) == 1 else "")
        or metadata.get("License", "not told")
    )
    return SPOKEN.get(said, said)
