"""Readers shared by formats: lines, dates, columns, CSV, JSON, tables."""
