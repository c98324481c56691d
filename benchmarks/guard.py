"""Guard: a request may not cost more than was accepted. It counts instructions, not seconds.

    python -m benchmarks.guard            # exit status 1 if a figure has risen
    python -m benchmarks.guard --accept   # write the current figures to guard.json

valgrind counts the instructions of each request of guard_requests.py, the same number for the same
code however slow or busy the machine is. The unit of the figures is a bare row: what Python needs
to take a row from SQLite and write it into a text. Figures differ slightly between interpreters and
between releases of the libraries, so guard.json has the accepted figures of each such build, with a
narrow tolerance. Any other build is compared with the build accepted last, by a wide tolerance.

Many small losses, each within its tolerance, add up. So guard.json also has a `baseline`, which
--accept leaves alone, and each figure has a budget above it.
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
YARDSTICKS = PROJECT / "benchmarks" / "guard_yardsticks.py"
REQUESTS = PROJECT / "benchmarks" / "guard_requests.py"
ACCEPTED = PROJECT / "benchmarks" / "guard.json"
LIBRARIES = ("apsw", "flask", "werkzeug", "marshmallow", "peewee")
VALGRIND = ("valgrind", "--quiet", "--vgdb=no", "--tool=callgrind", "--combine-dumps=yes")
MARKS = "--dump-before=ctermid"  # guard_yardsticks.mark
REMEDY = "If the cost is meant: make guard-accept"
OVER_BUDGET = "Win it back, or raise the baseline in benchmarks/guard.json and say why"

Counts = Mapping[str, float]
"""Name of a request -> instructions."""

Figures = Mapping[str, float]
"""Name of a figure -> bare rows."""


class Build(TypedDict):
    """The accepted figures of one build; `code` is a digest of the code that they belong to."""

    code: str
    figures: Figures


class Accepted(TypedDict):
    """guard.json: the figures of the builds, the one accepted last at the end."""

    baseline: Figures
    builds: dict[str, Build]


class Rule(NamedTuple):
    """A figure: its instructions, and by how many bare rows it may rise: `narrow` above its build's
    accepted figure, `wide` above another build's, `budget` above the baseline. A whole request
    takes about a hundred bare rows.

    Addresses, which differ from folder to folder, decide what collides in the interpreter's caches.
    That moves a request by up to 0.6 bare rows and the cost of a row by up to 0.002. A query takes
    1.8, a sort that finds its rows in order 0.06 for each of them."""

    instructions: Callable[[Counts], float]
    narrow: float
    wide: float
    budget: float


def _request(name: str) -> Rule:
    """Cost of the request above a bare Flask view."""
    return Rule(lambda counts: counts[name] - counts["bare view"], 1.0, 10.0, 3.0)


def _row(hundred: str, ten: str) -> Rule:
    """Cost of each further row."""
    return Rule(lambda counts: (counts[hundred] - counts[ten]) / 90, 0.006, 0.15, 0.03)


RULES = {
    "10 rows, XML": _request("10 rows, XML"),
    "10 rows, JSON": _request("10 rows, JSON"),
    "wrong code": _request("wrong code"),
    "a row more, XML": _row("100 rows, XML", "10 rows, XML"),
    "a row more, JSON": _row("100 rows, JSON", "10 rows, JSON"),
    "an odd row more, XML": _row("100 odd rows, XML", "10 rows, XML"),
    "an odd row more, JSON": _row("100 odd rows, JSON", "10 rows, JSON"),
}


def main() -> int:
    """Count, and compare or accept."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.guard")
    parser.add_argument("--accept", action="store_true", help="accept the current figures")
    accept = parser.parse_args().accept
    if not shutil.which("valgrind"):
        sys.exit("The guard needs valgrind. Install it with: apt-get install valgrind")
    known: Accepted = json.loads(ACCEPTED.read_text())
    figures = figures_of(count())
    if accept:
        known["builds"] = accepted(known["builds"], build(), code(), figures)
        ACCEPTED.write_text(json.dumps(known, indent=2) + "\n")
        print(f"Accepted for {build()}. Commit {ACCEPTED.relative_to(PROJECT)}.")
        return 0
    losses = compare(known, build(), figures)
    sys.stderr.writelines(f"{line}\n" for line in losses)
    return 1 if losses else 0


