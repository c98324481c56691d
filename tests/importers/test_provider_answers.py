"""Answers of providers that somebody saved: read in pieces, whatever they look like."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boxis_gateway.errors import ImportFailed
from boxis_gateway.importers import find_importer
from boxis_gateway.importers.boxis.answers import parse_history
from boxis_gateway.importers.reading.json_walk import NotJson, walk
from boxis_gateway.importers.reading.lines import BadLine, GoodLine
from boxis_gateway.importers.reading.source import Source
from boxis_gateway.model import Account
from boxis_gateway.store import ListQuery, Store
from tests.support.importing import import_file, read_lines
from tests.support.paths import DOCUMENTED, IMPORTS

SAMPLES = IMPORTS

texts = st.text(st.characters(exclude_categories=["Cs"]))
numbers = st.floats(allow_nan=False, allow_infinity=False)
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


def pieces(content: bytes, size: int) -> list[bytes]:
    return [content[at : at + size] for at in range(0, len(content), size)]


@settings(max_examples=50)
@given(st.lists(documents, max_size=3), st.integers(1, 40), st.booleans())
def test_documents_are_walked_through_in_whatever_pieces_they_come(
    given_documents: list[Any], size: int, ascii_only: bool
) -> None:
    encoded = [json.dumps(one, ensure_ascii=ascii_only) for one in given_documents]
    content = "\n ".join(encoded).encode()
    found = list(walk(pieces(content, size), frozenset()))
    assert found == [((), json.loads(one, parse_int=str, parse_float=str)) for one in encoded]


@pytest.mark.parametrize("number", ["0.0075", "5e-05", "-1.5E+10", "-0"])
def test_a_number_may_be_cut_anywhere(number: str) -> None:
    content = f"[{number}, {number}]".encode()
    for cut in range(len(content)):
        found = list(walk([content[:cut], content[cut:]], frozenset({()})))
        assert found == [((), number), ((), number)]


@settings(max_examples=50)
@given(
    st.dictionaries(texts, st.dictionaries(texts, texts | st.integers(), max_size=3), max_size=3),
    st.integers(1, 40),
)
def test_an_opened_container_yields_its_values(document: dict[str, Any], size: int) -> None:
    content = json.dumps(document).encode()
    opened = {(), *((name,) for name in document)}
    expected: list[Any] = [] if document else [((), {})]
    for name, inner in json.loads(content, parse_int=str).items():
        expected += [((name, key), value) for key, value in inner.items()] or [((name,), {})]
    assert list(walk(pieces(content, size), opened)) == expected


@given(st.binary(max_size=30) | st.text('[]{}",:01 tfn', max_size=30).map(str.encode))
def test_malformed_json_is_refused(content: bytes) -> None:
    try:
        found = list(walk([content], frozenset({()})))
    except NotJson:
        return
    assert found or not content.decode("utf-8-sig", "ignore").strip(" \t\r\n")


@pytest.mark.parametrize(
    "content",
    [b"[" * 200_000, b'{"a":' * 200_000, b'{"a":"' + b"x" * 9_000_000, b'{"a":1', b"\xff"],
)
def test_endless_json_is_refused(content: bytes) -> None:
    with pytest.raises(NotJson):
        list(walk(pieces(content, 65_536), frozenset({(), ("a",)})))


@pytest.mark.parametrize("name", ["boxis-traps.xml", "boxis-both.json"])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 50, 999])
def test_rows_do_not_depend_on_where_pieces_end(name: str, size: int) -> None:
    content = (SAMPLES / name).read_bytes()
    whole = list(parse_history([content]))
    assert len(whole) > 4
    assert list(parse_history(pieces(content, size))) == whole


@pytest.mark.parametrize("kind", ["xml", "json"])
def test_the_documented_answers_are_read(kind: str) -> None:
    content = (DOCUMENTED / f"history_success.{kind}").read_bytes()
    assert find_importer(None, Source(BytesIO(content))).NAME == "boxis"
    assert [line.message.sent_at for line in read_lines("boxis", content) if len(line) == 3] == [
        "2012-05-09 10:28:00",
        "2012-05-09 10:20:00",
    ]
    error = (DOCUMENTED / f"history_error.{kind}").read_bytes()
    assert find_importer(None, Source(BytesIO(error))).NAME == "boxis"
    with pytest.raises(ImportFailed, match=r"rror: \{error description\}"):
        read_lines("boxis", error)


PAGE = b'{"offset":0,"limit":1,"total":1,"messages":[{"_id":"a","type":"SMS","from":"s",'
DAMAGED = {
    b"": "no answer",
    b"<html><body>hello</body></html>": "no answer",
    b"<return>": "truncated",
    b"<return><result>1</result><history>": "truncated",
    b"<return><history></return>": "damaged",
    b"<return></return>": "no answer",
    b"<!DOCTYPE html><html>": "no answer",
    b'{"result":"1","params":{"senders":{"sms1":': "truncated",
    b'{"result":"1","params":{"senders":{]}}': "damaged",
    b'{"params":[]}': "no answer",
    b"[]": "no answer",
}


@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_answer_is_reported(content: bytes) -> None:
    with pytest.raises(ImportFailed, match=DAMAGED[content]):
        read_lines("boxis", content)


def answer(kind: str, *seconds: int) -> bytes:
    """A history of messages at these seconds of a minute."""
    row = {"sender": "s", "reciptient": "48514151563"}
    dated = [{**row, "date": f"2012-05-09 10:28:{second:02}"} for second in seconds]
    if kind == "json":
        listed = {f"sms{n}": one for n, one in enumerate(dated, 1)}
        return json.dumps({"result": "1", "params": {"history": listed}}).encode()
    cells = ["".join(f"<{name}>{one[name]}</{name}>" for name in one) for one in dated]
    inner = "".join(f"<sms{n}>{one}</sms{n}>" for n, one in enumerate(cells, 1))
    return f"<return><result>1</result><history>{inner}</history></return>".encode()


@pytest.mark.parametrize("kind", ["xml", "json"])
def test_rows_before_damage_stay(kind: str, store: Store, account: Account, tmp_path: Path) -> None:
    """But for the last second, of which more may have come."""
    content = answer(kind, 9, 8, 7, 7, 6)
    path = tmp_path / "answer"
    path.write_bytes(content[: content.index(b"sms5")])
    with pytest.raises(ImportFailed, match=r"truncated\. The rows before are imported"):
        import_file(store, account, path)
    assert len(store.history.recent(account.id, "0", "9999", 9)) == 2
    path.write_bytes(content)
    summary = import_file(store, account, path)
    assert (summary.added, summary.known) == (3, 2)


@pytest.mark.parametrize(
    "content", [b"", b"<html>", b"[1]", b'{"a":1}', PAGE, b'{"messages":[}', PAGE + b"}]"]
)
def test_a_damaged_page_is_reported(content: bytes) -> None:
    with pytest.raises(ImportFailed, match=r"no list of messages|truncated"):
        read_lines("telecomx", content)


def with_entity(definition: str, name: str) -> bytes:
    return (
        f"<!DOCTYPE return [{definition}]><return><result>1</result><history><sms1>"
        f"<sender>a&{name};</sender><reciptient>48514151563</reciptient><date>2012-05-09 10:00"
        "</date></sms1></history></return>"
    ).encode()


def test_entities_are_not_looked_up(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hidden")
    outside = f'<!ENTITY e SYSTEM "{(tmp_path / "secret").as_uri()}">'
    for definition in (outside, '<!ENTITY e "inside">'):
        (line,) = read_lines("boxis", with_entity(definition, "e"))
        assert isinstance(line, GoodLine)
        assert line.message.sender == "a"


@pytest.mark.parametrize("depth", [1, 4])
def test_entities_do_not_explode(depth: int) -> None:
    """Ten times as long with each step. libxml2 itself refuses more of them."""
    bomb = "".join(f'<!ENTITY e{n + 1} "{f"&e{n};" * 10}">' for n in range(depth))
    (line,) = read_lines("boxis", with_entity(f'<!ENTITY e0 "x">{bomb}', f"e{depth}"))
    assert isinstance(line, GoodLine)
    assert line.message.sender == "a"


def test_an_answer_is_not_taken_for_lines_of_json() -> None:
    for content, name in {
        b'{"result":"1","resulttxt":"success","params":{"senders":[]},"timestamp":1}': "boxis",
        b'{"messages":[],"total":0}': "telecomx",
        b'{"recipient":"48514151563","sender":"s","date":"2012-05-09","messages":1}': "jsonl",
    }.items():
        assert name == find_importer(None, Source(BytesIO(content))).NAME


# Messages of the REST API that come again, and have changed.


def page(*messages: dict[str, Any]) -> bytes:
    usual = {"type": "SMS", "from": "Voicemail", "to": ["+4581808888", "+4581808889"]}
    return json.dumps({"messages": [usual | message for message in messages]}).encode()


def listed(store: Store, account: Account, path: Path, content: bytes) -> list[Any]:
    """The list after the import of a file with that content."""
    path.write_bytes(content)
    import_file(store, account, path)
    return store.submissions.page(ListQuery([account.id]))[0]


WAITS = {"_id": "52f4fd8034697b28ccaf7810", "sent": None, "message": "hello"}


def test_a_malformed_id_rejects_one_message_only() -> None:
    sent = {"sent": "2014-02-07T15:36:23Z", "message": "hello"}
    bad, *good = read_lines(
        "telecomx", page(sent | {"_id": "half \ud800"}, sent | {"_id": "whole"})
    )
    assert bad == BadLine(1, "a text has a lone surrogate")
    assert [type(line) for line in good] == [GoodLine] * 2


def test_a_pending_message_is_sent_once(store: Store, account: Account, tmp_path: Path) -> None:
    (one,) = listed(store, account, tmp_path / "page.json", page(WAITS))
    assert one.sent_at is None
    sent = WAITS | {"sent": "2014-02-08T10:00:00.500Z"}
    for _ in range(2):
        (one,) = listed(store, account, tmp_path / "page.json", page(sent))
        assert one.sent_at == "2014-02-08 10:00:00.500"
        assert one.recipients == "+4581808888\n+4581808889"
        assert len(store.history.recent(account.id, "0", "9999", 9)) == 2
        assert store.submissions.page(ListQuery([account.id], limit=1))[1] == 1


def test_a_hidden_text_adds_no_message(store: Store, account: Account, tmp_path: Path) -> None:
    sent = WAITS | {"sent": "2014-02-08T10:00:00.500Z"}
    listed(store, account, tmp_path / "page.json", page(sent | {"message": None}))
    (one,) = listed(store, account, tmp_path / "page.json", page(sent))
    assert one.recipients == "+4581808888\n+4581808889"


def test_equal_times_keep_their_order(store: Store, account: Account, tmp_path: Path) -> None:
    ids = [f"52f4fd80{n:016x}" for n in range(30, 0, -1)]
    sent = {"sent": "2014-02-07T15:36:32.500Z"}
    found = listed(
        store, account, tmp_path / "page.json", page(*({"_id": one, **sent} for one in ids))
    )
    assert [one.wire_id for one in found] == ids
