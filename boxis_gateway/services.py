"""Services that both APIs use."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from boxis_gateway.errors import Unavailable
from boxis_gateway.limiting import Limiter
from boxis_gateway.settings import Settings
from boxis_gateway.store import Store, Writer, translate_faults

Clock = Callable[[], datetime]
"""Returns the current time (aware, UTC)."""


@dataclass(frozen=True)
class Services:
    """Services of one application."""

    store: Store
    settings: Settings
    limiter: Limiter
    clock: Clock
    writer: Writer


def log_faults(pieces: Iterable[bytes], log: logging.Logger, request_id: str) -> Iterator[bytes]:
    """Yield the pieces of a streamed answer. A fault is logged and raised, so that the server
    aborts the connection and no client takes half an answer for a whole one."""
    try:
        with translate_faults():
            yield from pieces
    except Unavailable as fault:
        log.error("request=%s aborted. %s", request_id, fault.problem)
        raise
    except Exception:
        log.exception("request=%s aborted", request_id)
        raise
