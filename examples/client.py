"""Show the history of an account. An example to start from: it needs nothing but Python.

    python examples/client.py URL USERNAME USER_KEY [DATEFROM [DATETO]]
    python examples/client.py http://127.0.0.1:8080/ anna@example.com - "2012-05-09 10:00"

A USER_KEY of - is read from the environment variable BOXIS_GATEWAY_USER_KEY, since other users of
the machine can see the arguments of a program. Dates are yyyy-mm-dd hh:mm, seconds if you like, in
the time zone of the account.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import sys
import time
import urllib.parse
import urllib.request
import xml.etree.ElementTree as ET

TIMEOUT_SECONDS = 60


def call(url: str, username: str, user_key: str, params: dict[str, str]) -> ET.Element:
    """Sign and send one request; return the `<return>` element of the answer."""
    answer = send(url, username, user_key, params, str(int(time.time())))
    if answer.findtext("timestamperror") not in (None, "", "0"):
        # Our clock is off. Sign once more with the server's time, which is in the answer.
        server_time = answer.findtext("timestamp", "")
        answer = send(url, username, user_key, params, server_time)
    return answer


def send(
    url: str, username: str, user_key: str, params: dict[str, str], timestamp: str
) -> ET.Element:
    """Send one request with this timestamp. Raises OSError, HTTPException or ParseError."""
    authcode = hashlib.md5((timestamp + user_key).encode()).hexdigest()
    signature = {"username": username, "timestamp": timestamp, "authcode": authcode}
    form = {"version": "1.0", "section": "sms", "returntype": "xml", **params, **signature}
    body = urllib.parse.urlencode(form).encode()
    with urllib.request.urlopen(url, body, TIMEOUT_SECONDS) as response:
        return ET.fromstring(response.read())


def print_table(rows: list[ET.Element]) -> None:
    """Print one line per message, under the wire's field names (with `reciptient`)."""
    lines = [[field.tag for field in rows[0]], *([field.text or "" for field in r] for r in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        print("  ".join(map(str.ljust, line, widths)).rstrip())


def main(arguments: list[str]) -> str | None:
    """Show the history; returns an error message, or None."""
    if not 3 <= len(arguments) <= 5:
        return (__doc__ or "").strip()
    url, username, user_key, *dates = arguments
    if user_key == "-":
        user_key = os.environ.get("BOXIS_GATEWAY_USER_KEY", "")
    params = {"action": "getHistory", **dict(zip(("datefrom", "dateto"), dates, strict=False))}
    try:
        answer = call(url, username, user_key, params)
    except (OSError, http.client.HTTPException, ET.ParseError, ValueError) as problem:
        return f"No usable answer from {url}: {problem}"
    if answer.findtext("result") != "1":
        return answer.findtext("resulttxt", "an answer without a result")
    rows = answer.findall("history/*")
    if rows:
        print_table(rows)
    else:
        print("There are no messages.")
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
