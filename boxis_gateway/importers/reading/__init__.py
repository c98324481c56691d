"""Readers that the formats share: source, lines, dates, columns, CSV, JSON, tables."""
