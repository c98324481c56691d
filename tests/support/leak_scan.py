"""What a run of the tests must not say by the side: no log line, error answer, metric or complaint
on stderr holds a key, password, token, authcode, text or number that was used in the run.

`watch()` listens where secrets are made or come in, and where servers and commands say something.
The fixture `nothing_leaks` (conftest.py) compares when the last test is over, in each process of
pytest's. What is there to show secrets is not looked at: the stdout of commands (`account add` says
the key, `history` and `export` are data), and answers that are no failures.
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

LEAST = 8  # characters that a leak has in common with the secret, at its beginning
LEAST_DIGITS = 11  # of a number; shorter ones of generated tests are found in any figure
LEAST_WORDS = 12  # characters of a text
MESSAGES_NOTED = 100  # of a batch
PUBLIC = ("password", "anna@example.com", "(none)")  # words of ours, which tests also type
TABLES = (("submission", "text"), ("message", "recipient"), ("message", "sender"))

SECRETS: dict[str, str] = {}
"""Secret, in lower case -> what it is."""
SAID: dict[str, str] = {}
"""Line, in lower case -> where it was said."""


def secret(kind: str, text: object) -> None:
    """From now on this must not be said."""
    plain = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    if len(plain) >= LEAST and plain not in PUBLIC:
        SECRETS.setdefault(plain.lower(), kind)


def address(text: str | None) -> None:
    """A number that must not be said; what is none may be anything."""
    digits = (text or "").removeprefix("+")
    if len(digits) >= LEAST_DIGITS and digits.isascii() and digits.isdigit():
        secret("number", digits)


def words(text: str | None) -> None:
    """The text of a message, if it is more than a word that may stand anywhere."""
    if text and len(text) >= LEAST_WORDS and " " in text.strip() and len(set(text)) > LEAST:
        secret("text", text)


def said(where: str, text: str | bytes | None) -> None:
    """Something that was said in the run."""
    plain = text.decode("utf-8", "replace") if isinstance(text, bytes) else text or ""
    test = os.environ.get("PYTEST_CURRENT_TEST", "").partition(" ")[0]
    for line in plain.lower().splitlines():
        SAID.setdefault(line, f"{where} of {test}")


def leaks() -> list[str]:
    """What was said of the secrets, and where."""
    by_beginning: dict[str, list[str]] = defaultdict(list)
    for one in SECRETS:
        by_beginning[one[:LEAST]].append(one)
    return [
        f"{SECRETS[one]} {one!r} in {where}: {line!r}"
        for line, where in SAID.items()
        for place in range(len(line) - LEAST + 1)
        for one in by_beginning.get(line[place : place + LEAST], ())
        if line.startswith(one, place)
    ]


def note_store(stores: Stores, path: Path) -> None:
    """What a store holds that another process filled."""
    with suppress(stores.error), closing(stores.another(path)) as store:  # some are broken
        for table, column in TABLES:
            for (text,) in store.execute(f"SELECT DISTINCT {column} FROM {table} LIMIT 1000"):
                (words if column == "text" else address)(text)


def watch() -> None:
    """Listen, for the rest of this process."""
    _before(Accounts, "add", lambda _, name, key, *rest, **more: secret("user key", key))
    _before(Accounts, "set_user_key", lambda _, account, key: secret("user key", key))
    _before(Additions, "add", lambda _, account, messages: _note_messages(messages))
    _before(PasswordHasher, "hash", lambda _, password: secret("password", password))
    _before(PasswordHasher, "verify", lambda _, digest, password: secret("password", password))
    _before(Fernet, "__init__", lambda _, key, *rest: secret("secret key", key))
    authcode.hashlib = SimpleNamespace(md5=_noted_md5)  # type: ignore[attr-defined]
    auth.secrets = SimpleNamespace(token_hex=_noted_token)  # type: ignore[attr-defined]
    _after(FlaskClient, "open", _note_answer)
    _after(requests.Session, "send", _note_response)
    _after(subprocess.Popen, "communicate", _note_complaints)
    logging.getLogger().addHandler(_Lines())
    logging.getLogger("boxis_gateway").setLevel(logging.DEBUG)


def _note_messages(messages: Any) -> None:
    for _, message in messages[:MESSAGES_NOTED]:
        words(message.text)
        address(message.recipient)
        address(message.sender)


def _noted_md5(data: bytes, **options: bool) -> Any:
    digest = hashlib.md5(data, **options)
    secret("authcode", digest.hexdigest())
    return digest


def _noted_token(octets: int) -> str:
    token = secrets.token_hex(octets)
    secret("token", token)
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
            secret(name, value)


def _note_body(status: int, body: bytes) -> None:
    if status >= 400 or b"<result>0" in body[:200] or body.startswith(b'{"result":"0"'):
        said("an error answer", body)
    elif body.startswith(b'{"token":"'):
        secret("token", body.split(b'"')[3])


def _note_complaints(process: subprocess.Popen[Any], outputs: Any) -> None:
    if "boxis" in str(process.args):
        said("stderr", outputs[1])


class _Lines(logging.Handler):
    """Log records, as the product would write them."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith("boxis_gateway"):
            said("the log", logging.Formatter().format(record))


def _before(owner: Any, name: str, note: Callable[..., None]) -> None:
    """Tell of each call what it is given."""
    original = getattr(owner, name)

    def noted(*args: Any, **named: Any) -> Any:
        note(*args, **named)
        return original(*args, **named)

    setattr(owner, name, noted)


def _after(owner: Any, name: str, note: Callable[[Any, Any], None]) -> None:
    """Tell of each call what comes back."""
    original = getattr(owner, name)

    def noted(self: Any, *args: Any, **named: Any) -> Any:
        answer = original(self, *args, **named)
        note(self, answer)
        return answer

    setattr(owner, name, noted)
