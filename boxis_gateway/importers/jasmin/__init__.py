"""`jasmin`: what Jasmin 0.6 to 0.11 leaves of its messages: messages.log (jasmin_log.py), or the
table submit_log of its example logger, in PostgreSQL or MySQL or dumped as CSV (jasmin_table.py).

Both know a message by the same id, which its clients know, too: a message that comes from both
comes in once. Jasmin's other logs (http-api.log, default-smpps_*.log) tell of messages on their way
in, not of what the SMSC said: they are no source.
"""

from __future__ import annotations

from collections.abc import Iterator

from boxis_gateway.errors import ImportFailed
from boxis_gateway.importers.jasmin.log import is_log, read_log
from boxis_gateway.importers.jasmin.table import is_dump, read_table
from boxis_gateway.importers.reading.lines import Line, ReadOptions
from boxis_gateway.importers.reading.source import Source
from boxis_gateway.importers.reading.tables import TABLE_SCHEMES

NAME = "jasmin"
ACCOUNT_FIELDS = ("cid", "uid")
URL_SCHEMES = TABLE_SCHEMES
LOCAL_TIMES = True


def matches(head: bytes) -> bool:
    """A line of the log among the first, or a header with the columns of the table."""
    return is_log(head) or is_dump(head)


def read(source: Source, options: ReadOptions) -> Iterator[Line]:
    """See importers/__init__.py. The account fields are the connector and, in the table, the
    user."""
    if source.url is not None or is_dump(source.head()):
        yield from read_table(source, options)
    elif options.account_field == "uid":
        raise ImportFailed(
            "The log names no uid. Import the table submit_log, or give --account-field cid."
        )
    else:
        yield from read_log(source, options)
