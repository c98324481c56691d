"""Licences and known vulnerabilities of what we depend on: `python -m release.audit`, in .venv."""

from __future__ import annotations

import sys

from release import licences, vulnerabilities


def main() -> int:
    """The exit code: 1 if something is wrong."""
    wrong = list(licences.problems())
    print(f"Licences: {len(licences.closure())} packages of the program")
    known, words = vulnerabilities.outcome_of(vulnerabilities.ask())
    print(f"Vulnerabilities: {words}")
    for line in wrong + known:
        print(f"WRONG: {line}")
    return 1 if wrong or known else 0


if __name__ == "__main__":
    sys.exit(main())
