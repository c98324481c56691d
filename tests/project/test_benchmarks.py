"""Figures of the benchmarks: each is measured in two ways, or its arithmetic is tested here."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count, repeat
from types import SimpleNamespace
from typing import ClassVar

import pytest

from benchmarks import profile, stopwatch
from benchmarks.answers import WrongAnswer, rows_of
from benchmarks.candidates import Running
from benchmarks.cases import Case, Target
from benchmarks.load import CONNECTIONS, NumberedWrites, open_loop, paced_loop
from benchmarks.processes import clean_environment
from benchmarks.report import Result, summary
from benchmarks.signed_requests import Account, SignedRequest, Workload
from benchmarks.usage import Disagreement, require_agreement, run_measured
from benchmarks.writes import count_faults
from tests.support.waiting import until

MB = 1 << 20
REQUEST = SignedRequest(Workload(2, "json"), Account(1, "anna@example.com", "UTC"), "", 2)


def test_two_measurements_have_to_agree() -> None:
    require_agreement("memory", 59, 60, 0.1)
    with pytest.raises(Disagreement, match="memory: 994 by one measurement, 59 by another"):
        require_agreement("memory", 994, 59, 0.1)


def test_the_peak_of_a_command_is_not_that_of_the_process_that_starts_it() -> None:
    large = b"x" * (300 * MB)
    program = f"import time; held = b'y' * (60 * {MB}); time.sleep(0.2); print('done')"
    measured = run_measured([sys.executable, "-c", program], clean_environment())
    assert len(large) > 300 * MB - 1
    assert measured.output == "done"
    assert 60 * MB < measured.peak_bytes < 120 * MB
    assert measured.seconds > 0.2


def test_a_part_is_timed_without_the_parts_inside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]

    def read() -> list[int]:
        now[0] += 2
        return [1, 2]

    def write() -> None:
        for _ in steps.rows():
            now[0] += 1
        now[0] += 4

    def rows() -> object:
        return iter(steps.read())

    clock = SimpleNamespace(perf_counter=lambda: now[0], monotonic=lambda: now[0])
    steps = SimpleNamespace(read=read, rows=rows, write=write)
    monkeypatch.setattr(stopwatch, "time", clock)
    watch = stopwatch.Stopwatch()
    for name in ("read", "rows", "write"):
        watch.wrap(steps, name, name)
    assert watch.rounds(lambda: steps.write(), 2) == {"read": 2, "rows": 0, "write": 6, "": 0}


@pytest.mark.parametrize("path", [*profile.REQUEST_PARTS, *profile.IMPORT_PARTS])
def test_the_profiled_functions_exist(path: str) -> None:
    owner, function = profile.find(path)
    assert callable(getattr(owner, function))


class _EveryTenthIsSlow(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    numbers = count(1)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        if next(self.numbers) % 10 == 0:
            threading.Event().wait(0.3)
        self.send_response(200)
        self.send_header("Content-Length", "9")
        self.end_headers()
        self.wfile.write(b'"sms2":{}')

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    request_queue_size = 64  # connections at once, which would be opened again after a second


@contextmanager
def _serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    with _Server(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_the_open_loop_counts_each_request_and_the_slow_ones() -> None:
    with _serving(_EveryTenthIsSlow) as address:
        result = open_loop(Running(address, []), [REQUEST], 50, 1)
    assert result["requests"] == next(_EveryTenthIsSlow.numbers) - 1 == 50
    assert result["wrong"] == 0
    assert result["p99"] > 300


def test_a_paced_load_keeps_its_rate_and_counts_wrong_answers() -> None:
    line = ("POST", "/", REQUEST.body())
    handler = type("Handler", (_EveryTenthIsSlow,), {"numbers": count(1)})
    with _serving(handler) as address:
        result = paced_loop(address, [line], 100, 2, '"sms2"')
        unexpected = paced_loop(address, [line], 100, 1, '"sms3"')
    assert result["requests"] / result["seconds"] == pytest.approx(100, rel=0.3)
    assert result["wrong"] == 0
    assert result["p99"] > 300
    assert unexpected["wrong"] == unexpected["requests"]


def test_a_paced_load_counts_a_request_from_when_it_was_due() -> None:
    handler = type("Handler", (_EveryTenthIsSlow,), {"numbers": repeat(10)})
    with _serving(handler) as address:  # 0.3 s each: 16 connections reach half the rate
        result = paced_loop(address, [("POST", "/", "a=1")], 100, 2, '"sms2"')
    assert result["p50"] > 500


class _RefusesMultiplesOfThree(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    accepted: ClassVar[set[int]] = set()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        number = int(body.rpartition("&number=")[2])
        answer = b"error" if number % 3 == 0 else b"success"
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        if answer == b"success":
            self.accepted.add(number)
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_only_acknowledged_writes_count() -> None:
    first, accepted = 7 * 10**9, _RefusesMultiplesOfThree.accepted
    with _serving(_RefusesMultiplesOfThree) as address:
        load = NumberedWrites(address, [("POST", "/", "rows=2")], first)
        until(lambda: len(accepted) > 100)
        acknowledged = set(load.stop())
    assert acknowledged <= accepted
    assert len(accepted - acknowledged) <= CONNECTIONS  # answers that were under way
    assert min(acknowledged) > first


def test_lost_writes_and_halves_are_counted() -> None:
    rows = {1: 2, 2: 1, 4: 2, 5: 4}
    counts = {"acknowledged": 3, "lost": 1, "by half": 2}
    assert count_faults({1, 2, 3}, rows) == counts


def test_rows_out_of_order_are_a_wrong_answer() -> None:
    row = dict.fromkeys(("sender", "reciptient", "date", "parts", "credit", "type"), "1")

    def body(*names: str) -> bytes:
        head = {"result": "1", "resulttxt": "success"}
        params = {"senders": dict.fromkeys(names, row)}
        return json.dumps({**head, "params": params, "timestamp": 0}).encode()

    assert rows_of(REQUEST, body("sms1", "sms2")) == [("1",) * 6] * 2
    with pytest.raises(WrongAnswer):
        rows_of(REQUEST, body("sms2", "sms1"))


def test_the_summary_names_the_targets_that_are_missed() -> None:
    targets = [Target("a", "b", at_least=2), Target("a", at_most=10), Target("b")]
    case = Case("10-xml", "10 rows", "ms", lambda bench: iter(()), targets)
    rounds = [{"a": value, "b": 4.0} for value in (6.0, 9.0, 7.0)]
    assert summary([Result(case, rounds)]) == (
        "1 of 2 targets are met. Missed: `10-xml` a ÷ b (1.75, target ≥ 2)."
    )
