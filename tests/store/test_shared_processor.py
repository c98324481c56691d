"""Threads of a process that writes share a processor between two heartbeats."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest

from boxis_gateway.store import Store, Write, Writer
from boxis_gateway.store.shared_processor import SharedProcessor

pytestmark = pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2,
    reason="the system has no choice of processors",
)


@pytest.fixture
def allowed() -> Iterator[set[int]]:
    before = os.sched_getaffinity(0)
    yield before
    os.sched_setaffinity(0, before)


@pytest.fixture
def waiting_thread() -> Iterator[threading.Thread]:
    ended = threading.Event()
    thread = threading.Thread(target=ended.wait)
    thread.start()
    yield thread
    ended.set()
    thread.join()


def processors_of(thread: threading.Thread) -> set[int]:
    assert thread.native_id
    return os.sched_getaffinity(thread.native_id)


def test_both_threads_are_kept_on_one_processor(
    allowed: set[int], waiting_thread: threading.Thread
) -> None:
    shared = SharedProcessor()
    shared.share(waiting_thread)
    assert os.sched_getaffinity(0) == processors_of(waiting_thread)
    assert len(os.sched_getaffinity(0)) == 1
    shared.release()
    assert os.sched_getaffinity(0) == processors_of(waiting_thread) == allowed


def test_a_thread_that_one_of_them_starts_can_leave(
    allowed: set[int], waiting_thread: threading.Thread
) -> None:
    shared = SharedProcessor()
    shared.share(waiting_thread)
    seen: list[set[int]] = []

    def run() -> None:
        shared.leave()
        seen.append(os.sched_getaffinity(0))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [allowed]


def test_a_thread_that_has_ended_is_no_obstacle(allowed: set[int]) -> None:
    thread = threading.Thread(target=bool)
    thread.start()
    thread.join()
    shared = SharedProcessor()
    shared.share(thread)
    shared.release()
    assert os.sched_getaffinity(0) == allowed


def test_a_writer_shares_its_processor_between_heartbeats_alone(
    store: Store, allowed: set[int]
) -> None:
    writer = Writer(store)
    assert writer.submit(Write(lambda: os.sched_getaffinity(0))).result() == allowed
    assert os.sched_getaffinity(0) == allowed
    writer.heartbeat()
    writer.submit(Write(bool)).result()
    own = writer.submit(Write(lambda: os.sched_getaffinity(0))).result()
    assert os.sched_getaffinity(0) == own
    assert len(own) == 1
    writer.heartbeat()
    assert os.sched_getaffinity(0) == allowed
    writer.close()
