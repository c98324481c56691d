"""HTTP requests to the servers that messages are imported from.

Errors are sorted into those that may pass, which are retried, and the others. Certificates are
verified, and redirects are not followed, so that a secret goes to no other server. Error messages
name a URL without its query, which may hold a token.
"""

from __future__ import annotations

import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPResponse, IncompleteRead, RemoteDisconnected
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from boxis_gateway.errors import ImportFailed
from boxis_gateway.setting_kinds import bounded
from boxis_gateway.timed_http import Deadline, open_timed, shown_url

TIMEOUT_SECONDS = 60  # without an octet
ANSWER_SECONDS = 600  # for all octets of an answer
ANSWER_OCTETS = 1 << 28  # of any answer
TRIES = 8  # in a row, with pauses of two minutes in all
FIRST_PAUSE, LONGEST_PAUSE = 1, 60  # seconds
CHUNK = 65_536  # octets
RETRY_STATUSES = (408, 425, 429)


class TransientError(Exception):
    """A failure that a later request may not meet, or (`smaller`) a request for less. `pause` is
    the server's Retry-After, in seconds."""

    def __init__(self, reason: str, *, smaller: bool = False, pause: int | None = None) -> None:
        super().__init__(reason)
        self.smaller = smaller
        self.pause = pause


class ResponseTooLarge(TransientError):
    """The body is longer than the limit of the request."""

    def __init__(self) -> None:
        super().__init__("answers more than can be read at once", smaller=True)


@dataclass(frozen=True)
class ServerUrl:
    """The URL of a server. `shown` is fit for error messages; `query` has its parameters."""

    url: str = field(repr=False)
    shown: str
    query: dict[str, str] = field(repr=False)

    @classmethod
    def parse(cls, url: str) -> ServerUrl:
        """Raises ImportFailed if the URL has no usable host, or a user name in it."""
        try:
            parts = urlsplit(url)
            usable = bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable = False
        if not usable:
            raise ImportFailed(
                "The address is not valid. Give a URL such as https://api.example.com/."
            )
        if "@" in parts.netloc:
            raise ImportFailed(
                "The address holds a user name: give that with --source-user, and the secret in "
                "BOXIS_GATEWAY_SOURCE_SECRET."
            )
        return cls(url.partition("#")[0], shown_url(url), dict(parse_qsl(parts.query)))


class Response:
    """A response whose body is read in chunks. `octets` counts those read."""

    def __init__(self, response: HTTPResponse, max_octets: int | None, deadline: Deadline) -> None:
        self._deadline = deadline
        self.status = response.status
        self.headers = response.headers
        self.octets = 0
        self._response = response
        self._max_octets = max_octets

    def chunks(self) -> Iterator[bytes]:
        """The body. Without Content-Length, only the reader can tell whether it is complete.

        Raises ResponseTooLarge, TransientError after ANSWER_SECONDS, or ImportFailed above
        ANSWER_OCTETS."""
        while chunk := self._response.read(CHUNK):
            self.octets += len(chunk)
            if self._max_octets is not None and self.octets > self._max_octets:
                raise ResponseTooLarge
            if self.octets > ANSWER_OCTETS:
                raise ImportFailed(f"The server answers more than {ANSWER_OCTETS >> 20} MB.")
            yield chunk
        if self._deadline.is_over:
            raise _too_late()


@contextmanager
def send(request: urllib.request.Request, max_octets: int | None = None) -> Iterator[Response]:
    """Send a request and yield the response, whatever its status, except one that asks to retry
    later or redirects.

    Raises TransientError or ImportFailed, also for errors while the body is read."""
    shown = ServerUrl.parse(request.full_url).shown
    with Deadline(ANSWER_SECONDS) as deadline:
        try:
            with _sorted_errors(shown), _open(request, deadline) as response:
                _check_status(shown, response)
                yield Response(response, max_octets, deadline)
        except TransientError:
            if deadline.is_over:
                raise _too_late() from None
            raise


def _too_late() -> TransientError:
    return TransientError(f"takes longer than {ANSWER_SECONDS} seconds to answer", smaller=True)


@contextmanager
def _open(request: urllib.request.Request, deadline: Deadline) -> Iterator[Any]:
    with ExitStack() as end:
        try:
            opened = open_timed(request, TIMEOUT_SECONDS, deadline, redirects=False)
            response = end.enter_context(opened)
        except urllib.error.HTTPError as refusal:
            response = end.enter_context(refusal)  # with a status of 300 or above
        except (ValueError, UnicodeError):
            raise ImportFailed(
                "The address is not valid. Check its scheme and characters."
            ) from None
        yield response


@contextmanager
def _sorted_errors(shown: str) -> Iterator[None]:
    """Raise TransientError or ImportFailed for errors of the connection."""
    try:
        yield
    except (TimeoutError, RemoteDisconnected, ConnectionResetError, BrokenPipeError):
        raise TransientError("does not answer in time, or breaks off", smaller=True) from None
    except urllib.error.URLError as problem:
        raise _connection_error(shown, problem.reason) from None
    except OSError as problem:
        raise _connection_error(shown, problem) from None
    except IncompleteRead:
        raise TransientError("broke its answer off", smaller=True) from None
    except HTTPException as fault:
        kind = type(fault).__name__
        raise ImportFailed(
            f"{shown} does not answer in HTTP ({kind}). Check the address."
        ) from None


def _check_status(shown: str, response: HTTPResponse) -> None:
    status = response.status
    if status in RETRY_STATUSES or status >= 500:
        pause = response.headers.get("Retry-After", "")
        raise TransientError(
            f"answers with the HTTP status {status}",
            smaller=status >= 500,
            pause=bounded(pause, 0, LONGEST_PAUSE),
        )
    if 300 <= status < 400:
        raise ImportFailed(
            f"{shown} redirects to another address (HTTP status {status}). Give that address."
        )


def _connection_error(shown: str, reason: object) -> Exception:
    if isinstance(reason, ssl.SSLCertVerificationError):
        return ImportFailed(
            f"{shown} has a certificate that cannot be verified ({reason.verify_message}). Check "
            "the address, or name your authority's certificate in SSL_CERT_FILE."
        )
    if isinstance(reason, TimeoutError):
        return TransientError("does not answer in time", smaller=True)
    cause = getattr(reason, "strerror", None) or type(reason).__name__
    return TransientError(f"cannot be reached ({cause})")


class Backoff:
    """Exponential backoff: counts failures in a row and doubles the pause after each."""

    def __init__(self, shown: str) -> None:
        self._shown = shown
        self._failures = 0

    def wait(self, problem: TransientError, progress: str) -> None:
        """Pause before the next try. After TRIES failures raises ImportFailed, which ends with the
        sentence `progress`."""
        self._failures += 1
        if self._failures >= TRIES:
            raise ImportFailed(f"{self._shown} {problem}, after {TRIES} tries. {progress}")
        pause = FIRST_PAUSE * 2 ** (self._failures - 1)
        time.sleep(min(problem.pause or pause, LONGEST_PAUSE))

    def reset(self) -> None:
        """Start again from FIRST_PAUSE, after a success."""
        self._failures = 0
