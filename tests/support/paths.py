"""Folders that tests read."""

from pathlib import Path

PROJECT = Path(__file__).parents[2]
IMPORTS = PROJECT / "tests/imports"
DOCUMENTED = PROJECT / "tests/documented"
