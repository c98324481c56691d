"""The guard's judgement; it counts under valgrind (`make guard`)."""

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


def build(code: str = "c0de", **changes: float) -> Any:
    return {"code": code, "figures": {**FIGURES, **changes}}


def known(**baseline: float) -> Any:
    return {"baseline": {**FIGURES, **baseline}, "builds": {"ours": build()}}


def test_figures_as_accepted_pass() -> None:
    assert compare(known(), "ours", FIGURES) == []


def test_a_loss_fails_with_both_figures_and_the_remedy() -> None:
    (line,) = compare(known(), "ours", {**FIGURES, "a row more, XML": 1.55})
    assert line == (
        "guard: a row more, XML: accepted 1.538 bare rows, counted 1.550, +0.012; "
        "the limit is +0.006. If the cost is meant: make guard-accept"
    )


def test_a_gain_is_reported_and_passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert compare(known(), "ours", {**FIGURES, "wrong code": 5.0}) == []
    assert "wrong code is cheaper. Keep the gain: make guard-accept" in capsys.readouterr().out


def test_accepted_losses_that_add_up_exceed_the_budget() -> None:
    (line,) = compare(known(**{"a row more, XML": 1.5}), "ours", FIGURES)
    assert line.startswith("guard: a row more, XML: baseline 1.500 bare rows, counted 1.538")
    assert "the limit is +0.030." in line
    assert compare(known(**{"a row more, XML": 1.51}), "ours", FIGURES) == []


def test_an_unknown_build_has_the_wide_tolerance(capsys: pytest.CaptureFixture[str]) -> None:
    assert compare(known(), "theirs", {**FIGURES, "a row more, XML": 1.6}) == []
    assert "Nothing is accepted for theirs." in capsys.readouterr().out
    assert compare(known(), "theirs", {**FIGURES, "a row more, XML": 1.7})


def test_a_figure_that_was_never_accepted_fails() -> None:
    figures = {"baseline": FIGURES, "builds": {"ours": {"code": "c0de", "figures": {}}}}
    assert len(compare(figures, "ours", FIGURES)) == len(RULES)  # type: ignore[arg-type]


def test_accepting_keeps_the_other_builds_of_the_same_code() -> None:
    builds = {"old": build("01d"), "other": build("c0de"), "ours": build("01d")}
    assert accepted(builds, "ours", "c0de", FIGURES) == {
        "other": build("c0de"),
        "ours": build("c0de"),
    }


def test_every_build_and_the_baseline_have_every_figure() -> None:
    guard = json.loads(ACCEPTED.read_text())
    figures = [guard["baseline"], *(build["figures"] for build in guard["builds"].values())]
    assert len(figures) > 1
    assert all(set(each) == set(RULES) for each in figures)
