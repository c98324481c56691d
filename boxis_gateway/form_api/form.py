"""Bytes of a request -> form fields (protocol page, sections 1 and 6).

The framework's own form parsing is not used: it takes every text for UTF-8, while clients say in
the field `encoding` what theirs is. So values are held as bytes (one character a byte, Latin-1)
until that field is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from urllib.parse import unquote_to_bytes

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData

from boxis_gateway.errors import InvalidRequest
from boxis_gateway.form_api.php_list import read_php_list

MAX_FIELDS = 20_000
LONGEST_NAME = 4_096
LONGEST_FIELD = 524_288  # bytes; twice what ten thousand recipients take
CODECS = {"UTF-8": "utf-8", "ISO-8859-2": "iso8859_2", "Windows-1252": "cp1252"}
"""The encodings that a client may declare; the names are case-sensitive."""

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"


@dataclass(frozen=True)
class Form:
    """The fields of a request, decoded. Of fields with one name the last one counts.

    Bytes that the declared encoding does not have are lone surrogates in the values
    (`surrogateescape`), for each field's check to refuse."""

    fields: Mapping[str, str]

    def get(self, name: str, default: str = "") -> str:
        """The field's value; the default if it is missing or blank."""
        return self.fields.get(name) or default

    def array(self, name: str) -> list[str]:
        """The values of `name[…]`, whatever the indices, in order of appearance."""
        return [
            value
            for key, value in self.fields.items()
            if key.startswith(f"{name}[") and key.endswith("]")
        ]

    def php_list(self, name: str) -> list[str]:
        """The values of the list that PHP's `serialize` made of them. Raises NotPhpList."""
        codec = codec_of(self.fields)
        octets = self.get(name).encode(codec, "surrogateescape")  # lengths are of these
        return [value.decode(codec, "surrogateescape") for value in read_php_list(octets)]


def read_form(query: bytes, content_type: str, body: bytes) -> tuple[Form, InvalidRequest | None]:
    """The fields of the query string and of the body, which wins; and what is wrong with them.

    Fields before the fault are there, so that a failure too can leave in the format asked for."""
    pairs: list[tuple[str, str]] = []
    problem = None
    try:
        if query:
            pairs += urlencoded_pairs(query)
        pairs.extend(body_pairs(content_type, body))
        if len(query) + len(body) > LONGEST_NAME:
            _check_lengths(pairs)
    except InvalidRequest as fault:
        problem = fault
    return decode(pairs), problem


def _check_lengths(pairs: Iterable[tuple[str, str]]) -> None:
    for name, value in pairs:
        if len(value) > LONGEST_FIELD or len(name) > LONGEST_NAME:
            raise InvalidRequest("request has a field that is too long")


def body_pairs(content_type: str, body: bytes) -> Iterable[tuple[str, str]]:
    """The raw fields of a body. A missing content type is taken for a form: old clients that write
    their own HTTP forget it. Raises InvalidRequest."""
    kind = content_type.partition(";")[0].strip().lower()
    if not body or kind in (URLENCODED, ""):
        return urlencoded_pairs(body)
    if kind == MULTIPART:
        _, parameters = parse_options_header(content_type)
        return multipart_pairs(parameters.get("boundary", ""), body)
    raise InvalidRequest("content type is not valid")


def urlencoded_pairs(data: bytes) -> Iterable[tuple[str, str]]:
    """Raw fields of `a=1&b=2`; also of clients that leave bytes above 127 unescaped. A field
    without `=` is blank; a `%` that no two hex digits follow stands for itself."""
    if data.count(b"&") >= MAX_FIELDS:
        raise InvalidRequest("request has too many fields")
    fields = data.decode("latin-1").replace("+", " ").split("&")
    return [
        (_unquoted(name) if "%" in name else name, _unquoted(value) if "%" in value else value)
        for name, _, value in [field.partition("=") for field in fields if field]
    ]


def _unquoted(text: str) -> str:
    return unquote_to_bytes(text.encode("latin-1")).decode("latin-1")


def multipart_pairs(boundary: str, body: bytes) -> Iterator[tuple[str, str]]:
    """Raw fields of a multipart body; uploaded files are passed over."""
    try:
        yield from _multipart_fields(boundary, body)
    except RequestEntityTooLarge:
        raise InvalidRequest("request has too many fields") from None
    except ValueError:
        raise InvalidRequest("request is not valid") from None


def _multipart_fields(boundary: str, body: bytes) -> Iterator[tuple[str, str]]:
    if not boundary:
        raise ValueError("no boundary")
    decoder = MultipartDecoder(boundary.encode("latin-1", "replace"), max_parts=MAX_FIELDS)
    decoder.receive_data(body)
    decoder.receive_data(None)
    name, value = None, b""
    while not isinstance(event := decoder.next_event(), (Epilogue, NeedData)):
        if isinstance(event, File):
            name = None
        elif isinstance(event, Field):
            name, value = event.name, b""
        elif isinstance(event, Data) and name is not None:
            value += event.data
            if not event.more_data:
                yield _one_character_a_byte(name), value.decode("latin-1")


def _one_character_a_byte(name: str) -> str:
    return name.encode("utf-8", "surrogateescape").decode("latin-1")


def decode(pairs: Iterable[tuple[str, str]]) -> Form:
    """Raw fields -> Form, by the encoding that they declare."""
    raw = dict(pairs)
    if "".join(chain(raw, raw.values())).isascii():
        return Form(raw)
    codec = codec_of(raw)
    return Form({_decoded(name, codec): _decoded(value, codec) for name, value in raw.items()})


def codec_of(fields: Mapping[str, str]) -> str:
    """Of the encoding that the fields declare; UTF-8 if they declare none that we know."""
    return CODECS.get(fields.get("encoding", ""), "utf-8")


def _decoded(text: str, codec: str) -> str:
    return text.encode("latin-1").decode(codec, "surrogateescape")
