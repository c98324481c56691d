"""Import formats, one file each: lines of a file -> messages or bad lines; no store.

What other programs keep in tables comes as rows, from a file or over a network: see tables/.

To add one, write `importers/acme_log.py` with `NAME`, `ACCOUNT_FIELDS`, `matches()` and
`read()`, name it here, and put a sample beside its golden into `tests/imports/` (CONTRIBUTING.md
has an example).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from boxis_gateway.errors import ImportFailed
from boxis_gateway.importers import (
    boxis,
    csv_table,
    gammu,
    jasmin,
    json_lines,
    kannel_log,
    playsms,
    smsbackup,
    telecomx,
    twilio,
)
from boxis_gateway.importers.reading.lines import Line, ReadOptions
from boxis_gateway.importers.reading.source import Source


class Importer(Protocol):
    """What a format offers; a module with these names is enough."""

    NAME: str
    ACCOUNT_FIELDS: tuple[str, ...]  # fields that can tell whose message it is
    URL_SCHEMES: tuple[str, ...]  # of addresses that it can read, if any
    LOCAL_TIMES: bool  # whether its times have no zone, so that one must be given

    def matches(self, head: bytes) -> bool:
        """Whether a file that begins like this is of the format. `head` is whole lines, up to
        64 KiB of them."""

    def read(self, source: Source, options: ReadOptions) -> Iterator[Line]:
        """What the source holds, in its order. Never raises for a bad line. Raises ImportFailed
        if the source cannot be read at all (a CSV without the columns, say)."""


IMPORTERS: dict[str, Importer] = {
    module.NAME: module
    for module in (
        kannel_log,
        csv_table,
        json_lines,
        gammu,
        playsms,
        jasmin,
        twilio,
        smsbackup,
        boxis,
        telecomx,
    )
}


def find_importer(name: str | None, source: Source) -> Importer:
    """The importer of that name, or the one that knows the file by its head.

    Raises ImportFailed if none does, or more than one."""
    if source.url is not None:
        return _for_address(name, source.url)
    if name is not None:
        return IMPORTERS[name]
    head = source.head()
    found = [importer for importer in IMPORTERS.values() if importer.matches(head)]
    if not found:
        raise ImportFailed(
            f"The file is of no known format. Name one with --format: {', '.join(IMPORTERS)}."
        )
    if len(found) > 1:
        names = " and ".join(importer.NAME for importer in found)
        raise ImportFailed(f"The file could be {names}. Say which with --format.")
    return found[0]


def _for_address(name: str | None, url: str) -> Importer:
    scheme = url.partition(":")[0]
    able = [one.NAME for one in IMPORTERS.values() if scheme in one.URL_SCHEMES]
    if name in able:
        return IMPORTERS[name]
    if not able:
        raise ImportFailed(f"Nothing can be imported from a {scheme}: address.")
    raise ImportFailed(f"Say with --format what is at the address: {' or '.join(able)}.")
