"""Encryption of user keys at rest. Read vault.py, key_file.py, user_keys.py."""
