"""The command: `python -m benchmarks [--quick] [--only NAME …] [--write] [--list]`.

It ends with 0 unless an answer was wrong or something could not run; a target that is missed is a
finding, not a fault.
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
from benchmarks.bench import FULL, QUICK, Bench, require_tools
from benchmarks.candidates import Stage
from benchmarks.cases import CASES, SHORT, Case
from benchmarks.check import WrongAnswer
from benchmarks.processes import CouldNotRun


def main() -> int:
    """Measure what is asked for and say what came out."""
    options = parser().parse_args()
    chosen = [case for case in CASES if case.name in (options.only or case.name)]
    if options.list:
        print("\n".join(f"{case.name:16}{case.title}" for case in chosen))
        return 0
    started = time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what runs is stopped then too
    try:
        results = run(chosen, quick=options.quick)
    except (WrongAnswer, CouldNotRun, subprocess.CalledProcessError) as problem:
        print(f"benchmarks: {type(problem).__name__}: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(f"{report.summary(results)} It took {time.monotonic() - started:.0f} s.")
    if options.write:
        print(f"Written: {report.write(results, 'make bench' + arguments(options))}")
    return 0


def parser() -> argparse.ArgumentParser:
    """The words of the command."""
    made = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    made.add_argument("--quick", action="store_true", help="shorter, in under two minutes")
    made.add_argument("--only", action="append", choices=[case.name for case in CASES])
    made.add_argument("--write", action="store_true", help="write docs/benchmarks.md and its plot")
    made.add_argument("--list", action="store_true", help="only say which cases there are")
    return made


def arguments(options: argparse.Namespace) -> str:
    """How the run can be had again, as words behind `make bench`."""
    only = [f"--only {name}" for name in options.only or ()]
    words = " ".join([*only, "--quick"] if options.quick else only)
    return f' BENCH_ARGS="{words}"' if words else ""


def run(cases: Sequence[Case], *, quick: bool) -> list[report.Result]:
    """Every case, one after the other, each printed when it is done."""
    require_tools()
    results = []
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as name:
        folder = Path(name)
        for part in ("run", "answers"):
            (folder / part).mkdir()
        stage = Stage(folder / "run", folder / "answers")
        bench = Bench(QUICK if quick else FULL, stage, folder / "answers", folder)
        try:
            bench.keep_answers(SHORT)
            for case in cases:
                began = time.monotonic()
                results.append(report.Result(case, list(case.measure(bench))))
                print("\n".join(report.result_lines(results[-1])), flush=True)
                print(f"({time.monotonic() - began:.0f} s)", file=sys.stderr, flush=True)
        finally:
            stage.stop()
    return results


if __name__ == "__main__":
    sys.exit(main())
