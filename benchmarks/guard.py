"""Does a request still cost what was accepted? Instructions are counted, not seconds.

    python -m benchmarks.guard            # ends with 1 if a figure has moved
    python -m benchmarks.guard --accept   # the figures of now are right: write them to guard.json

valgrind counts what each request of guard_requests.py takes, and counts the same for the same code,
however slow or busy the machine is. The unit of the figures is a bare row: what Python needs to
take a row from SQLite and write it into a text. In it they are much the same under any interpreter,
but not quite, and releases of the libraries move them too. So the accepted figures are kept for
each build of these, with a narrow tolerance; any other build is held to those accepted last, with a
wide one.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import NamedTuple, TypedDict

PROJECT = Path(__file__).parent.parent
REQUESTS = PROJECT / "benchmarks" / "guard_requests.py"
ACCEPTED = PROJECT / "benchmarks" / "guard.json"
ACCEPT = "make guard-accept"
LIBRARIES = ("apsw", "flask", "werkzeug", "marshmallow", "peewee")
VALGRIND = ("valgrind", "--quiet", "--vgdb=no", "--tool=callgrind", "--combine-dumps=yes")
MARKS = "--dump-before=ctermid"  # guard_requests.mark

Counts = Mapping[str, float]
"""Name of a request -> instructions."""

Figures = Mapping[str, float]
"""Name of a figure -> bare rows."""


class Accepted(TypedDict):
    """The figures of one build; `code` tells whether others are of the same code."""

    code: str
    figures: Figures


class Rule(NamedTuple):
    """How many instructions a figure stands for, and how far it may move, in bare rows: `narrow`
    for a build with accepted figures, `wide` for any other. A whole request takes about a hundred.

    Addresses, which differ from folder to folder, decide what collides in the interpreter's caches.
    That moves a request by up to 0.6 bare rows and the cost of a row by up to 0.002. A query takes
    1.8, a sort that finds its rows in order 0.06 for each of them."""

    instructions: Callable[[Counts], float]
    narrow: float
    wide: float


def _request(name: str) -> Rule:
    """What the request takes above a bare view of Flask."""
    return Rule(lambda counts: counts[name] - counts["bare view"], 1.0, 10.0)


def _row(hundred: str, ten: str, wide: float) -> Rule:
    """What each row of the larger answer takes."""
    return Rule(lambda counts: (counts[hundred] - counts[ten]) / 90, 0.006, wide)


RULES = {
    "10 rows, XML": _request("10 rows, XML"),
    "10 rows, JSON": _request("10 rows, JSON"),
    "wrong code": _request("wrong code"),
    "a row more, XML": _row("100 rows, XML", "10 rows, XML", 0.15),
    "a row more, JSON": _row("100 rows, JSON", "10 rows, JSON", 0.15),
    "an odd row more, XML": _row("100 odd rows, XML", "10 rows, XML", 0.15),
    "an odd row more, JSON": _row("100 odd rows, JSON", "10 rows, JSON", 0.15),
}


def main() -> int:
    """The exit code: 0 if every figure is as accepted."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.guard")
    parser.add_argument("--accept", action="store_true", help="the figures of now are right")
    accept = parser.parse_args().accept
    if not shutil.which("valgrind"):
        sys.exit("The guard needs valgrind. Install it with: apt-get install valgrind")
    known: dict[str, Accepted] = json.loads(ACCEPTED.read_text())
    figures = figures_of(count())
    if accept:
        ACCEPTED.write_text(json.dumps(accepted(known, build(), code(), figures), indent=2) + "\n")
        print(f"Accepted for {build()}. Commit {ACCEPTED.relative_to(PROJECT)}.")
        return 0
    moved = compare(known, build(), figures)
    sys.stderr.writelines(f"{line}\n" for line in moved)
    return 1 if moved else 0


def count() -> Counts:
    """Instructions of each request, the median of its rounds."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "callgrind.out")
        run(Path(folder, "rehearsal"))  # compiles the modules, and tells what is broken at once
        said = run(Path(folder, "count"), *VALGRIND, MARKS, f"--callgrind-out-file={out}")
        # a total for what lies between two marks; before the first is the start, then the end
        _, *totals, _ = (int(n) for n in re.findall(r"^totals: (\d+)", out.read_text(), re.M))
    names = said.splitlines()
    return {name: median(totals[place :: len(names)]) for place, name in enumerate(names)}


def run(folder: Path, *valgrind: str) -> str:
    """guard_requests.py in a new folder, with nothing around it that could differ; its output."""
    folder.mkdir()
    command = [*valgrind, sys.executable, str(REQUESTS)]
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT), "PYTHONHASHSEED": "0"}
    done = subprocess.run(
        command, cwd=folder, env=environ, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        sys.exit("The guard's requests do not run; see above.")
    return done.stdout


def figures_of(counts: Counts) -> Figures:
    """The figures that the counts give."""
    row = counts["100 bare rows"] / 100
    print(f"A bare row is {row:,.0f} instructions, a bare view {counts['bare view']:,.0f}.")
    return {name: round(rule.instructions(counts) / row, 4) for name, rule in RULES.items()}


def compare(known: Mapping[str, Accepted], build: str, figures: Figures) -> list[str]:
    """Print the figures beside the accepted ones; a line for each that has moved."""
    like = build if build in known else list(known)[-1]
    if like != build:
        print(f"Nothing is accepted for {build}.\nWide tolerances, with the figures of {like}.")
    moved = []
    print(f"{'in bare rows':22} accepted  counted   change  tolerance")
    for name, rule in RULES.items():
        old, new = known[like]["figures"].get(name, 0.0), figures[name]
        change, tolerance = new - old, rule.narrow if like == build else rule.wide
        print(f"{name:22} {old:8.3f} {new:8.3f} {change:+8.3f} {tolerance:10.3f}")
        if abs(change) > tolerance:
            moved.append(
                f"guard: {name}: accepted {old:.3f} bare rows, counted {new:.3f}, {change:+.3f}; "
                f"the tolerance is {tolerance:.3f}. If the change is meant: {ACCEPT}"
            )
    return moved


def accepted(
    known: Mapping[str, Accepted], build: str, code: str, figures: Figures
) -> dict[str, Accepted]:
    """`known` with the figures of this build, and without those that are of other code."""
    kept = {other: entry for other, entry in known.items() if entry["code"] == code}
    return {**kept, build: {"code": code, "figures": figures}}


def build() -> str:
    """All around the project's code that moves a figure, the interpreter first."""
    python = " ".join(sys.version.split())
    libraries = (f"{name} {version(name)}" for name in LIBRARIES)
    return ", ".join([python, platform.machine(), " ".join(platform.libc_ver()), *libraries])


def code() -> str:
    """A digest of the project's modules and of the requests."""
    digest = hashlib.sha256(REQUESTS.read_bytes())
    for path in sorted((PROJECT / "boxis_gateway").rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


if __name__ == "__main__":
    sys.exit(main())
