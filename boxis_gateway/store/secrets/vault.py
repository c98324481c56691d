"""Vault: encrypts texts as Fernet tokens (AES-128-CBC with HMAC-SHA256)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from boxis_gateway.errors import StoreError
from boxis_gateway.store.secrets.key_file import REMEDY, Keys


class Vault:
    """Encrypts texts with the first key, decrypts them with any.

    Keys are read again if the known ones don't open a text, so that a server survives a rotation;
    and for each text to encrypt, which is rare and needs the newest."""

    def __init__(self, keys: Keys) -> None:
        self.keys = keys
        self._ring: MultiFernet | None = None

    def seal(self, text: str) -> str:
        """The text, encrypted. Raises StoreError without a key."""
        return self._read().encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        """The text, decrypted. Raises StoreError without its key."""
        for ring in self._rings():
            with suppress(InvalidToken):
                return ring.decrypt(sealed.encode()).decode()
        raise StoreError(f"The keys in {self.keys.location} are not those of the store. {REMEDY}")

    def opens(self, sealed: str) -> bool:
        """True if one of the keys opens the text. Raises StoreError without keys."""
        return any(_opened_by(ring, sealed) for ring in self._rings())

    def make_key(self) -> None:
        """Make a key, unless there is one in the file or the environment. Raises StoreError."""
        self.keys.make(_new_key())

    def renew(self, sealed: str) -> None:
        """Make sure that the first key is not the one of this text: insert a new one, unless the
        operator or a killed rotation has done so. Raises StoreError."""
        self.make_key()
        if not self.keys.in_environment and self.is_sealed_with_first(sealed):
            self.keys.put_first(_new_key())

    def is_sealed_with_first(self, sealed: str) -> bool:
        """True if the first key opens the text. Raises StoreError without keys."""
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
