"""What we depend on, and what a release is made of."""

from __future__ import annotations

import json
import tarfile
from importlib.metadata import Distribution
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from release import dist, licences
from release.vulnerabilities import outcome_of


def test_all_that_we_ask_for_is_told() -> None:
    named = licences.direct("", *licences.extras_of_ours())
    assert len(named) > 25
    assert named <= licences.told().keys()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda text: text.replace("| `flask` |", "| `flusk` |"), "lacks flask"),
        (lambda text: text.replace("| `lxml` | BSD", "| `lxml` | GPL"), "lxml has the licence"),
    ],
)
def test_a_table_that_is_not_true_is_noticed(
    change: Any, complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "dependencies.md"
    table.write_text(change(licences.TABLE.read_text()))
    monkeypatch.setattr(licences, "TABLE", table)
    assert any(complaint in problem for problem in licences.problems())


def test_a_licence_that_is_not_allowed_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(licences, "PERMISSIVE", licences.PERMISSIVE - {"Zlib"})
    assert any(problem.startswith("apsw has the licence") for problem in licences.problems())


@pytest.mark.parametrize(
    ("lines", "licence"),
    [
        ("License-Expression: MIT OR Apache-2.0", "MIT OR Apache-2.0"),
        ("Classifier: License :: OSI Approved :: BSD License", "BSD-3-Clause"),
        ("License: Apache 2.0", "Apache-2.0"),
        ("License: GPL", "GPL"),
        ("Summary: none", "not told"),
    ],
)
def test_a_licence_is_found_wherever_it_is_told(lines: str, licence: str, tmp_path: Path) -> None:
    folder = tmp_path / "acme-1.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.4\nName: acme\nVersion: 1\n{lines}\n")
    assert licences.licence_of(Distribution.at(folder)) == licence


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
def test_a_check_that_could_not_be_made_is_no_good_news(
    packages: Any, known: list[str], words: str
) -> None:
    answer = json.dumps({"dependencies": packages}) if packages else "trouble:\nno route\n"
    found, said = outcome_of(answer)
    assert (found, said[: len(words)]) == (known, words)


def packed(folder: Path, mode: int, mtime: int, names: tuple[str, ...]) -> bytes:
    """A small sdist of one's own making, normalised."""
    folder.mkdir()
    for name in names:
        (folder / name).write_text(name)
        (folder / name).chmod(mode)
    path = folder / "a.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name in names:
            info = archive.gettarinfo(folder / name, f"a-1/{name}")
            info.mtime, info.uname, info.uid = mtime, f"user{mode}", mode
            archive.addfile(info, BytesIO(name.encode()))
    dist.normalise(path, 1336564800)
    return path.read_bytes()


def test_an_sdist_tells_nothing_of_who_made_it(tmp_path: Path) -> None:
    one = packed(tmp_path / "one", 0o600, 1, ("b", "a"))
    assert packed(tmp_path / "two", 0o755, 2_000_000_000, ("a", "b")) == one


def test_a_release_has_the_files_of_the_project(tmp_path: Path) -> None:
    if not (dist.PROJECT / ".git").exists():
        pytest.skip("not in git")
    names = dist.files_of(dist.PROJECT)
    assert {"README.md", "LICENSE", "setup.cfg", "boxis_gateway/py.typed"} <= set(names)
    dist.stage(dist.PROJECT, tmp_path, 1336564800)
    staged = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert sorted(str(path.relative_to(tmp_path)) for path in staged) == names
    assert {(int(path.stat().st_mtime), path.stat().st_mode & 0o777) for path in staged} == {
        (1336564800, 0o644)
    }
