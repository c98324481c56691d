"""Readers that formats share: source, lines, dates, columns, CSV, JSON, tables."""
