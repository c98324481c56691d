"""A login at a TelecomX-compatible server, and a page of its list of messages."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from boxis_gateway.errors import ImportFailed
from boxis_gateway.importers.reading.json_walk import NotJson, walk
from boxis_gateway.importers.reading.web import Response, ServerUrl, TransientError, send
from boxis_gateway.setting_kinds import bounded

MESSAGES = ("messages",)
OPENED = frozenset({(), MESSAGES})
MOST_MESSAGES = 10**15
MOST_OCTETS = 1 << 28  # of a page; an MMS may have half a megabyte
UNAUTHORIZED = 401
_NEXT = re.compile(r'<([^>]*)>\s*;[^,]*\brel="?next"?')
_WORD = re.compile(r"[a-z_ ]{1,40}", re.ASCII)

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Page:
    """Messages, and how many there are on all pages; what to ask for next, if the server says."""

    messages: list[Any]
    total: int | None
    following: Json | None


class Refusal(ImportFailed):
    """The server does not answer that, with that HTTP status."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


@dataclass
class Server:
    """A login at a server. The token is shown in a header; where that is not accepted, as the
    documentation has it, in the query (protocol page, section 2)."""

    address: ServerUrl
    username: str | None
    secret: str = field(repr=False)
    _token: str = field(default="", repr=False)
    _in_query: bool = False
    _proven: bool = False

    def page(self, query: Json) -> Page:
        """A part of the list. Raises TransientError or ImportFailed."""
        while True:
            self._token = self._token or self._log_in()
            try:
                found = self._list(query)
            except Refusal as refusal:
                if refusal.status != UNAUTHORIZED or not self._other_way():
                    raise
                continue
            self._proven = True
            return found

    def _other_way(self) -> bool:
        """After a refusal, whether there is another way to try."""
        if self._proven and self.username:  # the token's time is over
            self._token, self._proven = "", False
            return True
        if self._proven or self._in_query:
            return False
        self._in_query = True
        return True

    def _log_in(self) -> str:
        if not self.username:
            return self.secret
        body = json.dumps({"username": self.username, "password": self.secret}).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self._url("/auth/login"), body, headers)
        with send(request, MOST_OCTETS) as answer:
            values = dict(self._values(answer, frozenset({()})))
        token = values.get(("token",))
        if not isinstance(token, str) or not token:
            raise ImportFailed(f"{self.address.shown} gives no token. Check the address.")
        return token

    def _list(self, query: Json) -> Page:
        shown = {"token": self._token} if self._in_query else {}
        headers = {} if self._in_query else {"Authorization": f"Bearer {self._token}"}
        url = f"{self._url('/sms')}?{urlencode({**query, **shown})}"
        with send(urllib.request.Request(url, headers=headers), MOST_OCTETS) as answer:
            messages, others, is_list = [], {}, False
            for path, value in self._values(answer, OPENED):
                if path == MESSAGES:
                    is_list = True
                    messages += [_without_raw_data(value)] if value != [] else []
                else:
                    others[path] = value
        if not is_list:
            raise self._no_list()
        total = str(others.get(("total",), ""))
        following = _NEXT.search(answer.headers.get("Link", ""))
        return Page(
            messages,
            bounded(total, 0, MOST_MESSAGES),
            dict(parse_qsl(urlsplit(following[1]).query)) if following else None,
        )

    def _values(self, answer: Response, opened: frozenset[Any]) -> Iterator[tuple[Any, Any]]:
        """See json_walk.walk. Raises Refusal for any answer but a good one."""
        begun, values = False, {}
        try:
            for path, value in walk(answer.chunks(), opened):
                begun, values[path] = True, value
                if answer.status == 200:
                    yield path, value
        except NotJson:
            if answer.status == 200:
                cut = TransientError("broke its answer off", smaller=True)
                raise (cut if begun else self._no_list()) from None
        if answer.status != 200:
            raise self._refusal(answer.status, values.get(("message",)))

    def _no_list(self) -> ImportFailed:
        return ImportFailed(
            f"{self.address.shown} did not answer as the TelecomX API does. Check the address."
        )

    def _refusal(self, status: int, word: object) -> Refusal:
        said = f", {word}" if isinstance(word, str) and _WORD.fullmatch(word) else ""
        return Refusal(
            f"{self.address.shown} refuses (HTTP status {status}{said}). Check the address, "
            "--source-user, and the password or token in BOXIS_GATEWAY_SOURCE_SECRET.",
            status,
        )

    def _url(self, path: str) -> str:
        parts = urlsplit(self.address.shown)
        base = parts.path.rstrip("/").removesuffix("/sms")
        return urlunsplit((parts.scheme, parts.netloc, base + path, "", ""))


def _without_raw_data(message: Any) -> Any:
    """An MMS without what it holds, which is not read and may be much."""
    if isinstance(message, dict) and message.get("type") == "MMS":
        return {**message, "message": None}
    return message
