"""Scan of the whole run for leaks: no log line, error answer, metric or complaint on stderr holds a
key, password, token, authcode, text or number that was used in the run.

`install()` hooks into the places where secrets are made or come in, and where servers and commands
write something. The fixture `nothing_leaks` (conftest.py) compares after the last test, in each
process of pytest. Output whose job is to show secrets is left out: the stdout of commands
(`account add` shows the key, `history` and `export` are data), and answers that are no failures.
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import subprocess
from collections import defaultdict
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from argon2 import PasswordHasher
from cryptography.fernet import Fernet
from flask.testing import FlaskClient

from boxis_gateway import authcode
from boxis_gateway.rest_api import auth
from boxis_gateway.store.ingest.additions import Additions
from boxis_gateway.store.people.accounts import Accounts
from tests.support.stores import Stores

MIN_LENGTH = 8  # characters at the beginning of a secret that make a leak
MIN_DIGITS = 11  # of a number; shorter ones of generated tests occur in any figure
MIN_TEXT = 12  # characters of a text
MAX_MESSAGES = 100  # noted of a batch
PUBLIC = ("password", "anna@example.com", "(none)", "a short code")  # also words of ours
TABLES = (("submission", "text"), ("message", "recipient"), ("message", "sender"))

SECRETS: dict[str, str] = {}
"""Secret in lower case -> its kind."""
OUTPUT: dict[str, str] = {}
"""Line in lower case -> where it was written."""


def note_secret(kind: str, text: object) -> None:
    """Note a text that must not appear from now on."""
    plain = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    if len(plain) >= MIN_LENGTH and plain not in PUBLIC:
        SECRETS.setdefault(plain.lower(), kind)


def note_number(text: str | None) -> None:
    """Note a phone number; other texts are ignored."""
    digits = (text or "").removeprefix("+")
    if len(digits) >= MIN_DIGITS and digits.isascii() and digits.isdigit():
        note_secret("number", digits)


def note_text(text: str | None) -> None:
    """Note the text of a message, unless it is a single word that may stand anywhere."""
    if text and len(text) >= MIN_TEXT and " " in text.strip() and len(set(text)) > MIN_LENGTH:
        note_secret("text", text)


def note_output(where: str, text: str | bytes | None) -> None:
    """Note something that the run has written."""
    plain = text.decode("utf-8", "replace") if isinstance(text, bytes) else text or ""
    test = os.environ.get("PYTEST_CURRENT_TEST", "").partition(" ")[0]
    for line in plain.lower().splitlines():
        OUTPUT.setdefault(line, f"{where} of {test}")


def find_leaks() -> list[str]:
    """Secrets that were written, and where."""
    by_beginning: dict[str, list[str]] = defaultdict(list)
    for secret in SECRETS:
        by_beginning[secret[:MIN_LENGTH]].append(secret)
    return [
        f"{SECRETS[secret]} {secret!r} in {where}: {line!r}"
        for line, where in OUTPUT.items()
        for start in range(len(line) - MIN_LENGTH + 1)
        for secret in by_beginning.get(line[start : start + MIN_LENGTH], ())
        if line.startswith(secret, start)
    ]


def note_store(stores: Stores, path: Path) -> None:
    """Note the texts and numbers of a store that another process filled."""
    with (
        suppress(stores.error),
        closing(stores.foreign_connection(path)) as store,
    ):  # some are broken
        for table, column in TABLES:
            for (text,) in store.execute(f"SELECT DISTINCT {column} FROM {table} LIMIT 1000"):
                (note_text if column == "text" else note_number)(text)


def install() -> None:
    """Hook in, for the rest of this process."""
    _observe(Accounts, "add", lambda _, name, key, *rest, **more: note_secret("user key", key))
    _observe(Accounts, "set_user_key", lambda _, account, key: note_secret("user key", key))
    _observe(Additions, "add", lambda _, account, messages, **more: _note_messages(messages))
    _observe(PasswordHasher, "hash", lambda _, password: note_secret("password", password))
    _observe(
        PasswordHasher, "verify", lambda _, digest, password: note_secret("password", password)
    )
    _observe(Fernet, "__init__", lambda _, key, *rest: note_secret("secret key", key))
    authcode.hashlib = SimpleNamespace(md5=_observed_md5)  # type: ignore[attr-defined]
    auth.secrets = SimpleNamespace(token_hex=_observed_token)  # type: ignore[attr-defined]
    _observe(FlaskClient, "open", after=_note_answer)
    _observe(requests.Session, "send", after=_note_response)
    _observe(subprocess.Popen, "communicate", after=_note_complaints)
    logging.getLogger().addHandler(_LogLines())
    logging.getLogger("boxis_gateway").setLevel(logging.DEBUG)


def _note_messages(messages: Any) -> None:
    for _, message in messages[:MAX_MESSAGES]:
        note_text(message.text)
        note_number(message.recipient)
        note_number(message.sender)


def _observed_md5(data: bytes, **options: bool) -> Any:
    digest = hashlib.md5(data, **options)
    note_secret("authcode", digest.hexdigest())
    return digest


def _observed_token(octets: int) -> str:
    token = secrets.token_hex(octets)
    note_secret("token", token)
    return token


def _note_answer(client: FlaskClient, answer: Any) -> None:
    if answer.content_length is not None:  # one that streams is no failure, and read by its test
        _note_body(answer.status_code, answer.data)


def _note_response(session: requests.Session, answer: requests.Response) -> None:
    for sent in (urlsplit(answer.request.url).query, answer.request.body):
        _note_sent(sent.decode("latin-1") if isinstance(sent, bytes) else sent or "")
    if "Content-Length" in answer.headers:
        _note_body(answer.status_code, answer.content)


def _note_sent(form: Any) -> None:
    fields = parse_qs(str(form))
    for name in ("token", "authcode", "password"):
        for value in fields.get(name, ()):
            note_secret(name, value)


def _note_body(status: int, body: bytes) -> None:
    if status >= 400 or b"<result>0" in body[:200] or body.startswith(b'{"result":"0"'):
        note_output("an error answer", body)
    elif body.startswith(b'{"token":"'):
        note_secret("token", body.split(b'"')[3])


def _note_complaints(process: subprocess.Popen[Any], outputs: Any) -> None:
    if "boxis" in str(process.args):
        note_output("stderr", outputs[1])


class _LogLines(logging.Handler):
    """Notes log records, formatted as in production."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith("boxis_gateway"):
            note_output("the log", logging.Formatter().format(record))


def _observe(
    owner: Any,
    name: str,
    before: Callable[..., object] = lambda *args, **named: None,
    after: Callable[[Any, Any], object] = lambda owner, answer: None,
) -> None:
    """Call `before` with the arguments of each call, and `after` with its object and result."""
    original = getattr(owner, name)

    def observed(*args: Any, **named: Any) -> Any:
        before(*args, **named)
        answer = original(*args, **named)
        after(args[0], answer)
        return answer

    setattr(owner, name, observed)
