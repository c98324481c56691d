"""The gateway with one more action of the form API, `write` of the section `bench`.

A request inserts `rows` rows (one by default) of its `number` into the table `benchmark_write` of
the store. BENCHMARK_FLUSH_SECONDS makes each flush of SQLite wait; with BENCHMARK_GROUP_WRITES a
transaction has at most so many writes.
"""

from __future__ import annotations

import os

from marshmallow import Schema, fields

from boxis_gateway.commands.serve import run
from boxis_gateway.form_api.action import ActionCall, action, table
from boxis_gateway.form_api.actions import ACTIONS
from boxis_gateway.form_api.results import Params, Success
from boxis_gateway.settings import load_settings
from boxis_gateway.store import writer

INSERT = "INSERT INTO benchmark_write (number, part) VALUES (?, ?)"


class WriteParams(Schema):
    """Parameters of `write`."""

    number = fields.Integer(load_default=0)
    rows = fields.Integer(load_default=1)


@action("bench", "write", params=WriteParams, cached_params=256, writes=True)
def write(call: ActionCall) -> Success:
    """The number."""
    number = call.params["number"]
    for part in range(call.params["rows"]):
        call.store.database.execute_sql(INSERT, (number, part))
    return Success(Params({"number": number}))


def main() -> None:
    """Serve until SIGTERM."""
    if seconds := os.environ.get("BENCHMARK_FLUSH_SECONDS"):
        from benchmarks.peers.slow_flush import SlowFlush

        vfs = SlowFlush(float(seconds))  # noqa: F841  # it is registered while it lives
    if writes := os.environ.get("BENCHMARK_GROUP_WRITES"):
        writer.GROUP_WRITES = int(writes)
    run(load_settings(), {**ACTIONS, **table([write])})


if __name__ == "__main__":
    main()
