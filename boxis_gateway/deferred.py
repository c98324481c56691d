"""Answers that are made after a commit.

An application may call `start_response` as late as at the first iteration of its answer (PEP 3333).
A server that knows DeferredAnswer answers other clients until it is ready; any other server waits
inside the iteration.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from typing import Any


class DeferredAnswer:
    """A WSGI answer that `make` returns once the future is done: a whole one, never a stream.

    Iterate it even if the client has left: the request is recorded by that."""

    def __init__(self, future: Future[Any], make: Callable[[], Iterable[bytes]]) -> None:
        self.future, self.make = future, make

    def when_ready(self, callback: Callable[[], object]) -> None:
        """Call back once it can be iterated without waiting, from any thread."""
        self.future.add_done_callback(lambda _: callback())

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.make())
