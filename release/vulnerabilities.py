"""Known vulnerabilities of what is installed in .venv, by pip-audit."""

from __future__ import annotations

import json
import subprocess
import sysconfig
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

OURS = "boxis-gateway"
PIP_AUDIT = Path(__file__).parent / ".venv/bin/pip-audit"
SECONDS = 120


def ask() -> str:
    """What pip-audit answers, as JSON; or what it says went wrong."""
    options = (
        "--format",
        "json",
        "--progress-spinner",
        "off",
        "--skip-editable",
        "--timeout",
        "10",
    )
    command = [PIP_AUDIT, *options, "--path", sysconfig.get_path("purelib")]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"no answer within {SECONDS} seconds"
    return done.stdout or done.stderr


def outcome_of(answer: str) -> tuple[list[str], str]:
    """What is known, a line each; and what the check was worth, in one line."""
    try:
        packages = json.loads(answer)["dependencies"]
    except ValueError:
        last = (answer.strip().splitlines() or ["nothing was said"])[-1]
        return [], f"LEFT OUT: the registry's advisories cannot be reached ({last[:120]})"
    asked = [one for one in packages if one["name"] != OURS]
    unknown = [one["name"] for one in asked if "skip_reason" in one]
    if len(unknown) == len(asked):
        return [], "LEFT OUT: the registry that is reached here has no advisories"
    known = [line for one in asked for line in _known(one)]
    words = f"{len(asked) - len(unknown)} packages looked up"
    return known, f"{words}; not {', '.join(unknown)}" if unknown else words


def _known(package: Mapping[str, Any]) -> Iterator[str]:
    for one in package.get("vulns", ()):
        mended = ", ".join(one["fix_versions"]) or "no version yet"
        yield f"{package['name']} {package['version']} has {one['id']}, mended in {mended}"
