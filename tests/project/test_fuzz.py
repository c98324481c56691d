"""Inputs that the fuzzer kept, tried without it; and proof that it would notice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fuzz.targets
from boxis_gateway.form_api import endpoint, form, php_list
from boxis_gateway.importers import kannel_log
from boxis_gateway.importers.reading import csv_records, dates
from boxis_gateway.rest_api import endpoint as rest_endpoint
from boxis_gateway.server.requests import RequestReader
from boxis_gateway.zones import Zone
from fuzz.corpus import FOLDER, kept, octets_of, text_of
from fuzz.targets import TARGETS, find_target

MOST_KEPT = 300_000  # octets in the repository


def fail(*_: object, **__: object) -> Any:
    raise RuntimeError("broken on purpose")


def last_part(reader: RequestReader, part: bytes) -> None:
    reader._current.target = part


class UnchangedPrefixes(dict[Any, str]):
    def __missing__(self, dates: tuple[Zone, str, str]) -> str:
        return dates[1]


def try_all(name: str) -> int:
    target = find_target(name)
    inputs = [*kept(name), *target.seeds()]
    for octets in inputs:
        target.check(octets)
    return len(inputs)


@pytest.mark.parametrize("name", TARGETS)
def test_all_that_was_kept_is_as_it_has_to_be(name: str) -> None:
    assert try_all(name) > 10


@pytest.mark.parametrize(
    ("name", "owner", "attribute", "broken"),
    [
        ("form", form, "_unquoted", lambda text: text),
        ("php_list", php_list, "MAX_ITEMS", 1),
        ("dates", dates, "_utc_prefixes", UnchangedPrefixes()),
        ("dates", Zone, "latest_instant", Zone.earliest_instant),
        ("kannel_log", kannel_log, "to_e164", lambda number: "\ud800"),
        ("import_files", csv_records, "_parse_block", lambda lines, _: [(["a"], 1)] * len(lines)),
        ("http_requests", RequestReader, "on_url", last_part),
        ("app", endpoint, "find_action", fail),
        ("app", rest_endpoint, "read_fields", fail),
    ],
)
def test_a_fault_is_noticed(
    name: str, owner: object, attribute: str, broken: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner, attribute, broken)
    with pytest.raises((AssertionError, UnicodeError)):
        try_all(name)


def test_every_target_is_in_the_table() -> None:
    files = Path(fuzz.targets.__file__).parent.glob("[a-z]*.py")
    assert {path.stem for path in files} == set(TARGETS) == {p.stem for p in FOLDER.iterdir()}


def test_the_corpus_is_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < MOST_KEPT


@given(st.binary())
def test_octets_come_through_a_line(octets: bytes) -> None:
    assert octets_of(text_of(octets)) == octets
    assert "\n" not in text_of(octets)
