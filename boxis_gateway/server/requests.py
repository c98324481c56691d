"""HTTP parser: bytes of a connection to requests, by httptools."""

from __future__ import annotations

from dataclasses import dataclass, field

import httptools

MAX_HEAD_BYTES = 16_384  # request line and headers; a GET carries the form


@dataclass
class Request:
    """A request as sent, or the rest of a malformed one, with its `fault`.

    A body longer than `max_body_bytes` is cut one byte after that limit; such a request is the last
    one of its connection."""

    method: str = "GET"
    target: bytes = b""
    version: str = "1.1"
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""
    keep_alive: bool = False
    fault: str = ""


class RequestReader:
    """Incremental parser. Methods `on_…` are called by httptools."""

    def __init__(self, max_body_bytes: int) -> None:
        self._max_body_bytes = max_body_bytes
        self._parser = httptools.HttpRequestParser(self)
        self._ready: list[Request] = []
        self._current = Request()
        self._head_bytes = 0
        self._unparsed = 0  # bytes fed to the parser since its last callback
        self._in_line = True  # the next byte belongs to a request line
        self._in_head = True
        self._body = bytearray()
        self.in_request = False
        self.ended = False
        self.expects_continue = False

    def feed(self, data: bytes) -> list[Request]:
        """Parse bytes and return the requests that they complete. After `ended` nothing is read."""
        if not self.in_request:
            self._in_line = True
        if self._in_line:
            data = self._quoted_line(data)
        unread = [memoryview(data)]
        while unread and not self.ended:
            unread = self._parse(unread.pop(0)) + unread
        ready, self._ready = self._ready, []
        return ready

    def _parse(self, data: memoryview) -> list[memoryview]:
        """Parse up to the end or an `Upgrade`; returns the octets to parse next."""
        self._unparsed += len(data)
        try:
            self._parser.feed_data(data)
            if self._unparsed > MAX_HEAD_BYTES:
                self._refuse("the head is too long")
        except httptools.HttpParserUpgrade as upgrade:
            return self._without_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError as problem:
            if not self.ended:  # not raised by our own callbacks
                self._refuse(type(problem).__name__)
        return []

    def _quoted_line(self, data: bytes) -> bytes:
        """Quote bytes above 127 in the request line as `%XX`: old clients send them in a query, but
        llhttp rejects them. Pipelined requests are left alone, as no such client sends them."""
        begins = 0 if self.in_request else len(data) - len(data.lstrip(b"\r\n"))
        ends = data.find(b"\n", begins)
        self._in_line = ends < 0
        line = data if ends < 0 else data[:ends]
        if line.isascii():
            return data
        quoted = (b"%%%02X" % octet if octet > 127 else bytes((octet,)) for octet in line)
        return b"".join(quoted) + data[len(line) :]

    def end_of_input(self) -> list[Request]:
        """Return a fault for a request that the client did not finish."""
        if not self.in_request or self.ended:
            return []
        self._refuse("the request was cut short")
        ready, self._ready = self._ready, []
        return ready

    def _without_upgrade(self, rest: memoryview) -> list[memoryview]:
        """Decline an `Upgrade` (curl and Java offer HTTP/2). Returns the head without that header
        and the rest, to parse next: the parser has not read the body."""
        request = self._ready.pop()
        if request.method == "CONNECT":
            self._ready.append(request)
            self._end()
            return []
        kept = [pair for pair in request.headers if pair[0].lower() != b"upgrade"]
        lines = [
            b"%b %b HTTP/%b" % (request.method.encode(), request.target, request.version.encode())
        ]
        lines += [b"%b: %b" % pair for pair in kept]
        self._parser = httptools.HttpRequestParser(self)
        return [memoryview(b"\r\n".join([*lines, b"", b""])), rest]

    def on_message_begin(self) -> None:
        """Start a request."""
        self._current = Request()
        self._head_bytes = self._unparsed = 0
        self._in_head = True
        self._body = bytearray()
        self.in_request = True

    def on_url(self, data: bytes) -> None:
        """Append to the target."""
        self._current.target += data
        self._count(len(data))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Add a header; ignore a trailer (RFC 9110, 6.5.1)."""
        self._count(len(name) + len(value))
        if not self._in_head:
            return
        self._current.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Note whether the client waits for `100 Continue`."""
        self._in_head = False
        expects = (b"expect", b"100-continue")
        headers = ((name.lower(), value.lower()) for name, value in self._current.headers)
        self.expects_continue = expects in headers and self._parser.get_http_version() == "1.1"

    def on_body(self, data: bytes) -> None:
        """Append to the body."""
        self._unparsed = 0
        self._body += data
        if len(self._body) > self._max_body_bytes:
            self._complete()
            self._end()
            raise ValueError("too large")  # stops the parser

    def on_message_complete(self) -> None:
        """Finish a request."""
        self._complete()
        request = self._current
        # HTTP/1.0 has no chunks: a client that sends both may mean another end (RFC 9112, 6.1).
        ambiguous = request.version == "1.0" and any(
            name.lower() == b"transfer-encoding" for name, _ in request.headers
        )
        request.keep_alive = self._parser.should_keep_alive() and not ambiguous

    def _complete(self) -> None:
        request = self._current
        request.method = self._parser.get_method().decode("latin-1")
        request.version = self._parser.get_http_version()
        request.body = bytes(self._body[: self._max_body_bytes + 1])
        self._ready.append(request)
        self.in_request = self.expects_continue = False

    def _count(self, length: int) -> None:
        self._unparsed = 0
        self._head_bytes += length
        if self._head_bytes > MAX_HEAD_BYTES:
            self._refuse("the head is too long")
            raise ValueError("too long")  # stops the parser

    def _refuse(self, fault: str) -> None:
        self._ready.append(Request(target=self._current.target[:MAX_HEAD_BYTES], fault=fault))
        self._end()

    def _end(self) -> None:
        self.ended = True
        self.in_request = self.expects_continue = False
        for request in self._ready[-1:]:
            request.keep_alive = False
