"""Asking a server over HTTP: what may pass is told from what will not, and waited for.

Certificates are verified, and redirections are not followed: what is asked with a secret is not
asked elsewhere. Errors name the address without its query, where tokens may stand.
"""

from __future__ import annotations

import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from http.client import HTTPException, HTTPResponse, IncompleteRead, RemoteDisconnected
from typing import Any
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from boxis_gateway.errors import ImportFailed
from boxis_gateway.setting_kinds import bounded

TIMEOUT_SECONDS = 60  # without an octet
TRIES = 8  # in a row; the pauses between them are two minutes, together
FIRST_PAUSE, LONGEST_PAUSE = 1, 60  # seconds
CHUNK = 65_536  # octets
COME_LATER = (408, 425, 429)


class Passing(Exception):
    """The server may answer another time, or (`smaller`) if it is asked for less. `pause` are the
    seconds that it wants to be left alone."""

    def __init__(self, what: str, *, smaller: bool = False, pause: int | None = None) -> None:
        super().__init__(what)
        self.smaller = smaller
        self.pause = pause


class TooMuch(Passing):
    """The server answers more than was to be read."""

    def __init__(self) -> None:
        super().__init__("answers more than can be read at once", smaller=True)


@dataclass(frozen=True)
class Address:
    """Where a server is. `shown` is fit for errors, `query` what the operator put behind `?`."""

    url: str = field(repr=False)
    shown: str
    query: dict[str, str] = field(repr=False)

    @classmethod
    def of(cls, url: str) -> Address:
        """Raises ImportFailed for what is none."""
        try:
            parts = urlsplit(url)
            usable = bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable = False
        if not usable:
            raise ImportFailed("That is no address of a server, such as https://api.example.com/.")
        if "@" in parts.netloc:
            raise ImportFailed(
                "The address holds a user name: give that with --source-user, and the secret in "
                "BOXIS_GATEWAY_SOURCE_SECRET."
            )
        shown = urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))
        return cls(url.partition("#")[0], shown, dict(parse_qsl(parts.query)))


class Answer:
    """An answer whose body is being read. `octets` counts what was read of it."""

    def __init__(self, response: HTTPResponse, most_octets: int | None) -> None:
        self.status = response.status
        self.headers = response.headers
        self.octets = 0
        self._response = response
        self._most_octets = most_octets

    def chunks(self) -> Iterator[bytes]:
        """The body, as far as it comes: who reads it has to know its end. Raises TooMuch."""
        while chunk := self._response.read(CHUNK):
            self.octets += len(chunk)
            if self._most_octets is not None and self.octets > self._most_octets:
                raise TooMuch
            yield chunk


@contextmanager
def asked(request: urllib.request.Request, most_octets: int | None = None) -> Iterator[Answer]:
    """Send the request; the answer, whatever its status is, unless that says to come later.

    Raises Passing or ImportFailed, also from what is read inside."""
    place = Address.of(request.full_url).shown
    try:
        with _opened(request) as response:
            _check(place, response)
            yield Answer(response, most_octets)
    except (TimeoutError, RemoteDisconnected, ConnectionResetError, BrokenPipeError):
        raise Passing("does not answer in time, or breaks off", smaller=True) from None
    except urllib.error.URLError as problem:
        raise _unreachable(place, problem.reason) from None
    except OSError as problem:
        raise _unreachable(place, problem) from None
    except IncompleteRead:
        raise Passing("broke its answer off", smaller=True) from None
    except HTTPException as fault:
        kind = type(fault).__name__
        raise ImportFailed(
            f"{place} does not answer in HTTP ({kind}). Check the address."
        ) from None


class _NotElsewhere(urllib.request.HTTPRedirectHandler):
    """Leaves a redirection as the answer that it is."""

    def redirect_request(self, *about: Any) -> None:
        """See HTTPRedirectHandler."""


@lru_cache(maxsize=1)
def _opener() -> urllib.request.OpenerDirector:
    verified = urllib.request.HTTPSHandler(context=ssl.create_default_context())
    return urllib.request.build_opener(_NotElsewhere, verified)


def _opened(request: urllib.request.Request) -> Any:
    try:
        return _opener().open(request, timeout=TIMEOUT_SECONDS)
    except urllib.error.HTTPError as refusal:
        return refusal  # an answer too
    except (ValueError, UnicodeError):
        raise ImportFailed("That address cannot be asked for. Check it.") from None


def _check(place: str, response: HTTPResponse) -> None:
    status = response.status
    if status in COME_LATER or status >= 500:
        pause = response.headers.get("Retry-After", "")
        raise Passing(
            f"answers with the HTTP status {status}",
            smaller=status >= 500,
            pause=bounded(pause, 0, LONGEST_PAUSE),
        )
    if 300 <= status < 400:
        raise ImportFailed(
            f"{place} sends elsewhere (HTTP status {status}). Give the address where it has moved."
        )


def _unreachable(place: str, reason: object) -> Exception:
    if isinstance(reason, ssl.SSLCertVerificationError):
        return ImportFailed(
            f"{place} has a certificate that cannot be verified ({reason.verify_message}). Check "
            "the address, or name your authority's certificate in SSL_CERT_FILE."
        )
    if isinstance(reason, TimeoutError):
        return Passing("does not answer in time", smaller=True)
    what = getattr(reason, "strerror", None) or type(reason).__name__
    return Passing(f"cannot be reached ({what})")


class Patience:
    """Counts failures in a row, and waits longer after each."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._failures = 0

    def wait(self, problem: Passing, so_far: str) -> None:
        """Wait before the next try. Raises ImportFailed if there were enough; `so_far` is a
        sentence on how far it came."""
        self._failures += 1
        if self._failures >= TRIES:
            raise ImportFailed(f"{self._place} {problem}, after {TRIES} tries. {so_far}")
        pause = FIRST_PAUSE * 2 ** (self._failures - 1)
        time.sleep(min(problem.pause or pause, LONGEST_PAUSE))

    def restore(self) -> None:
        """It answered."""
        self._failures = 0
