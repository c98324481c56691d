"""Command `python -m fuzz [TARGET …]`: fuzzes targets, two at a time.

Exit code 1 means that one is broken. New inputs stay in .fuzz/, from which the next run continues.
`--keep` writes the smallest set with the same coverage into corpus/."""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from fuzz.corpus import LONGEST, keep, text_of, unpack
from fuzz.targets import TARGETS, find_target

FOLDER = Path(".fuzz")
PROCESSES = 2
LIMITS = (f"-max_len={LONGEST * 2}", "-rss_limit_mb=1024", "-timeout=10")  # octets, MiB, seconds


def main() -> int:
    """Run the command; return the exit code."""
    options = parse_options()
    if importlib.util.find_spec("atheris") is None:
        print("Fuzzing is LEFT OUT: there is no atheris for this Python.")
        print("tests/project/test_fuzz.py runs the corpus all the same.")
        return 0
    for name in options.targets:  # here, since threads can't import one module at once
        unpack(name, FOLDER / name / "corpus")
    work = keep_smallest if options.keep else fuzz
    with ThreadPoolExecutor(PROCESSES) as pool:
        codes = list(pool.map(lambda name: work(name, options.seconds), options.targets))
    return max(codes)


def parse_options() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m fuzz")
    parser.add_argument("targets", nargs="*", default=TARGETS, metavar="TARGET")
    parser.add_argument("--seconds", type=int, default=20, help="for each target (20)")
    parser.add_argument("--keep", action="store_true", help="rewrite the corpus")
    options = parser.parse_args()
    if unknown := sorted(set(options.targets) - set(TARGETS)):
        parser.error(f"there is no target {unknown[0]}; there are {', '.join(TARGETS)}")
    return options


def fuzz(name: str, seconds: int) -> int:
    """Fuzz one target and print the result."""
    folder = FOLDER / name
    done = run(name, f"-max_total_time={seconds}", folder / "corpus")
    progress = re.findall(r"cov: (\d+) ft: (\d+) corp: (\d+)", done.stderr) or [("?",) * 3]
    runs = re.findall(r"(?:Done |#|stat::number_of_executed_units: )(\d+)", done.stderr) or ["?"]
    covered, features, inputs = progress[-1]
    words = f"{name:14}{runs[-1]:>9} runs  {covered:>5} edges  {features:>6} features"
    print(f"{words}  {inputs:>5} inputs  {'ok' if done.returncode == 0 else 'BROKEN'}", flush=True)
    if done.returncode:
        print(done.stdout[-3000:] + done.stderr[-3000:])
        for path in re.findall(r"Test unit written to (\S+)", done.stderr):
            print(f"{path} is: {text_of(Path(path).read_bytes())}", flush=True)
    return int(done.returncode != 0)


def keep_smallest(name: str, seconds: int) -> int:
    """Rewrite the corpus of one target."""
    folder = FOLDER / name
    with tempfile.TemporaryDirectory() as least:
        done = run(name, "-merge=1", least, folder)
        inputs = [path.read_bytes() for path in Path(least).iterdir()]
    if done.returncode or not inputs:
        print(done.stderr[-3000:])
        return 1
    print(f"{name}: {keep(name, inputs)} inputs kept")
    return 0


def run(name: str, *arguments: str | os.PathLike[str]) -> subprocess.CompletedProcess[str]:
    """Run libFuzzer; its temporary files are deleted."""
    with tempfile.TemporaryDirectory() as folder:
        words = Path(folder) / "words"
        words.write_text("".join(f'"{quoted(word)}"\n' for word in find_target(name).WORDS))
        broken = f"-artifact_prefix={FOLDER / name}/"
        options = (*LIMITS, f"-dict={words}", broken, "-print_final_stats=1", *arguments)
        return subprocess.run(
            [sys.executable, "-m", "fuzz.run_target", name, *options],
            env={**os.environ, "TMPDIR": folder},
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )


def quoted(word: str) -> str:
    """Escape a word as in libFuzzer's dictionaries."""
    return "".join(c if c.isalnum() else f"\\x{ord(c):02x}" for c in word)


if __name__ == "__main__":
    sys.exit(main())
