"""`python -m fuzz [TARGET …]`: each target for `--seconds`, two at a time; exit code 1 if one is
broken.

What is found on the way stays in .fuzz/, and the next run goes on from there. `--keep` writes the
least of it that reaches as much into corpus/."""

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
AT_ONCE = 2
LIMITS = (f"-max_len={LONGEST * 2}", "-rss_limit_mb=1024", "-timeout=10")  # octets, MiB, seconds


def main() -> int:
    """The exit code."""
    options = parsed()
    if importlib.util.find_spec("atheris") is None:
        print("Fuzzing is LEFT OUT: there is no atheris for this Python. The corpus is tried by")
        print("tests/project/test_fuzz.py all the same.")
        return 0
    for name in options.targets:  # here, as threads can't import the same at once
        unpack(name, FOLDER / name / "corpus")
    work = keep_least if options.keep else fuzz
    with ThreadPoolExecutor(AT_ONCE) as pool:
        codes = list(pool.map(lambda name: work(name, options.seconds), options.targets))
    return max(codes)


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m fuzz")
    parser.add_argument("targets", nargs="*", default=TARGETS, metavar="TARGET")
    parser.add_argument("--seconds", type=int, default=20, help="for each target (20)")
    parser.add_argument("--keep", action="store_true", help="write the corpus anew")
    options = parser.parse_args()
    if unknown := sorted(set(options.targets) - set(TARGETS)):
        parser.error(f"there is no target {unknown[0]}; there are {', '.join(TARGETS)}")
    return options


def fuzz(name: str, seconds: int) -> int:
    """Fuzz one target and print what came of it."""
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


def keep_least(name: str, seconds: int) -> int:
    """Write the corpus of one target anew."""
    folder = FOLDER / name
    with tempfile.TemporaryDirectory() as least:
        done = run(name, "-merge=1", least, folder)
        found = [path.read_bytes() for path in Path(least).iterdir()]
    if done.returncode or not found:
        print(done.stderr[-3000:])
        return 1
    print(f"{name}: {keep(name, found)} inputs kept")
    return 0


def run(name: str, *arguments: str | os.PathLike[str]) -> subprocess.CompletedProcess[str]:
    """libFuzzer, with what it leaves behind in folders that are taken away."""
    with tempfile.TemporaryDirectory() as folder:
        words = Path(folder) / "words"
        words.write_text("".join(f'"{quoted(word)}"\n' for word in find_target(name).WORDS))
        broken = f"-artifact_prefix={FOLDER / name}/"
        options = (*LIMITS, f"-dict={words}", broken, "-print_final_stats=1", *arguments)
        return subprocess.run(
            [sys.executable, "-m", "fuzz.one", name, *options],
            env={**os.environ, "TMPDIR": folder},
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )


def quoted(word: str) -> str:
    """As libFuzzer's dictionaries have it."""
    return "".join(c if c.isalnum() else f"\\x{ord(c):02x}" for c in word)


if __name__ == "__main__":
    sys.exit(main())
