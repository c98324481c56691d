"""Output formats of the form API, one file each.

To add one, write `renderers/csv_envelope.py` with `NAME` (the value of `returntype`),
`CONTENT_TYPE` and `render()`, and name it here (CONTRIBUTING.md has an example).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from boxis_gateway.form_api.renderers import json_envelope, xml_envelope
from boxis_gateway.form_api.results import Result


class Renderer(Protocol):
    """Interface of a format, for which a module is enough."""

    NAME: str
    CONTENT_TYPE: str

    def render(self, result: Result, timestamp: int) -> Iterator[bytes]:
        """Render the answer in pieces, one for each batch of rows; `timestamp` is the server's time
        in Unix seconds."""


RENDERERS: dict[str, Renderer] = {
    xml_envelope.NAME: xml_envelope,
    json_envelope.NAME: json_envelope,
}


def find_renderer(returntype: str) -> Renderer:
    """Find a renderer; XML for unknown names (protocol page, section 2)."""
    return RENDERERS.get(returntype, xml_envelope)
