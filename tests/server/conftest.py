"""Fixtures of tests of the server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.host import App, Host, MakeHost


@pytest.fixture
def host() -> Iterator[MakeHost]:
    hosts: list[Host] = []

    def start(app: App) -> Host:
        hosts.append(Host(app))
        return hosts[-1]

    yield start
    for one in hosts:
        one.stop()
