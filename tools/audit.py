"""Licences (pip-licenses) and known vulnerabilities (pip-audit) of the dependencies: `make audit`.

The program's own dependencies have permissive licences. What extras and tests use may also be under
the LGPL or the MPL: it is neither changed nor handed on.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parent.parent
TABLES = PROJECT / "docs/dependencies.md"
TOOLS = PROJECT / ".venv-tools/bin"
VENV = PROJECT / ".venv"
OURS = "boxis-gateway"

PERMISSIVE = {"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "MIT", "MIT-0", "PSF-2.0", "Zlib"}
PERMISSIVE |= {"0BSD", "ISC", "Unlicense"}
BESIDES = {"LGPL-3.0-only", "MPL-2.0"}
SPDX = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}
"""Classifiers of metadata -> SPDX."""
BY_FILE = {"apsw": "Zlib", "atheris": "Apache-2.0", "peewee": "MIT"}
"""Licences read in the licence file: these metadata name none, or any."""


def main() -> int:
    """Print the outcome; the exit code is 1 if something is wrong."""
    with tempfile.TemporaryDirectory() as folder:
        uv = (TOOLS / "uv", "--quiet")
        subprocess.run([*uv, "venv", "--python", VENV / "bin/python", folder], check=True)
        install = (
            *uv,
            "pip",
            "install",
            "--system-certs",
            "--python",
            folder,
            "--editable",
            PROJECT,
        )
        subprocess.run(install, check=True)
        program = licences(Path(folder))
    print(f"Licences: {len(program)} packages of the program")
    wrong = licence_problems(program, licences(VENV), TABLES.read_text())
    known, words = outcome_of(ask_pip_audit())
    print(f"Vulnerabilities: {words}")
    for line in wrong + known:
        print(f"WRONG: {line}")
    return 1 if wrong or known else 0


def licences(venv: Path) -> dict[str, str]:
    """Normalised name -> SPDX expression of the packages of a virtual environment."""
    command = [TOOLS / "pip-licenses", f"--python={venv}/bin/python", "--format=json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    said = {
        re.sub("[-_.]+", "-", row["Name"]).lower(): row["License"]
        for row in json.loads(done.stdout)
    }
    said.pop(OURS)
    return {name: BY_FILE.get(name, SPDX.get(words, words)) for name, words in said.items()}


def licence_problems(
    program: Mapping[str, str], installed: Mapping[str, str], tables: str
) -> list[str]:
    """A line for each licence that is not allowed, or not told in docs/dependencies.md."""
    told = dict(re.findall(r"^\| `([^`]+)` \| ([^|]+) \|", tables, re.MULTILINE))
    problems = [f"docs/dependencies.md lacks {name}" for name in sorted(program.keys() - told)]
    for name, licence in {**installed, **program}.items():
        allowed = PERMISSIVE if name in program else PERMISSIVE | BESIDES
        if not set(re.split(r" AND | OR ", licence)) <= allowed:
            problems.append(f"{name} has the licence '{licence}', which is not allowed here")
        if told.get(name, licence) != licence:
            problems.append(f"docs/dependencies.md: {name} has the licence '{licence}'")
    return problems


def ask_pip_audit() -> str:
    """The answer of pip-audit as JSON, or its complaint."""
    (packages,) = VENV.glob("lib/python*/site-packages")
    options = ("--format=json", "--progress-spinner=off", "--skip-editable", "--timeout=10")
    command = [TOOLS / "pip-audit", *options, "--path", packages]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    except subprocess.TimeoutExpired:
        return "no answer within 120 seconds"
    return done.stdout or done.stderr


def outcome_of(answer: str) -> tuple[list[str], str]:
    """A line for each known vulnerability, and a sentence on what was looked up."""
    try:
        packages = json.loads(answer)["dependencies"]
    except ValueError:
        last = (answer.strip().splitlines() or ["no answer"])[-1]
        return [], f"LEFT OUT: the registry's advisories cannot be reached ({last[:120]})"
    packages = [package for package in packages if package["name"] != OURS]
    skipped = [package["name"] for package in packages if "skip_reason" in package]
    if len(skipped) == len(packages):
        return [], "LEFT OUT: the registry that is reached here has no advisories"
    words = f"{len(packages) - len(skipped)} packages looked up"
    known = [line for package in packages for line in _vulnerabilities(package)]
    return known, f"{words}; not {', '.join(skipped)}" if skipped else words


def _vulnerabilities(package: Mapping[str, Any]) -> list[str]:
    return [
        f"{package['name']} {package['version']} has {hole['id']}, mended in "
        + (", ".join(hole["fix_versions"]) or "no version yet")
        for hole in package.get("vulns", ())
    ]


if __name__ == "__main__":
    sys.exit(main())
