"""Client of a Boxis-compatible form API; corrects the clock."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import IO, Any
from urllib.parse import urlencode

from lxml import etree

from boxis_gateway.authcode import MOST_CLOCK_SECONDS, authcode_of
from boxis_gateway.errors import OperatorError
from boxis_gateway.setting_kinds import bounded
from boxis_gateway.timed_http import Deadline, open_timed, shown_url

TIMEOUT_SECONDS = 60  # without an octet
ANSWER_SECONDS = 300  # for all octets
ANSWER_OCTETS = 1 << 26
_XML_PARSER = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)


@dataclass(frozen=True)
class Envelope:
    """An answer: its bytes, and the fields that a client acts on."""

    body: bytes
    result: str
    timestamp: str
    clock_mismatch: bool


def call(
    url: str, username: str, user_key: str, params: Mapping[str, str], now: Callable[[], int]
) -> Envelope:
    """Send a request, signed with the time of `now()` in Unix seconds. If the answer has a true
    `timestamperror`, sign with the server's timestamp and send once more (protocol page, 3).

    Raises OperatorError if there is no answer, or one that is not an envelope, or if the server's
    clock is off by more than a day."""
    envelope = _send(url, username, user_key, params, str(now()))
    if envelope.clock_mismatch:
        _require_near(shown_url(url), envelope.timestamp, now())
        envelope = _send(url, username, user_key, params, envelope.timestamp)
    return envelope


def _require_near(shown: str, timestamp: str, now: int) -> None:
    """Raise OperatorError for a time that is not to be signed."""
    if bounded(timestamp, now - MOST_CLOCK_SECONDS, now + MOST_CLOCK_SECONDS) is None:
        raise OperatorError(
            f"{shown} says that its clock differs from ours by more than a day. Nothing is signed "
            "with such a time. Check both clocks."
        )


def _send(
    url: str, username: str, user_key: str, params: Mapping[str, str], timestamp: str
) -> Envelope:
    signature = {
        "username": username,
        "timestamp": timestamp,
        "authcode": authcode_of(timestamp, user_key),
    }
    body = _post(url, urlencode({**params, **signature}, errors="surrogateescape").encode())
    try:
        fields = _json_fields(body) if params.get("returntype") == "json" else _xml_fields(body)
        return Envelope(
            body=body,
            result=str(fields["result"]),
            timestamp=str(fields["timestamp"]),
            clock_mismatch=fields.get("timestamperror") not in (None, "", "0", 0, False),
        )
    except (ValueError, KeyError, TypeError, RecursionError, etree.XMLSyntaxError):
        raise OperatorError(
            f"{shown_url(url)} did not answer with an envelope of the Boxis API. Check the address."
        ) from None


def _post(url: str, body: bytes) -> bytes:
    shown = shown_url(url)
    try:
        request = urllib.request.Request(url, data=body, method="POST")
        if request.type not in ("http", "https"):
            raise ValueError("only http:// and https://")
    except ValueError:
        raise OperatorError(
            f"{shown} cannot be used: only http:// and https:// URLs are. Check it."
        ) from None
    with Deadline(ANSWER_SECONDS) as deadline:
        try:
            with open_timed(request, TIMEOUT_SECONDS, deadline, redirects=True) as response:
                answer = _read(response)
        except urllib.error.HTTPError as refusal:
            answer = _read(refusal)  # any status may come with an envelope
        except (HTTPException, ValueError) as fault:
            kind = type(fault).__name__
            raise OperatorError(
                f"{shown} does not answer in HTTP ({kind}). Check the address."
            ) from None
        except OSError as problem:
            reason = getattr(problem, "reason", None) or problem
            raise OperatorError(f"{shown} does not answer: {reason}. Check the address.") from None
        if deadline.is_over:
            raise OperatorError(f"{shown} takes longer than {ANSWER_SECONDS} seconds. Try again.")
    return answer


def _read(response: IO[bytes]) -> bytes:
    """The whole body. Raises OperatorError if it breaks off, or is longer than ANSWER_OCTETS."""
    try:
        body = response.read(ANSWER_OCTETS + 1)
        if len(body) <= ANSWER_OCTETS and getattr(response, "length", None):
            raise HTTPException("fewer octets than Content-Length")
    except (HTTPException, OSError):
        raise OperatorError("The answer broke off before its end. Try again.") from None
    if len(body) > ANSWER_OCTETS:
        raise OperatorError(
            f"The answer is longer than {ANSWER_OCTETS >> 20} MB. Ask for less, with datefrom and "
            "dateto."
        )
    return body


def _json_fields(body: bytes) -> Mapping[str, Any]:
    fields = json.loads(body)
    if not isinstance(fields, dict):
        raise ValueError("not an object")
    return fields


def _xml_fields(body: bytes) -> Mapping[str, Any]:
    return {child.tag: child.text for child in etree.fromstring(body, _XML_PARSER)}
