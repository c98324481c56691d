"""Simulation of large stores: a seed has one output, which scaling.md and sizing.md show."""

from __future__ import annotations

from benchmarks.simulation import page
from benchmarks.simulation_model import Load
from tests.support.documents import TEXTS

SMALL = Load(messages=1_000_000, accounts=500)


def test_a_seed_has_one_answer() -> None:
    assert list(page(7, SMALL)) == list(page(7, SMALL))
    assert list(page(7, SMALL)) != list(page(8, SMALL))


def test_the_document_shows_the_output_of_seed_1() -> None:
    documents = "".join(TEXTS[f"docs/{name}.md"] for name in ("scaling", "sizing"))
    assert [line for line in page(1, Load()) if line and line not in documents] == []
