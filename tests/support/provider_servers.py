"""Providers for tests: real HTTP servers with scripted failures."""

from __future__ import annotations

import json
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from boxis_gateway.store import Store

Fault = Callable[[Any, bytes], None]
"""What is done in place of an answer, given the handler of the request and that answer."""


@dataclass
class Provider:
    """A filled store that is served, behind a proxy with scripted failures: each of `faults` is
    for one request (None lets it pass), then `always`, if there is one."""

    store: Store
    url: str
    faults: list[Fault | None] = field(default_factory=list)
    always: Fault | None = None
    asked: list[str] = field(default_factory=list)

    def fault(self) -> Fault | None:
        return self.faults.pop(0) if self.faults else self.always


@contextmanager
def serving(
    handler: type[BaseHTTPRequestHandler], tls: ssl.SSLContext | None = None
) -> Iterator[str]:
    """The address of a server."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda *about: None  # type: ignore[method-assign]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


@contextmanager
def proxy(provider: Provider, url: str) -> Iterator[str]:
    """The provider's address, in front of the server at `url`."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            provider.asked.append(f"{self.path} {body.decode()} {self.headers}")
            if fault := provider.fault():
                fault(self, self.forward(body)[2])
                self.close_connection = True
                return
            status, headers, answered = self.forward(body)
            self.send_response(status)
            for name in ("Content-Type", "Link"):
                if headers.get(name) and not provider_hides(self.path, name):
                    self.send_header(name, headers[name])
            self.send_header("Content-Length", str(len(answered)))
            self.end_headers()
            self.wfile.write(answered)

        do_GET = do_POST = answer

        def forward(self, body: bytes) -> tuple[int, Any, bytes]:
            kept = ("Content-Type", "Authorization")
            headers = {name: self.headers[name] for name in kept if name in self.headers}
            request = urllib.request.Request(
                url.rstrip("/") + self.path, body or None, headers, method=self.command
            )
            try:
                with urllib.request.urlopen(request, timeout=60) as response:
                    return response.status, response.headers, response.read()
            except urllib.error.HTTPError as refusal:
                with refusal:
                    return refusal.code, refusal.headers, refusal.read()

        def log_message(self, *args: object) -> None:
            pass

    with serving(Handler) as here:
        yield here


def provider_hides(path: str, header: str) -> bool:
    """An address that asks so gets no links: the provider documents none."""
    return header == "Link" and "nolinks" in path


def cut(handler: Any, body: bytes) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body[: len(body) // 2])


def cut_without_length(handler: Any, body: bytes) -> None:
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(body[: len(body) // 2])


def cut_chunked(handler: Any, body: bytes) -> None:
    handler.protocol_version = "HTTP/1.1"
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    handler.wfile.write(b"%x\r\n%s" % (len(body), body[: len(body) // 2]))


def drop(handler: Any, body: bytes) -> None:
    pass


def status(code: int, **headers: str) -> Fault:
    def fail(handler: Any, body: bytes) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(b"<html>later</html>")

    return fail


def say(body: bytes, code: int = 200) -> Fault:
    def answer(handler: Any, _: bytes) -> None:
        handler.send_response(code)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def raw(octets: bytes) -> Fault:
    return lambda handler, _: handler.wfile.write(octets)


class Changing(BaseHTTPRequestHandler):
    """A list without links, which grows and shrinks while its pages are read."""

    listed: list[str]
    shown: int | None = None
    changes: list[tuple[int, int]]  # how many come, and how many of the newest go, for each page

    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        offset, limit = int(query["offset"][0]), int(query["limit"][0])
        listed = type(self).listed
        shown = listed[: type(self).shown]
        part = [{"_id": one} for one in shown[offset : offset + limit]]
        body = json.dumps({"total": len(listed), "messages": part}).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)
        come, go = type(self).changes.pop(0) if type(self).changes else (0, 0)
        first = len(type(self).changes) * 1000
        listed[:go] = [f"new {first + n}" for n in range(come)]

    def log_message(self, *args: object) -> None:
        pass
