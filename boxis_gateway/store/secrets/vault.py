"""What must be readable, but by us alone: Fernet tokens (AES-128 in CBC mode with HMAC-SHA256)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from boxis_gateway.errors import StoreError
from boxis_gateway.store.secrets.key_file import REMEDY, Keys


class Vault:
    """Seals texts with the first of the keys, opens them with any.

    The keys are read anew where those of before do not open a text, so that a server goes on
    through a rotation; and for each text to seal, which is seldom and must be with the newest."""

    def __init__(self, keys: Keys) -> None:
        self.keys = keys
        self._ring: MultiFernet | None = None

    def seal(self, text: str) -> str:
        """The text, encrypted. Raises StoreError without a key."""
        return self._read().encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        """The text. Raises StoreError without the key that it was sealed with."""
        for ring in self._rings():
            with suppress(InvalidToken):
                return ring.decrypt(sealed.encode()).decode()
        raise StoreError(f"The keys in {self.keys.location} are not those of the store. {REMEDY}")

    def opens(self, sealed: str) -> bool:
        """Whether one of the keys is right. Raises StoreError without any."""
        return any(_opened_by(ring, sealed) for ring in self._rings())

    def make_key(self) -> None:
        """A key, if there is neither a file nor a variable with one. Raises StoreError."""
        self.keys.make(_new_key())

    def renew(self, sealed: str) -> None:
        """Have a first key other than the one that this was sealed with: a new one, unless the
        operator, or a rotation that was killed, has put one there. Raises StoreError."""
        self.make_key()
        if not self.keys.in_environment and self.is_by_first(sealed):
            self.keys.put_first(_new_key())

    def is_by_first(self, sealed: str) -> bool:
        """Whether the first key opens it. Raises StoreError without any."""
        return _opened_by(_fernets(self.keys)[0], sealed)

    def _rings(self) -> Iterator[MultiFernet]:
        if self._ring:
            yield self._ring
        yield self._read()

    def _read(self) -> MultiFernet:
        self._ring = MultiFernet(_fernets(self.keys))
        return self._ring


def _fernets(keys: Keys) -> list[Fernet]:
    fernets = []
    for number, key in enumerate(keys.read(), 1):
        try:
            fernets.append(Fernet(key))
        except ValueError:
            raise StoreError(
                f"Key {number} in {keys.location} is not valid: expected 44 characters, 32 octets "
                "in URL-safe Base64. Correct it, or remove it."
            ) from None
    return fernets


def _opened_by(fernet: Fernet | MultiFernet, sealed: str) -> bool:
    try:
        fernet.decrypt(sealed.encode())
    except InvalidToken:
        return False
    return True


def _new_key() -> str:
    return Fernet.generate_key().decode()
