"""What is in the store comes back through a real XML parser and a real JSON parser."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from boxis_gateway.form_api.renderers import RENDERERS, find_renderer
from boxis_gateway.form_api.renderers.xml_envelope import NO_XML_CHARACTER
from boxis_gateway.form_api.results import Columns, Failure, Rows, Success

storable = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
rows_of_texts = st.lists(st.tuples(storable, storable, st.integers(1, 255)), max_size=30)


def rows(values: list[tuple[str, str, int]], size: int = 7) -> Rows:
    def start() -> Iterator[Columns]:
        for first in range(0, len(values), size):
            yield list(zip(*values[first : first + size], strict=True))

    return Rows("sms", ("a", "b", "n"), start, ("history",), {"json": ("senders",)})


def rendered(name: str, result: Success | Failure) -> bytes:
    return b"".join(RENDERERS[name].render(result, 1336558351))


@given(rows_of_texts)
def test_any_text_comes_back_from_json(values: list[tuple[str, str, int]]) -> None:
    answer = rendered("json", Success(rows(values)))
    assert answer.isascii()
    found = json.loads(answer)["params"]["senders"]
    assert found == (
        {f"sms{i}": {"a": a, "b": b, "n": str(n)} for i, (a, b, n) in enumerate(values, 1)} or []
    )
    assert list(found) == [f"sms{i}" for i in range(1, len(values) + 1)]


@given(rows_of_texts)
def test_any_text_comes_back_from_xml_but_for_what_xml_cannot_carry(
    values: list[tuple[str, str, int]],
) -> None:
    tree = etree.fromstring(rendered("xml", Success(rows(values))))
    found = [
        (row.tag, *((cell.tag, cell.text or "") for cell in row)) for row in tree.find("history")
    ]
    kept = [(NO_XML_CHARACTER.sub("", a), NO_XML_CHARACTER.sub("", b), n) for a, b, n in values]
    assert found == [
        (f"sms{i}", ("a", a), ("b", b), ("n", str(n))) for i, (a, b, n) in enumerate(kept, 1)
    ]


@given(storable)
def test_any_description_makes_a_well_formed_failure(description: str) -> None:
    failure = Failure(description, clock_mismatch=True)
    found = json.loads(rendered("json", failure))
    assert found["resulttxt"] == f"Error: {description}"
    assert list(found) == ["result", "resulttxt", "timestamperror", "timestamp"]
    tree = etree.fromstring(rendered("xml", failure))
    assert tree.findtext("resulttxt") == "error: " + NO_XML_CHARACTER.sub("", description)
    assert [child.tag for child in tree] == list(found)


@pytest.mark.parametrize("name", RENDERERS)
def test_pieces_are_few_rows_long_whatever_the_answer(name: str) -> None:
    result = Success(rows([("x", "y", 1)] * 10_000, size=100))
    assert max(map(len, RENDERERS[name].render(result, 0))) < 10_000


@pytest.mark.parametrize("name", RENDERERS)
def test_a_renderer_is_found_under_its_name(name: str) -> None:
    assert name == find_renderer(name).NAME


@pytest.mark.parametrize("name", ["", "JSON", "yaml", "xml "])
def test_anything_else_means_xml(name: str) -> None:
    assert find_renderer(name).NAME == "xml"
