"""`serve` as monitoring sees it: figures of all processes, health, log lines, traces."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
import requests
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from boxis_gateway.model import Account
from boxis_gateway.store import Store
from tests.monitoring.test_monitoring import Figures, figure, figures
from tests.support.example_account import MANY, USER_KEY, USERNAME, add_messages, signed_now
from tests.support.running_server import Gateway, RunningServer, Serve
from tests.support.waiting import until


def metrics(server: RunningServer) -> Figures:
    return figures(server.monitoring("/metrics").text)


@contextmanager
def slow_reader(server: RunningServer) -> Iterator[http.client.HTTPResponse]:
    """A client that takes no more of a long answer than its head."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.connect()
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    connection.request("GET", f"/?{'&'.join(f'{k}={v}' for k, v in signed_now().items())}")
    try:
        yield connection.getresponse()
    finally:
        connection.close()


def test_any_process_shows_the_figures_of_all(serve: Serve, store: Store, account: Account) -> None:
    server = serve(store, "--workers", "2")
    for _ in range(30):
        server.post()
        server.post(authcode="x")
    until(lambda: figure(metrics(server), "requests_total") == 60)
    for _ in range(4):
        found = metrics(server)
        assert figure(found, "requests_total", action="sms.getHistory", outcome="success") == 30
        assert figure(found, "requests_total") == figure(found, "request_seconds_count") == 60
        assert figure(found, "auth_failures_total", reason="authcode") == 30
    until(lambda: figure(metrics(server), "processes") == 2)
    assert figure(metrics(server), "process_memory_bytes") > 1e6


def test_a_process_that_is_just_beginning_is_no_trouble(serve: Serve, store: Store) -> None:
    server = serve(store, "--workers", "1")
    until(lambda: figure(metrics(server), "processes") == 1)
    (folder,) = {path.parent for path in mapped(server.workers[0], ".db")}
    (folder / "counter_1.db").touch()  # as it stands for a moment
    assert figure(metrics(server), "processes") == 1


def test_a_killed_process_loses_no_count_but_its_streams(serve: Serve, long_store: Store) -> None:
    server = serve(long_store, "--workers", "2")
    for _ in range(10):
        server.post(datefrom="2030-01-01 00:00")
    with slow_reader(server):
        until(lambda: figure(metrics(server), "streams_in_progress") == 1)
        until(lambda: figure(metrics(server), "requests_total") == 10)
        killed = server.workers
        for worker in killed:
            os.kill(worker, signal.SIGKILL)
        until(lambda: not set(killed) & set(server.workers))
        until(lambda: figure(metrics(server), "processes") == 2)
        found = metrics(server)
    assert figure(found, "streams_in_progress") == 0
    assert figure(found, "requests_total") == 10
    server.post(datefrom="2030-01-01 00:00")
    until(lambda: figure(metrics(server), "requests_total") == 11)


@pytest.mark.parametrize("with_signal", [signal.SIGTERM, signal.SIGKILL])
def test_ended_servers_leave_nothing(
    with_signal: signal.Signals, serve: Serve, store: Store
) -> None:
    server = serve(store, "--workers", "1")
    assert metrics(server)
    (folder,) = {path.parent for path in mapped(server.workers[0], ".db")}
    assert folder.exists()
    server.stop(with_signal)
    until(lambda: not folder.exists())


def mapped(process: int, ending: str) -> list[Path]:
    """The files that the process has in its memory."""
    lines = Path(f"/proc/{process}/maps").read_text().splitlines()
    return [Path(line.split()[-1]) for line in lines if line.endswith(ending)]


def test_a_client_that_vanishes_is_counted(serve: Serve, long_store: Store) -> None:
    server = serve(long_store, "--workers", "1")
    with slow_reader(server):
        until(lambda: figure(metrics(server), "store_connections", state="set_aside") == 1)
    until(lambda: figure(metrics(server), "requests_total", outcome="disconnected") == 1)
    found = metrics(server)
    assert figure(found, "streams_in_progress") == 0
    assert figure(found, "first_byte_seconds_count") == 1
    assert 0 < figure(found, "rows_total") < MANY
    assert " outcome=disconnected rows=" in server.stop()[1]


def test_a_stopping_server_is_alive_but_not_ready(serve: Serve, long_store: Store) -> None:
    server = serve(long_store, "--workers", "1", "--shutdown-seconds", "600")
    assert ask(server, "/readyz") == (200, "ok\n")
    with slow_reader(server) as answer:
        server.process.send_signal(signal.SIGTERM)
        until(lambda: ask(server, "/readyz") == (503, "stopping\n"))
        assert ask(server, "/healthz") == (200, "ok\n")
        assert answer.read().endswith(b"</return>")
    code, errors = server.end()
    assert code == 0
    assert " outcome=success " in errors.splitlines()[-1]


def ask(server: RunningServer, path: str) -> tuple[int, str]:
    answer = server.monitoring(path)
    return answer.status_code, answer.text


