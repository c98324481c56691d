"""Parser of forms, compared with a simpler one.

Input: content type, query and body, each on a line of its own (the body is the rest). A parser that
goes octet by octet reads the same fields; and the fields survive a multipart body.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from boxis_gateway.form_api.form import CODECS, MULTIPART, URLENCODED, Form, read_form
from tests.test_wire import EXCHANGES, to_send

WORDS = (
    *CODECS,
    URLENCODED,
    f"{MULTIPART}; boundary=B",
    "Content-Disposition: form-data; name=",
    "filename=",
    "encoding=",
    "--B",
    "--B--",
    "\r\n\r\n",
    "%5B",
    "%",
    "&",
)
BOUNDARY = b"d1v1d3r"
PLAIN_NAME = re.compile(r"[A-Za-z0-9_.\[\]%+&= -]+", re.ASCII)


def seeds() -> Iterator[bytes]:
    """Yield the requests of tests/wire."""
    for name in EXCHANGES:
        _, path, headers, body = to_send(name, "json", 1336564800)
        query = path.partition("?")[2].encode("latin-1", "replace")
        yield b"\n".join((headers.get("Content-Type", "").encode(), query, body))


def check(octets: bytes) -> None:
    """Check the properties above."""
    kind, query, body = (*octets.split(b"\n", 2), b"", b"")[:3]
    content_type = kind.decode("latin-1")
    form, problem = read_form(query, content_type, body)
    sent_as = content_type.partition(";")[0].strip().lower()
    if problem is None and sent_as == MULTIPART:
        for name, value in read_form(b"", content_type, body)[0].fields.items():
            assert _octets(form, value) in body, name
    elif problem is None and sent_as in ("", URLENCODED):
        assert form == naive(query, body)
    repeated, problem = read_form(b"", f"{MULTIPART}; boundary={BOUNDARY.decode()}", resent(form))
    assert problem is None
    assert repeated.fields == resendable(form)


def naive(query: bytes, body: bytes) -> Form:
    """Parse urlencoded texts octet by octet; parameters of the body win."""
    in_body = naive_pairs(body)
    given = [name.split(b"[")[0] for name, _ in in_body]
    in_query = [pair for pair in naive_pairs(query) if pair[0].split(b"[")[0] not in given]
    raw = in_query + in_body
    codec = CODECS.get(dict(raw).get(b"encoding", b"").decode("latin-1"), "utf-8")
    decoded = [[octets.decode(codec, "surrogateescape") for octets in pair] for pair in raw]
    pairs = [(name, value) for name, value in decoded]
    fields = dict(pairs)
    return Form(fields, pairs if len(pairs) > len(fields) else ())


def naive_pairs(text: bytes) -> list[tuple[bytes, bytes]]:
    """Split a urlencoded text into raw names and values."""
    fields = [field.partition(b"=") for field in text.split(b"&") if field]
    return [(unescaped(name), unescaped(value)) for name, _, value in fields]


def unescaped(text: bytes) -> bytes:
    """Decode `+` and `%XX`."""
    digits = b"0123456789abcdefABCDEF"
    decoded, at = bytearray(), 0
    while at < len(text):
        octet, escape = text[at], text[at + 1 : at + 3]
        if octet == ord("%") and len(escape) == 2 and all(digit in digits for digit in escape):
            octet, at = int(escape, 16), at + 2
        decoded.append(ord(" ") if text[at] == ord("+") else octet)
        at += 1
    return bytes(decoded)


def resendable(form: Form) -> dict[str, str]:
    """Fields that the multipart body of this target can contain."""
    return {
        name: value
        for name, value in form.fields.items()
        if PLAIN_NAME.fullmatch(name) and BOUNDARY not in _octets(form, value)
    }


def resent(form: Form) -> bytes:
    """Encode the fields as a multipart body."""
    parts = [
        b'--%b\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n'
        % (BOUNDARY, name.encode(), _octets(form, value))
        for name, value in resendable(form).items()
    ]
    return b"".join(parts) + b"--%b--\r\n" % BOUNDARY


def _octets(form: Form, value: str) -> bytes:
    codec = CODECS.get(form.get("encoding"), "utf-8")
    return value.encode(codec, "surrogateescape")
