"""Stored rows come back through a real XML parser and a real JSON parser."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from boxis_gateway.form_api.renderers import RENDERERS, find_renderer
from boxis_gateway.form_api.renderers.xml_envelope import EXCLUDED_FROM_XML
from boxis_gateway.form_api.results import Columns, Failure, Params, Rows, Success
from boxis_gateway.store import RowStream

storable = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
rows_of_texts = st.lists(st.tuples(storable, storable, st.integers(1, 255)), max_size=30)


def rows(values: list[tuple[str, str, int]], size: int = 7) -> Rows:
    def batches() -> Iterator[Columns]:
        for first in range(0, len(values), size):
            yield list(zip(*values[first : first + size], strict=True))

    return Rows(
        "sms", ("a", "b", "n"), lambda: RowStream(batches()), ("history",), {"json": ("senders",)}
    )


def rendered(name: str, result: Success | Failure) -> bytes:
    if isinstance(result, Success) and isinstance(result.payload, Rows):
        result = Success(result.payload.open(name))
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
def test_allowed_texts_come_back_from_xml(values: list[tuple[str, str, int]]) -> None:
    tree = etree.fromstring(rendered("xml", Success(rows(values))))
    found = [
        (row.tag, *((cell.tag, cell.text or "") for cell in row)) for row in tree.find("history")
    ]
    kept = [(EXCLUDED_FROM_XML.sub("", a), EXCLUDED_FROM_XML.sub("", b), n) for a, b, n in values]
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
    assert tree.findtext("resulttxt") == "error: " + EXCLUDED_FROM_XML.sub("", description)
    assert [child.tag for child in tree] == list(found)


ENVELOPE = '<?xml version="1.0" encoding="UTF-8"?>\n<return><result>1</result>'


@pytest.mark.parametrize(
    ("params", "xml", "json_text"),
    [
        (Params(), "<params/>", "[]"),
        (Params({"credit": "186"}), "<params><credit>186</credit></params>", '{"credit":"186"}'),
        (Params({"credit": 4}), "<params><credit>4</credit></params>", '{"credit":4}'),
        (
            Params({"a": "<ż>", "b": '"'}),
            '<params><a>&lt;ż&gt;</a><b>"</b></params>',
            '{"a":"<\\u017c>","b":"\\""}',
        ),
    ],
)
def test_single_values_stand_inside_params(params: Params, xml: str, json_text: str) -> None:
    """The payloads that the documentation has for other actions (protocol page, section 4)."""
    tail = "<timestamp>1336558351</timestamp></return>"
    expected = f"{ENVELOPE}<resulttxt>success</resulttxt>{xml}{tail}"
    assert rendered("xml", Success(params)).decode() == expected
    expected = f'{{"result":"1","resulttxt":"success","params":{json_text},"timestamp":1336558351}}'
    assert rendered("json", Success(params)).decode() == expected


def test_a_list_can_be_of_plain_values() -> None:
    names = Rows("sender", (), lambda: iter([[["HQSMS", "boxis.net"]]]), ("senders",))
    assert b"<senders><sender1>HQSMS</sender1><sender2>boxis.net</sender2></senders>" in rendered(
        "xml", Success(names)
    )
    assert b'"params":{"senders":{"sender1":"HQSMS","sender2":"boxis.net"}}' in rendered(
        "json", Success(names)
    )


@pytest.mark.parametrize("name", RENDERERS)
def test_pieces_are_few_rows_long_whatever_the_answer(name: str) -> None:
    result = Success(rows([("x", "y", 1)] * 10_000, size=100).open(name))
    assert max(map(len, RENDERERS[name].render(result, 0))) < 10_000


@pytest.mark.parametrize("name", RENDERERS)
def test_a_renderer_is_found_under_its_name(name: str) -> None:
    assert name == find_renderer(name).NAME


@pytest.mark.parametrize("name", ["", "JSON", "yaml", "xml "])
def test_anything_else_means_xml(name: str) -> None:
    assert find_renderer(name).NAME == "xml"
