"""Passwords of employees: Argon2id with OWASP's minimum cost.

That is 19 MiB and two passes, or about 20 ms. A server process checks one password at a time, on a
thread of its own (store/writer.py); lockouts (limiting/lockouts.py) protect against guessing, too.
"""

from __future__ import annotations

import secrets
from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

MIN_LENGTH, MAX_LENGTH = 8, 254
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


def hash_password(password: str) -> str:
    """Hash a password for the store."""
    return _HASHER.hash(password.encode("utf-8", "surrogatepass"))


def verify_password(password_hash: str | None, password: str) -> bool:
    """True if the password is right; takes as long without a hash, to hide unknown user names."""
    try:
        _HASHER.verify(password_hash or _dummy_hash(), password.encode("utf-8", "surrogatepass"))
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None


@lru_cache(maxsize=1)
def _dummy_hash() -> str:
    return hash_password(secrets.token_hex())
