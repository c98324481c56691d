"""Encryption of user keys at rest. Start with vault.py."""
