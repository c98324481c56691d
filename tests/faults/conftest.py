"""Fixtures of the tests of faults."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.running_server import RunningServer
from tests.support.shop import Shop, make_template
from tests.support.stores import Stores

Open = Callable[..., Shop]


@pytest.fixture(scope="package")
def template(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a store, to be copied."""
    return make_template(stores, tmp_path_factory.mktemp("template") / "template.db")


@pytest.fixture
def open_shop(
    stores: Stores, template: Path, tmp_path: Path, serve: Callable[..., RunningServer]
) -> Iterator[Open]:
    """A copy of the store, served by one process; in another folder than the test's, if told."""
    shops: list[Shop] = []

    def start(folder: Path = tmp_path, *options: str, **how: object) -> Shop:
        store = stores.copy(template, folder / "store.db")
        server = serve(store, "--workers", "1", *options, **how)
        shops.append(Shop(store, server))
        return shops[-1]

    yield start
    for shop in shops:
        shop.store.close()
