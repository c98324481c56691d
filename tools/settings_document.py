"""Write the table of docs/settings.md: `python tools/settings_document.py`."""

from __future__ import annotations

import re
from pathlib import Path

from boxis_gateway.settings import settings_table

DOCUMENT = Path(__file__).parent.parent / "docs/settings.md"
TABLE = re.compile(r"^\| Variable \|.*?(?:\n(?!\|)|\Z)", re.DOTALL | re.MULTILINE)

if __name__ == "__main__":
    table = settings_table() + "\n"
    DOCUMENT.write_text(TABLE.sub(lambda match: table, DOCUMENT.read_text()))
