"""Bytes of a request -> form fields."""

from __future__ import annotations

from urllib.parse import parse_qsl, quote_from_bytes, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxis_gateway.form_api import form as form_module
from boxis_gateway.form_api.form import (
    CODECS,
    MAX_NAME_BYTES,
    MAX_VALUE_BYTES,
    Form,
    read_form,
    urlencoded_pairs,
)

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=B"


def fields(body: bytes, content_type: str = URLENCODED, query: bytes = b"") -> dict[str, str]:
    form, problem = read_form(query, content_type, body)
    assert problem is None
    return dict(form.fields)


def test_plus_and_percent_twenty_are_spaces() -> None:
    assert fields(b"a=1+2%203") == {"a": "1 2 3"}


@given(st.one_of(st.binary(max_size=60), st.text("a=&+%41;\xff", max_size=20).map(str.encode)))
def test_urlencoded_fields_are_read_as_by_the_standard_library(body: bytes) -> None:
    text = body.decode("latin-1")
    expected = parse_qsl(text, keep_blank_values=True, encoding="latin-1")
    assert list(urlencoded_pairs(body)) == expected


def test_the_last_value_wins_and_the_body_beats_the_query() -> None:
    assert fields(b"a=1&a=2", query=b"a=9&b=8") == {"a": "2", "b": "8"}


def test_brackets_are_the_same_raw_or_encoded() -> None:
    raw, encoded = b"recipients[1]=a&recipients[7]=b", b"recipients%5B1%5D=a&recipients%5b7%5d=b"
    assert fields(raw) == fields(encoded)
    assert Form(fields(raw)).texts("recipients") == ("a", "b")


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize("escaped", [True, False])
def test_bytes_are_decoded_by_the_declared_encoding(name: str, escaped: bool) -> None:
    text = "łódź ó" if name == "ISO-8859-2" else "naïve — ó" if name == "Windows-1252" else "漢字 ó"
    octets = text.encode(CODECS[name])
    value = quote_from_bytes(octets).encode() if escaped else octets
    assert fields(b"content=" + value + b"&encoding=" + name.encode())["content"] == text


def test_an_encoding_in_the_wrong_case_is_not_taken() -> None:
    assert fields("content=ó&encoding=iso-8859-2".encode())["content"] == "ó"


def test_undecodable_bytes_can_be_told_from_text() -> None:
    assert fields(b"content=a%ff") == {"content": "a\udcff"}
    assert fields(b"content=%81&encoding=Windows-1252")["content"] == "\udc81"


def test_multipart_values_are_bytes_too() -> None:
    body = (
        b'--B\r\nContent-Disposition: form-data; name="content"\r\n\r\n\xb3\xf3d\xbc\r\n'
        b'--B\r\nContent-Disposition: form-data; name="encoding"\r\n\r\nISO-8859-2\r\n'
        b'--B\r\nContent-Disposition: form-data; name="f"; filename="x"\r\n\r\nfile\r\n--B--\r\n'
    )
    assert fields(body, MULTIPART) == {"content": "łódź", "encoding": "ISO-8859-2"}


def test_a_large_multipart_value_comes_whole() -> None:
    value = "x" * 300_000
    body = f'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\n{value}\r\n--B--\r\n'
    assert fields(body.encode(), MULTIPART) == {"a": value}


@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        ("application/json", b"{}", "content type is not valid"),
        ("text/xml", b"<a/>", "content type is not valid"),
        ("multipart/form-data", b"--B", "request is not valid"),
        (MULTIPART, b"--C\r\n\r\nx", "request is not valid"),
    ],
)
def test_a_malformed_form_is_reported(content_type: str, body: bytes, text: str) -> None:
    form, problem = read_form(b"returntype=json", content_type, body)
    assert str(problem) == text
    assert form.get("returntype") == "json"


@pytest.mark.parametrize("content_type", [URLENCODED, MULTIPART])
def test_too_many_fields_are_refused(content_type: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(form_module, "MAX_FIELDS", 3)
    part = b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
    body = part * 4 + b"--B--\r\n" if content_type == MULTIPART else b"a=1&" * 4 + b"a=1"
    _, problem = read_form(b"", content_type, body)
    assert str(problem) == "request has too many fields"


def test_fields_before_the_fault_of_a_multipart_body_count() -> None:
    body = b'--B\r\nContent-Disposition: form-data; name="returntype"\r\n\r\njson\r\n--B\r\nbroken'
    form, _ = read_form(b"", MULTIPART, body)
    assert form.get("returntype") == "json"


@given(st.dictionaries(st.text(min_size=1), st.text()))
def test_any_text_comes_through_url_encoding(form: dict[str, str]) -> None:
    form.pop("encoding", None)
    assert fields(urlencode(form, errors="replace").encode()) == {
        name.encode(errors="replace").decode(): value.encode(errors="replace").decode()
        for name, value in form.items()
    }


@given(st.binary(), st.sampled_from(["", URLENCODED, MULTIPART, "x/y", ";;="]), st.binary())
def test_no_bytes_make_reading_fail(query: bytes, content_type: str, body: bytes) -> None:
    form, _ = read_form(query, content_type, body)
    assert all(isinstance(value, str) for value in form.fields.values())


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("a", "x" * MAX_VALUE_BYTES, None),
        ("a", "x" * (MAX_VALUE_BYTES + 1), "request has a field that is too long"),
        ("n" * MAX_NAME_BYTES, "x", None),
        ("n" * (MAX_NAME_BYTES + 1), "x", "request has a field that is too long"),
    ],
)
def test_a_field_has_a_longest(name: str, value: str, problem: str | None) -> None:
    _, found = read_form(b"", URLENCODED, f"{name}={value}&returntype=json".encode())
    assert (str(found) if found else None) == problem
