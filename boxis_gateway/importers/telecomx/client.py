"""Client of a TelecomX-compatible server: login, and pages of messages."""

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
MOST_OCTETS = 1 << 28  # of a page; an MMS can have half a megabyte
UNAUTHORIZED = 401
_NEXT = re.compile(r'<([^>]*)>\s*;[^,]*\brel="?next"?')
_WORD = re.compile(r"[a-z_ ]{1,40}", re.ASCII)

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Page:
    """Page of messages; total of all pages, and query of the next page, if the server sends
    them."""

    messages: list[Any]
    total: int | None
    following: Json | None


class Refusal(ImportFailed):
    """Refusal of the server, with its HTTP status."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


@dataclass
class TelecomxClient:
    """Client with a login. The token is sent in a header, or in the query, as documented (protocol
    page, section 2), if the server refuses the header."""

    address: ServerUrl
    username: str | None
    secret: str = field(repr=False)
    _token: str = field(default="", repr=False)
    _in_query: bool = False
    _proven: bool = False

    def page(self, query: Json) -> Page:
        """Request a page of the list. Raises TransientError or ImportFailed."""
        while True:
            self._token = self._token or self._log_in()
            try:
                page = self._list(query)
            except Refusal as refusal:
                if refusal.status != UNAUTHORIZED or not self._change_login():
                    raise
                continue
            self._proven = True
            return page

    def _change_login(self) -> bool:
        """Prepare another way to authenticate after a refusal; False if there is none."""
        if self._proven and self.username:  # the token has expired
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
            raise ImportFailed(f"{self.address.shown} sends no token. Check the address.")
        return token

    def _list(self, query: Json) -> Page:
        token = {"token": self._token} if self._in_query else {}
        headers = {} if self._in_query else {"Authorization": f"Bearer {self._token}"}
        url = f"{self._url('/sms')}?{urlencode({**query, **token})}"
        with send(urllib.request.Request(url, headers=headers), MOST_OCTETS) as answer:
            messages, others, is_list = [], {}, False
            for path, value in self._values(answer, OPENED):
                if path == MESSAGES:
                    is_list = True
                    messages += [_without_raw_data(value)] if value != [] else []
                else:
                    others[path] = value
        if not is_list:
            raise self._not_a_list()
        total = str(others.get(("total",), ""))
        following = _NEXT.search(answer.headers.get("Link", ""))
        return Page(
            messages,
            bounded(total, 0, MOST_MESSAGES),
            dict(parse_qsl(urlsplit(following[1]).query)) if following else None,
        )

    def _values(self, answer: Response, opened: frozenset[Any]) -> Iterator[tuple[Any, Any]]:
        """Yield paths and values of the answer, see json_walk.walk. Raises Refusal for an error."""
        begun, values = False, {}
        try:
            for path, value in walk(answer.chunks(), opened):
                begun, values[path] = True, value
                if answer.status == 200:
                    yield path, value
        except NotJson:
            if answer.status == 200:
                truncated = TransientError("broke its answer off", smaller=True)
                raise (truncated if begun else self._not_a_list()) from None
        if answer.status != 200:
            raise self._refusal(answer.status, values.get(("message",)))

    def _not_a_list(self) -> ImportFailed:
        return ImportFailed(
            f"{self.address.shown} did not answer as the TelecomX API does. Check the address."
        )

    def _refusal(self, status: int, word: object) -> Refusal:
        reason = f", {word}" if isinstance(word, str) and _WORD.fullmatch(word) else ""
        return Refusal(
            f"{self.address.shown} refuses (HTTP status {status}{reason}). Check the address, "
            "--source-user, and the password or token in BOXIS_GATEWAY_SOURCE_SECRET.",
            status,
        )

    def _url(self, path: str) -> str:
        parts = urlsplit(self.address.shown)
        base = parts.path.rstrip("/").removesuffix("/sms")
        return urlunsplit((parts.scheme, parts.netloc, base + path, "", ""))


def _without_raw_data(message: Any) -> Any:
    """Remove the content of an MMS, which is not imported and can be large."""
    if isinstance(message, dict) and message.get("type") == "MMS":
        return {**message, "message": None}
    return message