def count() -> Counts:
    """Instructions of each yardstick and request."""
    return {**count_marked(YARDSTICKS), **count_marked(REQUESTS)}


def count_marked(program: Path) -> Counts:
    """Instructions of each request of the program, the median of its rounds."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "callgrind.out")
        valgrind = (*VALGRIND, MARKS, f"--callgrind-out-file={out}")
        run(program, Path(folder, "rehearsal"))  # compiles the modules, and shows faults early
        names = run(program, Path(folder, "count"), *valgrind).splitlines()
        # a total for each interval between marks; the first is the start, the last the end
        _, *totals, _ = (int(n) for n in re.findall(r"^totals: (\d+)", out.read_text(), re.M))
    if len(totals) % len(names):
        sys.exit(f"The guard counted {len(totals)} intervals of {len(names)} requests.")
    return {name: median(totals[index :: len(names)]) for index, name in enumerate(names)}


def run(program: Path, folder: Path, *valgrind: str) -> str:
    """The output of a program in a new folder with a fixed environment."""
    folder.mkdir()
    command = [*valgrind, sys.executable, str(program)]
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT), "PYTHONHASHSEED": "0"}
    done = subprocess.run(
        command, cwd=folder, env=environ, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        sys.exit("The guard's requests fail; their error is above.")
    return done.stdout


def figures_of(counts: Counts) -> Figures:
    """The figures of the counts."""
    row = counts["100 bare rows"] / 100
    print(f"A bare row is {row:,.0f} instructions, a bare view {counts['bare view']:,.0f}.")
    return {name: round(rule.instructions(counts) / row, 4) for name, rule in RULES.items()}


def compare(known: Accepted, build: str, figures: Figures) -> list[str]:
    """Print each figure beside the accepted one, and gains; a line for each loss."""
    builds = known["builds"]
    like = build if build in builds else list(builds)[-1]
    if like != build:
        print(f"Nothing is accepted for {build}.\nWide tolerances, with the figures of {like}.")
    losses = []
    print(f"{'in bare rows':22} accepted  counted   change  tolerance  baseline   budget")
    for name, rule in RULES.items():
        new, old = figures[name], builds[like]["figures"].get(name, 0.0)
        base, tolerance = known["baseline"][name], rule.narrow if like == build else rule.wide
        budget = max(rule.budget, tolerance)
        change = new - old
        print(
            f"{name:22} {old:8.3f} {new:8.3f} {change:+8.3f} {tolerance:10.3f} {base:9.3f} "
            f"{budget:8.3f}"
        )
        for reference, value, limit, remedy in (
            ("accepted", old, tolerance, REMEDY),
            ("baseline", base, budget, OVER_BUDGET),
        ):
            if new - value > limit:
                losses.append(
                    f"guard: {name}: {reference} {value:.3f} bare rows, counted {new:.3f}, "
                    f"{new - value:+.3f}; the limit is {limit:+.3f}. {remedy}"
                )
        if change < -tolerance:
            print(f"{name} is cheaper. Keep the gain: make guard-accept")
    return losses


def accepted(
    builds: Mapping[str, Build], build: str, code: str, figures: Figures
) -> dict[str, Build]:
    """The builds with these figures at the end, without the builds that are of other code."""
    kept = {other: entry for other, entry in builds.items() if entry["code"] == code}
    kept.pop(build, None)
    return {**kept, build: {"code": code, "figures": figures}}


def build() -> str:
    """Names and versions that move a figure, beside the project's code; the interpreter first."""
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
