"""The command: `python -m benchmarks [--quick | --smoke] [--only NAME …] [--write] [--list]`.

Exit status 1 if an answer was wrong, two measurements of one figure disagree, or a program could
not run; a target that is missed is a result.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import report
from benchmarks.answers import WrongAnswer
from benchmarks.bench import LENGTHS, Bench
from benchmarks.candidates import Pool
from benchmarks.cases import CASES, SHORT, Case
from benchmarks.processes import CouldNotRun, find_program
from benchmarks.usage import Disagreement


def main() -> int:
    """Measure the chosen cases and print the results."""
    options = parser().parse_args()
    chosen = [case for case in CASES if not options.only or groups(case) & set(options.only)]
    if options.list:
        print("\n".join(f"{case.name:20}{case.title}" for case in chosen))
        return 0
    started = time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # stops what was started, too
    try:
        results = run(chosen, options.length)
    except (WrongAnswer, Disagreement, CouldNotRun, subprocess.CalledProcessError) as problem:
        print(f"benchmarks: {type(problem).__name__}: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(f"{report.summary(results)}\nIt took {time.monotonic() - started:.0f} s.")
    if options.write:
        print(f"Written: {report.write(results, command(options))}")
    return 0


def parser() -> argparse.ArgumentParser:
    """The options."""
    made = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    length = made.add_mutually_exclusive_group()
    for name, help_text in (
        ("quick", "shorter rounds and smaller stores"),
        ("smoke", "one round a case over a tiny store; the figures mean nothing"),
    ):
        length.add_argument(
            f"--{name}", dest="length", action="store_const", const=name, help=help_text
        )
    made.set_defaults(length="full")
    names = sorted(set().union(*map(groups, CASES)))
    made.add_argument("--only", action="append", choices=names, metavar="NAME")
    made.add_argument("--write", action="store_true", help="write docs/benchmarks.md and its plot")
    made.add_argument("--list", action="store_true", help="list the cases")
    return made


def groups(case: Case) -> set[str]:
    """The names that choose a case: its own, and the word that it begins with."""
    return {case.name, case.name.partition("-")[0]}


def command(options: argparse.Namespace) -> str:
    """The command that repeats the run."""
    words = [f"--only {name}" for name in options.only or ()]
    words += [] if options.length == "full" else [f"--{options.length}"]
    return f'make bench BENCH_ARGS="{" ".join(words)}"' if words else "make bench"


def run(cases: Sequence[Case], length: str) -> list[report.Result]:
    """Measure the cases one after the other, and print each at its end."""
    for program in ("wrk", "sqlite3", "nginx", "php-fpm*"):
        find_program(program)
    results = []
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as name:
        folder = Path(name)
        for part in ("run", "answers"):
            (folder / part).mkdir()
        pool = Pool(folder / "run", folder / "answers")
        bench = Bench(LENGTHS[length], pool, folder / "answers", folder)
        try:
            for workload in SHORT:
                bench.keep_answer(workload)
            for case in cases:
                began = time.monotonic()
                results.append(report.Result(case, list(case.measure(bench))))
                print("\n".join(report.result_lines(results[-1])), flush=True)
                print(f"({time.monotonic() - began:.0f} s)", file=sys.stderr, flush=True)
        finally:
            pool.stop()
    return results


if __name__ == "__main__":
    sys.exit(main())
