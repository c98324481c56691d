"""Figures: the sizes that SECURITY.md names, measured."""
