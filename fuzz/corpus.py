"""Corpus in the repository: a text file for each target.

Each line is an input, escaped as in a Python literal of octets."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from fuzz.targets import find_target

FOLDER = Path(__file__).parent / "corpus"
LONGEST = 2048  # octets of an input
MOST = 48_000  # characters of a file


def kept(name: str) -> list[bytes]:
    """Return the inputs of the target."""
    path = FOLDER / f"{name}.txt"
    return [octets_of(line) for line in path.read_text().splitlines()] if path.exists() else []


def keep(name: str, inputs: Iterable[bytes]) -> int:
    """Replace the corpus by the shortest of these inputs; return their number."""
    lines = sorted({f"{text_of(octets)}\n" for octets in inputs if len(octets) <= LONGEST}, key=len)
    while sum(map(len, lines)) > MOST:
        lines.pop()
    (FOLDER / f"{name}.txt").write_text("".join(sorted(lines)))
    return len(lines)


def unpack(name: str, folder: Path) -> None:
    """Write the corpus and the seeds of the target as a file each."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, octets in enumerate([*kept(name), *find_target(name).seeds()]):
        (folder / f"kept-{number:04}").write_bytes(octets)


def text_of(octets: bytes) -> str:
    """Escape octets as a line."""
    return octets.decode("latin-1").encode("unicode_escape").decode()


def octets_of(line: str) -> bytes:
    """Unescape a line."""
    return line.encode().decode("unicode_escape").encode("latin-1")
