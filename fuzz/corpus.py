"""Inputs kept in the repository: a text file for each target, an input on each line, written as
Python writes octets in a literal."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from fuzz.targets import find_target

FOLDER = Path(__file__).parent / "corpus"
LONGEST = 2048  # octets of an input that is kept
MOST = 48_000  # characters that are kept for a target


def kept(name: str) -> list[bytes]:
    """The inputs kept for the target."""
    path = FOLDER / f"{name}.txt"
    return [octets_of(line) for line in path.read_text().splitlines()] if path.exists() else []


def keep(name: str, inputs: Iterable[bytes]) -> int:
    """Write the shortest of these, in place of those that were kept; how many there are."""
    lines = sorted({f"{text_of(one)}\n" for one in inputs if len(one) <= LONGEST}, key=len)
    while sum(map(len, lines)) > MOST:
        lines.pop()
    (FOLDER / f"{name}.txt").write_text("".join(sorted(lines)))
    return len(lines)


def unpack(name: str, folder: Path) -> None:
    """What is kept, and the seeds, as a file each."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, octets in enumerate([*kept(name), *find_target(name).seeds()]):
        (folder / f"kept-{number:04}").write_bytes(octets)


def text_of(octets: bytes) -> str:
    """A line for the octets."""
    return octets.decode("latin-1").encode("unicode_escape").decode()


def octets_of(line: str) -> bytes:
    """The octets of a line."""
    return line.encode().decode("unicode_escape").encode("latin-1")
