"""What a run was made on."""

from __future__ import annotations

import os
import platform
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from benchmarks.processes import find_program

PACKAGES = (
    "flask gunicorn lxml marshmallow peewee fastapi starlette uvicorn uvloop httptools sqlalchemy "
    "datasette"
)


def facts() -> Iterator[tuple[str, str]]:
    """Names and values."""
    yield "processor", f"{_cpu()}, {os.cpu_count()} cores"
    yield "memory", f"{_memory():.0f} GB"
    yield "system", f"{_distribution()}, Linux {platform.release()}"
    yield "Python", f"{platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    yield "packages", ", ".join(f"{name} {version(name)}" for name in PACKAGES.split())
    yield "sqlite3 shell", _first(["sqlite3", "--version"], r"[\d.]+")
    yield "PHP", _first([find_program("php-fpm*"), "-v"], r"PHP ([\d.]+)")
    yield "nginx", _first([find_program("nginx"), "-v"], r"nginx/([\d.]+)")
    yield "wrk", _first(["wrk", "-v"], r"wrk (\S+)")
    yield "load before the run", f"{LOAD_BEFORE:.1f}"


LOAD_BEFORE = os.getloadavg()[0]


def _cpu() -> str:
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return found[1] if found else platform.machine()


def _memory() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9


def _distribution() -> str:
    return platform.freedesktop_os_release().get("PRETTY_NAME", sys.platform)


def _first(command: list[str], pattern: str) -> str:
    """What the pattern finds in the words of the command."""
    done = subprocess.run(command, capture_output=True, text=True)
    found = re.search(pattern, done.stdout + done.stderr)
    return found[found.lastindex or 0] if found else "?"
