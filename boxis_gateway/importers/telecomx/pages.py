"""All messages of a customer at a TelecomX-compatible server, page by page, newest first.

A page leads to the next by its `Link` header, if the server gives one. Else pages are asked for by
offset, which shift when messages come or go meanwhile: so each page begins with the last message of
the one before, and where that is not seen, it goes back for what lies between.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from boxis_gateway.errors import ImportFailed
from boxis_gateway.importers.reading.lines import ReadOptions
from boxis_gateway.importers.reading.web import Backoff, ServerUrl, TransientError
from boxis_gateway.importers.telecomx.server import Json, Page, Server

MOST, LEAST = 1000, 10  # messages of a page
REMEMBERED = 250_000
"""Ids; more than the messages whose repeats are counted (importing/fingerprints.py)."""


class Seen:
    """Remembers the ids of the last REMEMBERED to twice as many messages."""

    def __init__(self) -> None:
        self._now: set[str] = set()
        self._before: set[str] = set()

    def knows(self, message: Any) -> bool:
        """Whether the message came before."""
        wire_id = _id_of(message)
        return wire_id in self._now or wire_id in self._before

    def new(self, messages: Iterable[Any]) -> Iterator[Any]:
        """Those that did not come before."""
        for message in messages:
            if self.knows(message):
                continue
            if len(self._now) >= REMEMBERED:
                self._now, self._before = set(), self._now
            if wire_id := _id_of(message):
                self._now.add(wire_id)
            yield message


def _id_of(message: Any) -> str:
    wire_id = message.get("_id") if isinstance(message, dict) else None
    return wire_id if isinstance(wire_id, str) else ""


def all_messages(url: str, options: ReadOptions) -> Iterator[Any]:
    """The message objects, newest first, each once. Raises ImportFailed."""
    if not options.secret:
        raise ImportFailed(
            "Say who asks: the user name with --source-user and the password in "
            "BOXIS_GATEWAY_SOURCE_SECRET, or a token there without a user name."
        )
    address = ServerUrl.parse(url)
    server = Server(address, options.username, options.secret)
    query = dict(address.query)
    if options.since:
        query["fromDate"] = options.since[:7]
    yield from _Pages(server, query).messages()


class _Pages:
    """A walk over the pages of a list."""

    def __init__(self, server: Server, query: Json) -> None:
        self._server = server
        self._query = query
        self._backoff = Backoff(server.address.shown)
        self._limit = MOST
        self._seen = Seen()
        self._count = 0
        self._overlaps = False  # the next page begins with what was seen
        self._gone_back: tuple[int, int] | None = None  # where, and how many were seen by then

    def messages(self) -> Iterator[Any]:
        """Those of all pages, each once."""
        part: Json | None = {"offset": 0}
        while part is not None:
            page = self._page(part)
            if self._went_away(page):
                part = self._back(part["offset"])
                continue
            part = self._following(part, page)
            for message in self._seen.new(page.messages):
                self._count += 1
                yield message

    def _went_away(self, page: Page) -> bool:
        """Whether messages before this page have gone, so that others may have been passed over."""
        return self._overlaps and not any(self._seen.knows(one) for one in page.messages)

    def _back(self, offset: int) -> Json:
        if self._gone_back == (offset, self._count):
            raise self._ends_too_soon(offset)
        self._gone_back = (offset, self._count)
        back = max(offset - self._limit, 0)
        self._overlaps = back > 0
        return {"offset": back}

    def _following(self, part: Json, page: Page) -> Json | None:
        """What to ask for next; None at the end."""
        if page.following or "offset" not in part:
            self._overlaps = False
            return page.following
        end = part["offset"] + len(page.messages)
        if page.total is None:
            is_last = all(self._seen.knows(one) for one in page.messages)
        else:
            is_last = end >= page.total
            if not is_last and not page.messages:
                raise self._ends_too_soon(end)
        self._overlaps = len(page.messages) > 1
        return None if is_last else {"offset": end - self._overlaps}

    def _ends_too_soon(self, offset: int) -> ImportFailed:
        return ImportFailed(
            f"{self._server.address.shown} counts more messages than it shows: none from {offset} "
            "on. What stood before is imported."
        )

    def _page(self, part: Json) -> Page:
        while True:
            try:
                page = self._server.page({**self._query, **part, "limit": self._limit})
            except TransientError as problem:
                self._backoff.wait(problem, self._so_far())
                if problem.smaller:
                    self._limit = max(self._limit // 2, LEAST)
                continue
            self._backoff.reset()
            return page

    def _so_far(self) -> str:
        return f"The newest {self._count} messages were read; the same again adds what is missing."
