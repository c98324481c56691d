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

from boxis_gateway.authcode import authcode_of
from boxis_gateway.errors import OperatorError

TIMEOUT_SECONDS = 60
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

    Raises OperatorError if there is no answer, or one that is not an envelope."""
    envelope = _send(url, username, user_key, params, str(now()))
    if envelope.clock_mismatch:
        envelope = _send(url, username, user_key, params, envelope.timestamp)
    return envelope


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
            f"{url} did not answer with an envelope of the Boxis API. Check the address."
        ) from None


def _post(url: str, body: bytes) -> bytes:
    try:
        request = urllib.request.Request(url, data=body, method="POST")
        if request.type not in ("http", "https"):
            raise ValueError("only http:// and https://")
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
            return _read(response)
    except urllib.error.HTTPError as refusal:
        return _read(refusal)  # any status may come with an envelope
    except HTTPException as fault:
        kind = type(fault).__name__
        raise OperatorError(f"{url} does not answer in HTTP ({kind}). Check the address.") from None
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "reason", None) or problem
        raise OperatorError(f"{url} does not answer: {reason}. Check the address.") from None


def _read(response: IO[bytes]) -> bytes:
    """The whole body. Raises OperatorError if it breaks off."""
    try:
        return response.read()
    except (HTTPException, OSError):
        raise OperatorError("The answer broke off before its end. Try again.") from None


def _json_fields(body: bytes) -> Mapping[str, Any]:
    fields = json.loads(body)
    if not isinstance(fields, dict):
        raise ValueError("not an object")
    return fields


def _xml_fields(body: bytes) -> Mapping[str, Any]:
    return {child.tag: child.text for child in etree.fromstring(body, _XML_PARSER)}