@pytest.mark.sqlite_only("a file is moved away")
def test_monitoring_has_its_own_port_and_notices_a_lost_store(serve: Serve, store: Store) -> None:
    server = serve(store, "--workers", "1")
    for path in ("metrics", "healthz", "readyz"):
        assert requests.get(server.url + path, timeout=60).status_code == 404
        assert ask(server, f"/{path}")[0] == 200
    for elsewhere in ("/", "/ping", "/docs/"):
        assert ask(server, elsewhere)[0] == 404
    store.close()
    away = store.path.with_name("away.db")
    store.path.rename(away)
    assert ask(server, "/readyz") == (503, "missing\n")
    away.rename(store.path)
    assert ask(server, "/readyz") == (200, "ok\n")
    assert server.stop()[1].count("request=") == 3  # monitoring is not monitored


def test_the_monitoring_port_can_be_off(serve: Serve, store: Store) -> None:
    server = serve(store, "--workers", "1", "--watch-port", "off")
    assert requests.get(f"{server.url}metrics", timeout=60).status_code == 404
    server.process.terminate()
    assert server.process.stdout
    assert server.process.stdout.read() == ""


def test_a_taken_watch_port_is_reported_at_once(gateway: Gateway, store: Store) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = gateway("serve", "--port", "0", "--watch-port", port)
    assert done.returncode == 1
    assert "Choose another --watch-port or --watch-host." in done.stderr
    assert done.stderr.count("\n") == 1


def test_log_lines_are_json_without_secrets(serve: Serve, store: Store, account: Account) -> None:
    add_messages(store, account, {"date": "2012-05-09 10:00", "text": "Your code is 4711"})
    server = serve(store, "--workers", "2", "--log-format", "json", "--log-level", "debug")
    sent = signed_now(to="48514151563", message="Your code is 4711")
    requests.post(server.url, data=sent, timeout=60)
    requests.get(server.url, params=signed_now(authcode="x", username="48514151563"), timeout=60)
    login = {"username": USERNAME, "password": "only-for-the-demo"}
    requests.post(f"{server.url}auth/login", data=login, timeout=60)
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(b"NO HTTP 48514151563\r\n\r\n")
        connection.recv(4096)
    os.kill(server.workers[0], signal.SIGKILL)  # gunicorn has something to say
    until(lambda: figure(metrics(server), "processes") == 2)
    _, errors = server.stop()
    lines = [json.loads(line) for line in errors.splitlines()]
    assert {"gunicorn.error", "boxis_gateway.requests"} <= {line["logger"] for line in lines}
    assert all({"time", "level", "message"} <= set(line) for line in lines)
    outcomes = [line["outcome"] for line in lines if line["message"] == "request"]
    assert outcomes == ["success", "refused", "refused", "invalid"]
    for secret in (*sent.values(), USERNAME, USER_KEY, "48514151563", "4711", "for-the-demo"):
        assert len(secret) < 4 or secret in ("sms", "getHistory") or secret not in errors


class Collector(BaseHTTPRequestHandler):
    """Takes spans by OTLP over HTTP."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            raise NotImplementedError
        self.server.spans.append((self.path, ExportTraceServiceRequest.FromString(body)))  # type: ignore[attr-defined]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """No-op."""


@pytest.fixture
def collector() -> Iterator[HTTPServer]:
    with HTTPServer(("127.0.0.1", 0), Collector) as server:
        server.spans = []  # type: ignore[attr-defined]
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_collector_gets_a_span_that_goes_on_the_clients_trace(
    collector: HTTPServer,
    serve: Serve,
    store: Store,
    account: Account,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    address = f"http://127.0.0.1:{collector.server_address[1]}"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
    server = serve(store, "--workers", "1", "--traces", "yes")
    trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    header = {"traceparent": f"00-{trace}-{parent}-01"}
    requests.post(server.url, data=signed_now(), headers=header, timeout=60)
    requests.get(f"{server.url}sms/48514151563", timeout=60)
    login = {"username": "nobody@example.com", "password": "wrong"}
    requests.post(f"{server.url}auth/login", json=login, timeout=60)  # its answer is deferred
    code, errors = server.stop()
    assert code == 0, errors
    spans = [
        span
        for path, sent in collector.spans  # type: ignore[attr-defined]
        for resource in sent.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
        if path == "/v1/traces"
    ]
    first, second, third = spans
    assert (first.name, first.trace_id.hex(), first.parent_span_id.hex()) == (
        "POST /",
        trace,
        parent,
    )
    attributes = {one.key: one.value for one in first.attributes}
    assert attributes["http.response.status_code"].int_value == 200
    assert attributes["boxis_gateway.action"].string_value == "sms.getHistory"
    assert attributes["boxis_gateway.account"].int_value == account.id
    assert attributes["boxis_gateway.outcome"].string_value == "success"
    assert second.name == "GET /sms/{message_id}"
    attributes = {one.key: one.value for one in third.attributes}
    assert third.name == "POST /auth/login"
    assert attributes["http.response.status_code"].int_value == 401
    assert attributes["boxis_gateway.outcome"].string_value == "refused"
    assert "48514151563" not in str(spans)
