"""Encryption of user keys at rest: the key file, the vault, the keys in the store."""
