"""`jasmin`: messages.log or table submit_log of Jasmin 0.6 to 0.11.

log.py reads the log; table.py reads the table that Jasmin's example logger writes, in PostgreSQL or
MySQL or a CSV dump. Both have the message id that clients know: a message that is in both is
imported once. Jasmin's other logs (http-api.log, default-smpps_*.log) have submissions without the
answers of the SMSC and are not supported.
"""

from __future__ import annotations

from collections.abc import Iterator

from boxis_gateway.errors import ImportFailed
from boxis_gateway.importers.jasmin.log import is_log, read_log
from boxis_gateway.importers.jasmin.table import is_dump, read_submit_log
from boxis_gateway.importers.reading.lines import Line, ReadOptions
from boxis_gateway.importers.reading.source import Source
from boxis_gateway.importers.reading.tables import TABLE_SCHEMES

NAME = "jasmin"
ACCOUNT_FIELDS = ("cid", "uid")
URL_SCHEMES = TABLE_SCHEMES
LOCAL_TIMES = True


def matches(head: bytes) -> bool:
    """Return True if the head has a line of the log, or the columns of the table."""
    return is_log(head) or is_dump(head)


def read(source: Source, options: ReadOptions) -> Iterator[Line]:
    """Yield the lines, see Importer.read. Only the table has `uid`, the user."""
    if source.url is not None or is_dump(source.head()):
        yield from read_submit_log(source, options)
    elif options.account_field == "uid":
        raise ImportFailed(
            "The log has no uid. Import the table submit_log, or give --account-field cid."
        )
    else:
        yield from read_log(source, options)
