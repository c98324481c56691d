"""Export formats, one file each: rows of messages -> pieces of a file.

A row has a value for each of EXPORT_COLUMNS (export_columns.py), as stored. To add a format, write
`exporters/acme.py` with the names of `Exporter` and add it to EXPORTERS.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from boxis_gateway.exporters import csv_table, json_lines, parquet
from boxis_gateway.exporters.columns import RowBatches


class Exporter(Protocol):
    """Interface of an export format, implemented by a module."""

    NAME: str  # also the file extension
    CONTENT_TYPE: str
    IS_TEXT: bool  # True if it may be printed on a terminal

    def encode(self, batches: RowBatches) -> Iterator[bytes]:
        """Encode a file, piece by piece: one or more for each batch, possibly empty.

        Raises OperatorError at the call if a library is missing."""


EXPORTERS: dict[str, Exporter] = {
    module.NAME: module for module in (csv_table, json_lines, parquet)
}
