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
        self._body = bytearray()
        self.in_request = False
        self.ended = False
        self.expects_continue = False

    def feed(self, data: bytes) -> list[Request]:
        """The requests that are complete now. Once `ended` is true, nothing more can be read."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:  # to another protocol: answered as if it had not asked
            self._end()
        except httptools.HttpParserError as problem:
            if not self.ended:  # the fault is the parser's, not one of ours below
                self._refuse(type(problem).__name__)
        ready, self._ready = self._ready, []
        return ready

    def end_of_input(self) -> list[Request]:
        """The client sends no more; a request that it left unfinished is a fault."""
        if not self.in_request or self.ended:
            return []
        self._refuse("the request was cut short")
        ready, self._ready = self._ready, []
        return ready

    def on_message_begin(self) -> None:
        """Every request, before its first byte."""
        self._under_way = Request()
        self._head_bytes = 0
        self._body = bytearray()
        self.in_request = True

    def on_url(self, part: bytes) -> None:
        """The target, maybe in parts."""
        self._under_way.target += part
        self._count(len(part))

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header, whole."""
        self._under_way.headers.append((name, value))
        self._count(len(name) + len(value))
        if name.lower() == b"expect" and value.lower() == b"100-continue":
            self.expects_continue = True

    def on_body(self, part: bytes) -> None:
        """A part of the body, without what chunks add."""
        self._body += part
        if len(self._body) > self._most:
            self._complete()
            self._end()
            raise ValueError("too large")  # stops the parser

    def on_message_complete(self) -> None:
        """Every request, after its last byte."""
        self._complete()
        self._under_way.keep_alive = self._parser.should_keep_alive()

    def _complete(self) -> None:
        request = self._under_way
        request.method = self._parser.get_method().decode("latin-1")
        request.version = self._parser.get_http_version()
        request.body = bytes(self._body[: self._most + 1])
        self._ready.append(request)
        self.in_request = self.expects_continue = False

    def _count(self, octets: int) -> None:
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
