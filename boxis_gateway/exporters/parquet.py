"""`parquet`: typed columns for pandas, DuckDB, Spark and others.

It needs pyarrow. Each row group is written when it is full, so that only one is in memory. Writing
one takes pyarrow a tenth of a second, in a thread, so that a server can serve other requests
meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from decimal import Decimal
from typing import Any

from boxis_gateway.errors import OperatorError
from boxis_gateway.export_columns import EXPORT_COLUMNS, ColumnKind
from boxis_gateway.exporters.columns import RowBatches, cached, convert

NAME = "parquet"
CONTENT_TYPE = "application/vnd.apache.parquet"
IS_TEXT = False
GROUP_ROWS = 50_000
PAUSE_SECONDS = 0.002  # between two checks whether a row group is written


def encode(batches: RowBatches) -> Iterator[bytes]:
    """Encode as `Exporter` describes. Raises OperatorError without pyarrow."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise OperatorError(
            "Parquet files need pyarrow. Run: pip install 'boxis-gateway[parquet]'"
        ) from None
    return _encode(batches, pyarrow)


def _encode(batches: RowBatches, pa: Any) -> Iterator[bytes]:
    schema = pa.schema([(name, _type(kind, pa)) for name, kind in EXPORT_COLUMNS.items()])
    sink = _Sink()
    with (
        pa.parquet.ParquetWriter(pa.PythonFile(sink, mode="w"), schema) as file,
        ThreadPoolExecutor(1) as thread,  # joined before the file is closed
    ):
        for group in _groups(batches, schema, pa):
            writing = thread.submit(file.write_table, group) if group else None
            while writing and not wait((writing,), PAUSE_SECONDS).done:
                yield b""
            if writing:
                writing.result()
            yield sink.take()
    yield sink.take()


def _groups(batches: RowBatches, schema: Any, pa: Any) -> Iterator[Any]:
    """Tables of at least GROUP_ROWS rows; None after a batch that does not fill one."""
    waiting: list[Any] = []
    for rows in batches:
        if rows:
            waiting.append(_batch(rows, schema, pa))
        full = sum(map(len, waiting)) >= GROUP_ROWS
        yield pa.Table.from_batches(waiting) if full else None
        waiting = [] if full else waiting
    if waiting:
        yield pa.Table.from_batches(waiting)


class _Sink:
    """Output file whose content is taken out while it is written."""

    closed = False

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._position = 0

    def write(self, piece: Any) -> int:
        self._pieces.append(bytes(piece))
        self._position += len(self._pieces[-1])
        return len(self._pieces[-1])

    def tell(self) -> int:
        return self._position

    def flush(self) -> None:
        pass

    def take(self) -> bytes:
        piece = b"".join(self._pieces)
        self._pieces.clear()
        return piece


def _batch(rows: Any, schema: Any, pa: Any) -> Any:
    columns = [
        pa.array(column, pa.string()).cast(pa.timestamp("ms")).cast(field.type)
        if pa.types.is_timestamp(field.type)
        else pa.array(column, field.type)
        for field, column in zip(schema, convert(rows, _CONVERSIONS), strict=True)
    ]
    return pa.record_batch(columns, schema=schema)


def _decimal(places: int) -> Any:
    return cached(lambda number: None if number is None else Decimal(number).scaleb(-places))


_CONVERSIONS = {
    ColumnKind.CREDIT: _decimal(3),
    ColumnKind.MONEY: _decimal(6),
    ColumnKind.FLAG: cached(bool),
}


def _type(kind: ColumnKind, pa: Any) -> Any:
    return {
        ColumnKind.INSTANT: pa.timestamp("ms", "UTC"),
        ColumnKind.COUNT: pa.int32(),
        ColumnKind.CREDIT: pa.decimal128(18, 3),
        ColumnKind.MONEY: pa.decimal128(18, 6),
        ColumnKind.FLAG: pa.bool_(),
    }.get(kind, pa.string())
