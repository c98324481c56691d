"""Facts about a run: the commit, the machine, the versions."""

from __future__ import annotations

import os
import platform
import re
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from statistics import median

from benchmarks.processes import find_program
from benchmarks.stores import DATA

PACKAGES = (
    "flask werkzeug gunicorn httptools apsw marshmallow peewee lxml fastapi starlette uvicorn "
    "uvloop sqlalchemy datasette psycopg"
)
FLUSHES = 100
LOAD_BEFORE = os.getloadavg()[0]


def commit() -> str:
    """The short hash of the commit; other than committed files are named as such."""
    project = Path(__file__).parent.parent
    short = _first_match(["git", "-C", str(project), "rev-parse", "--short", "HEAD"], r"\w+")
    ours = ["boxis_gateway", "benchmarks"]
    changes = subprocess.run(
        ["git", "status", "--porcelain", *ours], cwd=project, capture_output=True
    )
    return f"{short} with uncommitted changes" if changes.stdout else short


def facts() -> Iterator[tuple[str, str]]:
    """Names and values."""
    yield "processor", f"{_cpu()}, {os.cpu_count()} cores"
    yield "memory", f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1e9:.0f} GB"
    distribution = platform.freedesktop_os_release().get("PRETTY_NAME", sys.platform)
    yield "system", f"{distribution}, Linux {platform.release()}"
    yield "Python", f"{platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    yield "packages", ", ".join(f"{name} {version(name)}" for name in PACKAGES.split())
    yield "sqlite3 shell", _first_match(["sqlite3", "--version"], r"[\d.]+")
    yield "PHP", _first_match([find_program("php-fpm*"), "-v"], r"PHP ([\d.]+)")
    yield "nginx", _first_match([find_program("nginx"), "-v"], r"nginx/([\d.]+)")
    yield "wrk", _first_match(["wrk", "-v"], r"wrk (\S+)")
    yield "flush of the disk", f"{flush_ms():.2g} ms (median of fdatasync after 4 KiB)"
    yield "load before the run", f"{LOAD_BEFORE:.1f}"


def flush_ms() -> float:
    """Median milliseconds of a flush of a file beside the stores."""
    times = []
    with tempfile.TemporaryFile(dir=DATA, buffering=0) as file:
        for _ in range(FLUSHES):
            file.write(bytes(4096))
            started = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - started)
    return median(times) * 1000


def _cpu() -> str:
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return model[1] if model else platform.machine()


def _first_match(command: list[str], pattern: str) -> str:
    """The first match in the output of the command; "?" if there is none."""
    done = subprocess.run(command, capture_output=True, text=True)
    match = re.search(pattern, done.stdout + done.stderr)
    return match[match.lastindex or 0] if match else "?"
