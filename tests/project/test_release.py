"""The audit and the tables in docs/dependencies.md; `make dist-check` tests releases."""

from __future__ import annotations

import json
import re
from configparser import ConfigParser
from typing import Any

import pytest

from tools import audit


def test_every_dependency_in_setup_cfg_is_in_the_document() -> None:
    config = ConfigParser()
    config.read(audit.PROJECT / "setup.cfg")
    lists = [config["options"]["install_requires"], *config["options.extras_require"].values()]
    names = set(re.findall(r"^([\w-]+)", "\n".join(lists), re.MULTILINE))
    assert len(names) > 25
    assert names <= set(re.findall(r"`([\w-]+)`", audit.TABLES.read_text()))


TABLES = "| Package | Licence |\n| `apsw` | Zlib | x |\n| `psycopg` | LGPL-3.0-only | x |\n"


@pytest.mark.parametrize(
    ("program", "installed", "problem"),
    [
        ({"apsw": "Zlib"}, {"psycopg": "LGPL-3.0-only"}, None),
        ({"apsw": "MIT"}, {}, "docs/dependencies.md: apsw has the licence 'MIT'"),
        ({"apsw": "GPL"}, {}, "apsw has the licence 'GPL', which is not allowed here"),
        ({"flask": "MIT OR Apache-2.0"}, {}, "docs/dependencies.md lacks flask"),
        ({"psycopg": "LGPL-3.0-only"}, {}, "psycopg has the licence 'LGPL-3.0-only', which is not"),
        ({}, {"other": "MIT OR GPL"}, "other has the licence 'MIT OR GPL', which is not allowed"),
    ],
)
def test_a_forbidden_or_missing_licence_is_a_problem(
    program: dict[str, str], installed: dict[str, str], problem: str | None
) -> None:
    problems = audit.licence_problems(program, installed, TABLES)
    assert problems == [] if problem is None else problems[0].startswith(problem)


def package(name: str, **facts: Any) -> dict[str, Any]:
    return {"name": name, "version": "1.0", "vulns": [], **facts}


SKIPPED = {"skip_reason": "not found"}
HOLE = {"id": "PYSEC-1", "fix_versions": ["1.1"], "aliases": [], "description": ""}


@pytest.mark.parametrize(
    ("packages", "known", "words"),
    [
        ([package("a"), package("b")], [], "2 packages looked up"),
        (
            [package("a", vulns=[HOLE]), package("b", **SKIPPED)],
            ["a 1.0 has PYSEC-1, mended in 1.1"],
            "1 packages looked up; not b",
        ),
        ([package("a", **SKIPPED), package("boxis-gateway")], [], "LEFT OUT: the registry that"),
        (None, [], "LEFT OUT: the registry's advisories cannot be reached (no route)"),
    ],
)
def test_an_audit_without_network_fails(packages: Any, known: list[str], words: str) -> None:
    answer = json.dumps({"dependencies": packages}) if packages else "trouble:\nno route\n"
    problems, sentence = audit.outcome_of(answer)
    assert (problems, sentence[: len(words)]) == (known, words)
