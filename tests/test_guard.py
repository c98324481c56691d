"""The guard's judgement; what it counts it counts under valgrind (`make guard`)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from benchmarks.guard import ACCEPTED, RULES, accepted, compare, figures_of

COUNTS = {
    "bare view": 600_000,
    "100 bare rows": 1_300_000,
    "wrong code": 680_000,
    **{
        f"{rows}, {kind}": count
        for kind in ("XML", "JSON")
        for rows, count in (("10 rows", 1.2e6), ("100 rows", 3e6), ("100 odd rows", 4e6))
    },
}
FIGURES = figures_of(COUNTS)


def entry(code: str = "c0de", **changes: float) -> Any:
    return {"code": code, "figures": {**FIGURES, **changes}}


def test_figures_as_accepted_pass() -> None:
    assert compare({"ours": entry()}, "ours", FIGURES) == []


def test_a_moved_figure_tells_what_it_was_and_is_and_how_to_accept_it() -> None:
    (line,) = compare({"ours": entry()}, "ours", {**FIGURES, "a row more, XML": 1.6})
    assert line == (
        "guard: a row more, XML: accepted 1.538 bare rows, counted 1.600, +0.062; "
        "the tolerance is 0.006. If the change is meant: make guard-accept"
    )


def test_what_got_cheaper_is_to_be_accepted_too() -> None:
    assert compare({"ours": entry()}, "ours", {**FIGURES, "wrong code": 5.0})


def test_a_build_without_figures_has_the_wide_tolerance(
    capsys: pytest.CaptureFixture[str],
) -> None:
    known = {"theirs": entry()}
    assert compare(known, "ours", {**FIGURES, "a row more, XML": 1.6}) == []
    assert "Nothing is accepted for ours." in capsys.readouterr().out
    assert compare(known, "ours", {**FIGURES, "a row more, XML": 1.7})


def test_a_figure_that_nobody_accepted_fails() -> None:
    known = {"ours": {"code": "c0de", "figures": {}}}
    assert len(compare(known, "ours", FIGURES)) == len(RULES)


def test_accepting_keeps_what_other_builds_have_for_the_same_code() -> None:
    known = {"old": entry("01d"), "other": entry("c0de"), "ours": entry("01d")}
    assert accepted(known, "ours", "c0de", FIGURES) == {
        "other": entry("c0de"),
        "ours": entry("c0de"),
    }


def test_every_build_has_every_figure_accepted() -> None:
    known = json.loads(ACCEPTED.read_text())
    assert known
    assert all(set(build["figures"]) == set(RULES) for build in known.values())
