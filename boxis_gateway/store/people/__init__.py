"""Customers with their accounts, employees, tokens and contacts."""
