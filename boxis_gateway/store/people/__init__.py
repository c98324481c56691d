"""Accounts and customers, employees and their tokens, phone books."""
