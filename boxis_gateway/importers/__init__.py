"""Import formats, one file or folder each: lines of a source -> messages.

Formats share the readers in reading/; tables of other programs are read by reading/tables/.

To add a format, write `importers/acme_log.py` with the names of `Importer`, add it to IMPORTERS,
and put a sample with its golden into `tests/imports/` (CONTRIBUTING.md has an example).
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
    """Interface of a format, implemented by a module."""

    NAME: str
    ACCOUNT_FIELDS: tuple[str, ...]  # fields that can hold the account key
    URL_SCHEMES: tuple[str, ...]  # of URLs that it reads
    LOCAL_TIMES: bool  # True if times have no zone, so that --timezone is required

    def matches(self, head: bytes) -> bool:
        """Return True if a file with this head, up to 64 KiB of whole lines, has the format."""

    def read(self, source: Source, options: ReadOptions) -> Iterator[Line]:
        """Yield the lines of the source in order; bad lines as BadLine.

        Raises ImportFailed if the source as a whole is unusable, such as a CSV without the
        required columns, or damaged."""


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
    """Return the importer of that name, or else the only one that matches the source.

    Raises ImportFailed if none or several match."""
    if source.url is not None:
        return _for_url(name, source.url)
    if name is not None:
        return IMPORTERS[name]
    head = source.head()
    matching = [importer for importer in IMPORTERS.values() if importer.matches(head)]
    if not matching:
        raise ImportFailed(
            f"The file format is not recognised. Name it with --format: {', '.join(IMPORTERS)}."
        )
    if len(matching) > 1:
        names = " or ".join(importer.NAME for importer in matching)
        raise ImportFailed(f"The file format can be {names}. Name it with --format.")
    return matching[0]


def _for_url(name: str | None, url: str) -> Importer:
    scheme = url.partition(":")[0]
    names = [importer.NAME for importer in IMPORTERS.values() if scheme in importer.URL_SCHEMES]
    if name in names:
        return IMPORTERS[name]
    if not names:
        raise ImportFailed(f"No format can be imported from a {scheme}: URL.")
    raise ImportFailed(f"Name the format of the URL with --format: {' or '.join(names)}.")
