"""Bytes of one client -> requests. No socket here; the grammar is httptools' (llhttp)."""

from __future__ import annotations

from dataclasses import dataclass, field

import httptools

LONGEST_HEAD = 16_384  # bytes of the request line and headers; a GET carries the form


@dataclass
class Request:
    """One request as it was sent, or, with `fault`, what is left of one that is no HTTP.

    Header names are as sent. The body is whole, but for a longer one than `max_body_bytes`, which
    is cut one byte after that; such a request is the connection's last."""

    method: str = "GET"
    target: bytes = b""
    version: str = "1.1"
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""
    keep_alive: bool = False
    fault: str = ""


class RequestReader:
    """Takes the bytes as they come. Methods with `on_` are called by the parser."""

    def __init__(self, max_body_bytes: int) -> None:
        self._most = max_body_bytes
        self._parser = httptools.HttpRequestParser(self)
        self._ready: list[Request] = []
        self._under_way = Request()
        self._head_bytes = 0
        self._unseen = 0  # bytes that the parser has taken and said nothing of
        self._in_line = True  # the next byte is of a request line
        self._in_head = True
        self._body = bytearray()
        self.in_request = False
        self.ended = False
        self.expects_continue = False

    def feed(self, data: bytes) -> list[Request]:
        """The requests that are complete now. Once `ended` is true, nothing more can be read."""
        self._unseen += len(data)
        if not self.in_request:
            self._in_line = True
        if self._in_line:
            data = self._quoted_line(data)
        try:
            self._parser.feed_data(data)
            if self._unseen > LONGEST_HEAD:
                self._refuse("the head is too long")
        except httptools.HttpParserUpgrade as upgrade:
            self._read_without_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError as problem:
            if not self.ended:  # the fault is the parser's, not one of ours below
                self._refuse(type(problem).__name__)
        ready, self._ready = self._ready, []
        return ready

    def _quoted_line(self, data: bytes) -> bytes:
        """With the bytes above 127 of the first line as `%XX`: old clients leave them in a query as
        they are, which the parser does not take. (Not of a request in one piece with the end of
        another: such clients wait for their answer.)"""
        begins = 0 if self.in_request else len(data) - len(data.lstrip(b"\r\n"))
        ends = data.find(b"\n", begins)
        self._in_line = ends < 0
        line = data if ends < 0 else data[:ends]
        if line.isascii():
            return data
        quoted = (b"%%%02X" % octet if octet > 127 else bytes((octet,)) for octet in line)
        return b"".join(quoted) + data[len(line) :]

    def end_of_input(self) -> list[Request]:
        """The client sends no more; a request that it left unfinished is a fault."""
        if not self.in_request or self.ended:
            return []
        self._refuse("the request was cut short")
        ready, self._ready = self._ready, []
        return ready

    def _read_without_upgrade(self, rest: bytes) -> None:
        """The client offers another protocol (curl's and Java's HTTP/2 do), which we decline. The
        parser has left the body unread: so the head is read again without the offer."""
        asked = self._ready.pop()
        if asked.method == "CONNECT":
            self._ready.append(asked)
            self._end()
            return
        kept = [pair for pair in asked.headers if pair[0].lower() != b"upgrade"]
        lines = [b"%b %b HTTP/%b" % (asked.method.encode(), asked.target, asked.version.encode())]
        lines += [b"%b: %b" % pair for pair in kept]
        self._parser = httptools.HttpRequestParser(self)
        before, self._ready = self._ready, []
        self._ready = before + self.feed(b"\r\n".join([*lines, b"", b""]) + rest)

    def on_message_begin(self) -> None:
        """Every request, before its first byte."""
        self._under_way = Request()
        self._head_bytes = self._unseen = 0
        self._in_head = True
        self._body = bytearray()
        self.in_request = True

    def on_url(self, part: bytes) -> None:
        """The target, maybe in parts."""
        self._under_way.target += part
        self._count(len(part))

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header, whole; also one behind a chunked body, which is nobody's business (RFC 9110,
        6.5.1)."""
        self._count(len(name) + len(value))
        if not self._in_head:
            return
        self._under_way.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """The head ends here."""
        self._in_head = False
        expects = (b"expect", b"100-continue")
        asked = ((name.lower(), value.lower()) for name, value in self._under_way.headers)
        self.expects_continue = expects in asked and self._parser.get_http_version() == "1.1"

    def on_body(self, part: bytes) -> None:
        """A part of the body, without what chunks add."""
        self._unseen = 0
        self._body += part
        if len(self._body) > self._most:
            self._complete()
            self._end()
            raise ValueError("too large")  # stops the parser

    def on_message_complete(self) -> None:
        """Every request, after its last byte."""
        self._complete()
        request = self._under_way
        # Chunks are not of HTTP/1.0: who sends both may mean another end than we (RFC 9112, 6.1).
        doubtful = request.version == "1.0" and any(
            name.lower() == b"transfer-encoding" for name, _ in request.headers
        )
        request.keep_alive = self._parser.should_keep_alive() and not doubtful

    def _complete(self) -> None:
        request = self._under_way
        request.method = self._parser.get_method().decode("latin-1")
        request.version = self._parser.get_http_version()
        request.body = bytes(self._body[: self._most + 1])
        self._ready.append(request)
        self.in_request = self.expects_continue = False

    def _count(self, octets: int) -> None:
        self._unseen = 0
        self._head_bytes += octets
        if self._head_bytes > LONGEST_HEAD:
            self._refuse("the head is too long")
            raise ValueError("too long")  # stops the parser

    def _refuse(self, fault: str) -> None:
        self._ready.append(Request(target=self._under_way.target[:LONGEST_HEAD], fault=fault))
        self._end()

    def _end(self) -> None:
        self.ended = True
        self.in_request = self.expects_continue = False
        for request in self._ready[-1:]:
            request.keep_alive = False
