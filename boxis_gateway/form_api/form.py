"""Bytes of a request -> form fields (protocol page, sections 1 and 6).

Flask's form parsing is not used, as it takes every text for UTF-8, while clients declare theirs in
the field `encoding`. Until that field is known, values are raw: Latin-1 texts, a character a byte.
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
MAX_NAME_BYTES = 4_096
MAX_VALUE_BYTES = 524_288  # twice the size of ten thousand recipients
CODECS = {"UTF-8": "utf-8", "ISO-8859-2": "iso8859_2", "Windows-1252": "cp1252"}
"""Encodings that a client may declare, by case-sensitive name."""

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"


@dataclass(frozen=True)
class Form:
    """Decoded fields of a request; the last one of a name counts.

    Bytes that the declared encoding lacks become lone surrogates (`surrogateescape`), which each
    field's own check refuses."""

    fields: Mapping[str, str]

    def get(self, name: str, default: str = "") -> str:
        """A field's value; the default if it is missing or blank."""
        return self.fields.get(name) or default

    def array(self, name: str) -> list[str]:
        """Values of `name[…]` with any indices, in order of appearance."""
        return [
            value
            for key, value in self.fields.items()
            if key.startswith(f"{name}[") and key.endswith("]")
        ]

    def php_list(self, name: str) -> list[str]:
        """Values of a list written by PHP's `serialize`. Raises NotPhpList."""
        codec = codec_of(self.fields)
        data = self.get(name).encode(codec, "surrogateescape")
        return [value.decode(codec, "surrogateescape") for value in read_php_list(data)]


def read_form(query: bytes, content_type: str, body: bytes) -> tuple[Form, InvalidRequest | None]:
    """Read the query string and the body, whose fields win. Returns the fields before an error,
    too, so that the failure can have the requested format."""
    pairs: list[tuple[str, str]] = []
    problem = None
    try:
        if query:
            pairs += urlencoded_pairs(query)
        pairs.extend(body_pairs(content_type, body))
        if len(query) + len(body) > MAX_NAME_BYTES:
            _check_lengths(pairs)
    except InvalidRequest as fault:
        problem = fault
    return decode(pairs), problem


def _check_lengths(pairs: Iterable[tuple[str, str]]) -> None:
    for name, value in pairs:
        if len(value) > MAX_VALUE_BYTES or len(name) > MAX_NAME_BYTES:
            raise InvalidRequest("request has a field that is too long")


def body_pairs(content_type: str, body: bytes) -> Iterable[tuple[str, str]]:
    """Raw fields of a body. A missing content type means a form, as some old clients omit it.
    Raises InvalidRequest."""
    kind = content_type.partition(";")[0].strip().lower()
    if not body or kind in (URLENCODED, ""):
        return urlencoded_pairs(body)
    if kind == MULTIPART:
        _, parameters = parse_options_header(content_type)
        return multipart_pairs(parameters.get("boundary", ""), body)
    raise InvalidRequest("content type is not valid")


def urlencoded_pairs(data: bytes) -> Iterable[tuple[str, str]]:
    """Raw fields of `a=1&b=2`, also with unescaped bytes above 127. A field without `=` is blank; a
    `%` without two hex digits stands for itself. Raises InvalidRequest."""
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
    """Raw fields of a multipart body, without uploaded files. Raises InvalidRequest."""
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
                yield _raw(name), value.decode("latin-1")


def _raw(name: str) -> str:
    return name.encode("utf-8", "surrogateescape").decode("latin-1")


def decode(pairs: Iterable[tuple[str, str]]) -> Form:
    """Raw fields -> Form, in the encoding that they declare."""
    raw = dict(pairs)
    if "".join(chain(raw, raw.values())).isascii():
        return Form(raw)
    codec = codec_of(raw)
    return Form({_decoded(name, codec): _decoded(value, codec) for name, value in raw.items()})


def codec_of(fields: Mapping[str, str]) -> str:
    """Codec of the declared encoding; UTF-8 if it is missing or unknown."""
    return CODECS.get(fields.get("encoding", ""), "utf-8")


def _decoded(text: str, codec: str) -> str:
    return text.encode("latin-1").decode(codec, "surrogateescape")
