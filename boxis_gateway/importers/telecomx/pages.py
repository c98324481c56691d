"""Pagination of a TelecomX-compatible server, newest message first.

The `Link` header of a page leads to the next, if the server sends one. Else pages are requested by
offset, which shifts when messages are added or deleted meanwhile: so each page overlaps the one
before by a message, and without it the walk goes back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from boxis_gateway.errors import ImportFailed
from boxis_gateway.importers.reading.lines import ReadOptions
from boxis_gateway.importers.reading.repeats import RepeatCounter
from boxis_gateway.importers.reading.web import Backoff, ServerUrl, TransientError
from boxis_gateway.importers.telecomx.client import Json, Page, TelecomxClient

MOST, LEAST = 1000, 10  # messages of a page
IDS_KEPT = 250_000  # more than the messages whose repeats fingerprints count


class RecentMessages:
    """Recognises messages that came before, by their ids."""

    def __init__(self) -> None:
        self._ids = RepeatCounter(IDS_KEPT)

    def __contains__(self, message: Any) -> bool:
        return _id_of(message) in self._ids

    def new(self, messages: Iterable[Any]) -> Iterator[Any]:
        """Yield the messages that did not come before; those without an id always."""
        for message in messages:
            wire_id = _id_of(message)
            if not (wire_id and self._ids.count(wire_id)):
                yield message


def _id_of(message: Any) -> str:
    wire_id = message.get("_id") if isinstance(message, dict) else None
    return wire_id if isinstance(wire_id, str) else ""


def all_messages(url: str, options: ReadOptions) -> Iterator[Any]:
    """Yield the message objects, newest first, each once. Raises ImportFailed."""
    if not options.secret:
        raise ImportFailed(
            "Credentials are missing. Give the user name with --source-user and the password in "
            "BOXIS_GATEWAY_SOURCE_SECRET, or only a token there."
        )
    address = ServerUrl.parse(url)
    client = TelecomxClient(address, options.username, options.secret)
    query = dict(address.query)
    if options.since:
        query["fromDate"] = options.since[:7]
    yield from _Pages(client, query).messages()


class _Pages:
    """Walk over the pages of a list."""

    def __init__(self, client: TelecomxClient, query: Json) -> None:
        self._client = client
        self._query = query
        self._backoff = Backoff(client.address.shown)
        self._limit = MOST
        self._recent = RecentMessages()
        self._count = 0
        self._overlaps = False  # the next page begins with a known message
        self._gone_back: tuple[int, int] | None = None  # offset and message count at that time

    def messages(self) -> Iterator[Any]:
        """Yield the messages of all pages, each once."""
        position: Json | None = {"offset": 0}
        while position is not None:
            page = self._page(position)
            if self._has_gap(page):
                position = self._back(position["offset"])
                continue
            position = self._following(position, page)
            for message in self._recent.new(page.messages):
                self._count += 1
                yield message

    def _has_gap(self, page: Page) -> bool:
        """True if messages were deleted, so that the page may not follow the one before."""
        return self._overlaps and not any(message in self._recent for message in page.messages)

    def _back(self, offset: int) -> Json:
        if self._gone_back == (offset, self._count):
            raise self._ends_too_soon(offset)
        self._gone_back = (offset, self._count)
        back = max(offset - self._limit, 0)
        self._overlaps = back > 0
        return {"offset": back}

    def _following(self, position: Json, page: Page) -> Json | None:
        """Return the query of the next page; None at the end."""
        if page.following or "offset" not in position:
            self._overlaps = False
            return page.following
        end = position["offset"] + len(page.messages)
        if page.total is None:
            is_last = all(message in self._recent for message in page.messages)
        else:
            is_last = end >= page.total
            if not is_last and not page.messages:
                raise self._ends_too_soon(end)
        self._overlaps = len(page.messages) > 1
        return None if is_last else {"offset": end - self._overlaps}

    def _ends_too_soon(self, offset: int) -> ImportFailed:
        return ImportFailed(
            f"{self._client.address.shown} counts more messages than it lists: none from offset "
            f"{offset} on. The messages before are imported."
        )

    def _page(self, position: Json) -> Page:
        while True:
            try:
                page = self._client.page({**self._query, **position, "limit": self._limit})
            except TransientError as problem:
                self._backoff.wait(problem, self._so_far())
                if problem.smaller:
                    self._limit = max(self._limit // 2, LEAST)
                continue
            self._backoff.reset()
            return page

    def _so_far(self) -> str:
        return f"The newest {self._count} messages are imported. Import again to add the rest."
