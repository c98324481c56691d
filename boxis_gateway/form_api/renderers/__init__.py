"""Output formats, one file each.

To add one, write `renderers/csv_envelope.py` with `NAME` (the value of `returntype`),
`CONTENT_TYPE` and `render()`, and name it here (CONTRIBUTING.md has an example).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from boxis_gateway.form_api.renderers import json_envelope, xml_envelope
from boxis_gateway.form_api.results import Result


class Renderer(Protocol):
    """What a format offers; a module with these names is enough."""

    NAME: str
    CONTENT_TYPE: str

    def render(self, result: Result, timestamp: int) -> Iterator[bytes]:
        """The answer in pieces. `timestamp` is the server's time, Unix seconds. Walks over rows
        have begun when the first piece is there."""


RENDERERS: dict[str, Renderer] = {
    xml_envelope.NAME: xml_envelope,
    json_envelope.NAME: json_envelope,
}


def find_renderer(returntype: str) -> Renderer:
    """The renderer of that name; XML for anything else (protocol page, section 2)."""
    return RENDERERS.get(returntype, xml_envelope)
