"""Reading and importing files."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

from boxis_gateway.importers import IMPORTERS
from boxis_gateway.importers.reading.lines import GoodLine, Line, ReadOptions
from boxis_gateway.importers.reading.source import Source
from boxis_gateway.importing import AccountMap, Summary, run_import
from boxis_gateway.model import Account, NewMessage
from boxis_gateway.settings import Settings
from boxis_gateway.store import Store
from boxis_gateway.zones import find_zone

UTC = ReadOptions(find_zone("UTC"))
SERVER = Settings()


def read_lines(name: str, content: bytes, options: ReadOptions = UTC) -> list[Line]:
    """The lines of a file in the format of that name."""
    return list(IMPORTERS[name].read(Source(BytesIO(content)), options))


def messages(lines: list[Line]) -> list[NewMessage]:
    """The messages of the good lines."""
    return [line.message for line in lines if isinstance(line, GoodLine)]


def import_file(
    store: Store,
    account: Account,
    location: Path | str,
    options: ReadOptions = UTC,
    settings: Settings = SERVER,
    **how: Any,
) -> Summary:
    """Import a file or URL for one account; see `run_import`."""
    return run_import(location, AccountMap(store, account, {}, settings=settings), options, **how)
