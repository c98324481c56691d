"""Bytes of a request -> form fields (protocol page, sections 1 and 6).

Flask's form parsing is not used, as it takes every text for UTF-8, while clients declare theirs in
the field `encoding`. Until that field is known, values are raw: Latin-1 texts, a character a byte.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData

from boxis_gateway.errors import InvalidRequest
from boxis_gateway.form_api.php_list import NotPhpList, begins_like_php_list, read_php_list
from boxis_gateway.request_limits import MAX_FIELDS, MAX_NAME_BYTES, MAX_VALUE_BYTES

CODECS = {"UTF-8": "utf-8", "ISO-8859-2": "iso8859_2", "Windows-1252": "cp1252"}
"""Encodings that a client may declare, by case-sensitive name."""

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"


Pairs = Sequence[tuple[str, str]]
"""Names and values in order of appearance; a name may repeat."""


class Form(NamedTuple):
    """Decoded fields of a request; the last one of a name counts, except in lists. `repeated` has
    all pairs if a name repeats.

    Bytes that the declared encoding lacks become lone surrogates (`surrogateescape`), which each
    field's own check refuses."""

    fields: Mapping[str, str]
    repeated: Pairs = ()

    def get(self, name: str, default: str = "") -> str:
        """A field's value; the default if it is missing or blank."""
        return self.fields.get(name) or default

    def texts(self, name: str) -> tuple[str, ...] | str:
        """Values of a list in order of appearance, without blank ones (protocol page, section 8.2):
        those of `name[…]`, otherwise those of `name`, each a text or a list by PHP's `serialize`.

        A value that begins like such a list but is malformed comes back alone, as a `str`."""
        pairs = self.repeated or self.fields.items()
        texts = _bracketed(name, pairs)
        if not texts:
            try:
                for key, value in pairs:
                    if key == name:
                        texts += self._php_list(value) if begins_like_php_list(value) else [value]
            except NotPhpList:
                return value
        return tuple(filter(None, texts))

    def _php_list(self, value: str) -> list[str]:
        codec = codec_of(self.fields)
        items = read_php_list(value.encode(codec, "surrogateescape"))
        return [item.decode(codec, "surrogateescape") for item in items]


def _bracketed(name: str, pairs: Iterable[tuple[str, str]]) -> list[str]:
    """Values of `name[…]` with any indices, without blank ones. The last one of an index counts, as
    in PHP; all of an empty index do."""
    values: dict[str | int, str] = {}
    for key, value in pairs:
        if key.startswith(f"{name}[") and key.endswith("]"):
            values[len(values) if key == f"{name}[]" else key] = value
    return list(filter(None, values.values()))


def read_form(query: bytes, content_type: str, body: bytes) -> tuple[Form, InvalidRequest | None]:
    """Read the query string and the body, whose parameters win. Returns the fields before an error,
    too, so that the failure can have the requested format."""
    pairs: list[tuple[str, str]] = []
    in_query: Pairs = ()
    problem = None
    try:
        if query:
            in_query = urlencoded_pairs(query)
        pairs.extend(body_pairs(content_type, body))
        if len(query) + len(body) > MAX_NAME_BYTES:
            _check_lengths(chain(in_query, pairs))
    except InvalidRequest as fault:
        problem = fault
    return decode(_override(in_query, pairs) if in_query else pairs), problem


def _override(in_query: Pairs, in_body: Pairs) -> Pairs:
    """Pairs of both, without those of the query whose parameter the body has: neither has half of
    a list."""
    if not in_body:
        return in_query
    given = {_parameter(name) for name, _ in in_body}
    return [pair for pair in in_query if _parameter(pair[0]) not in given] + [*in_body]


def _parameter(name: str) -> str:
    return name.partition("[")[0]


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


def urlencoded_pairs(data: bytes) -> Pairs:
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


def decode(pairs: Pairs) -> Form:
    """Raw fields -> Form, in the encoding that they declare."""
    raw = dict(pairs)
    if not "".join(chain.from_iterable(pairs)).isascii():
        codec = codec_of(raw)
        pairs = [(_decoded(name, codec), _decoded(value, codec)) for name, value in pairs]
        raw = dict(pairs)
    return Form(raw, pairs) if len(raw) < len(pairs) else Form(raw)


def codec_of(fields: Mapping[str, str]) -> str:
    """Codec of the declared encoding; UTF-8 if it is missing or unknown."""
    return CODECS.get(fields.get("encoding", ""), "utf-8")


def _decoded(text: str, codec: str) -> str:
    return text.encode("latin-1").decode(codec, "surrogateescape")
