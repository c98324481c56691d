"""Export formats, one file each: rows of messages -> pieces of a file; no database.

A row has a value for each column of message_files.py, as the store keeps it. To add a format, write
`exporters/acme.py` with `NAME`, `CONTENT_TYPE` and `written()`, and name it here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from boxis_gateway.exporters import csv_table, json_lines, parquet
from boxis_gateway.exporters.columns import Batches


class Exporter(Protocol):
    """What a format offers; a module with these names is enough."""

    NAME: str  # also what names of such files end with
    CONTENT_TYPE: str
    IS_TEXT: bool  # whether it may be printed

    def written(self, batches: Batches) -> Iterator[bytes]:
        """The file in pieces, one or more for each batch; a piece may be empty. Raises
        OperatorError at the call if this installation cannot write such files."""


EXPORTERS: dict[str, Exporter] = {
    module.NAME: module for module in (csv_table, json_lines, parquet)
}
