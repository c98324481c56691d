"""Results of handlers; the renderers turn them into XML or JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from boxis_gateway.store import RowStream

Columns = Sequence[Sequence[str | int]]
"""A batch of rows by column: one sequence of values per field, all of one length, so that a
renderer can check a thousand values at once (renderers/columns.py)."""


@dataclass(frozen=True)
class Rows:
    """A list whose members are numbered from 1: `sms1`, `sms2`, … with the given fields, or without
    fields the values of the only column: `sender1`, `sender2`, …

    `start()` runs the query. `names` are the list's containers, `names_in` those of formats that
    differ. Values of `plain` fields need no escaping in any format: ASCII digits, dates, fixed
    words."""

    item: str
    fields: Sequence[str]
    start: Callable[[], RowStream[Columns]]
    names: Sequence[str]
    names_in: Mapping[str, Sequence[str]] = field(default_factory=dict)
    plain: frozenset[str] = frozenset()

    def names_for(self, format_name: str) -> Sequence[str]:
        """Containers in an output format."""
        return self.names_in.get(format_name, self.names)

    def open(self, format_name: str) -> OpenRows:
        """Run the query, once for each container of an output format, so that they have the same
        rows."""
        containers: list[tuple[str, RowStream[Columns]]] = []
        opened = OpenRows(self, containers)
        try:
            for name in self.names_for(format_name):
                containers.append((name, self.start()))
        except BaseException:
            opened.close()  # else the next request reads in the transaction of the first query
            raise
        return opened


@dataclass
class OpenRows:
    """Rows whose queries have run: each container's name and batches. `close` also releases the
    slot of a stream."""

    rows: Rows
    containers: Sequence[tuple[str, RowStream[Columns]]]
    release_slot: Callable[[], object] = bool

    @property
    def is_long(self) -> bool:
        """True if the answer is streamed."""
        return any(batches.is_long for _, batches in self.containers)

    def detach(self) -> None:
        """Keep the queries' connections until `close`."""
        for _, batches in self.containers:
            batches.detach()

    def close(self) -> None:
        """End the queries, and the stream if there is one."""
        for _, batches in self.containers:
            batches.close()
        self.release_slot()


@dataclass(frozen=True)
class Params:
    """Single values inside `params`. In JSON, integers are numbers and texts are strings (protocol
    page, section 5)."""

    values: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True)
class Success:
    """`result` 1, `resulttxt` success, and the payload; Rows are opened to be rendered."""

    payload: Rows | OpenRows | Params


@dataclass(frozen=True)
class Failure:
    """`result` 0 and the description of the error (protocol page, section 7)."""

    description: str
    clock_mismatch: bool = False


Result = Success | Failure
