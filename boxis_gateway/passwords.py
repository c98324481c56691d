"""Passwords of employees: Argon2id, at the least cost that OWASP recommends (19 MiB, two passes).

One check takes some 20 ms of a server process, which answers others in the meantime with nothing;
guessing is held up by counting (rest_api/auth.py), not by cost alone.
"""

from __future__ import annotations

import secrets
from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST = 8
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


def hash_password(password: str) -> str:
    """What is kept of a password."""
    return _HASHER.hash(password.encode("utf-8", "surrogatepass"))


def is_right(password_hash: str | None, password: str) -> bool:
    """Whether that is the password; as long in coming if there is none."""
    try:
        _HASHER.verify(password_hash or _nobodys(), password.encode("utf-8", "surrogatepass"))
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None


@lru_cache(maxsize=1)
def _nobodys() -> str:
    return hash_password(secrets.token_hex())
