"""The application with one more action of the form API, which writes."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from marshmallow import Schema, fields

from boxis_gateway.app import Gateway, create_app
from boxis_gateway.errors import InvalidRequest
from boxis_gateway.form_api.action import ActionCall, action, table
from boxis_gateway.form_api.actions import ACTIONS
from boxis_gateway.form_api.results import Params, Success
from boxis_gateway.limiting import shared_counters
from boxis_gateway.opening import open_server_store
from boxis_gateway.services import Clock
from boxis_gateway.settings import Settings, load_settings
from boxis_gateway.store import Store
from boxis_gateway.store.engines.base import EVERY_ACCOUNT
from tests.support.example_account import NOW, signed
from tests.support.host import Host, MakeHost, answer_of, body_of, send_form, send_get
from tests.support.waiting import LIMIT_SECONDS, until

if TYPE_CHECKING:
    from boxis_gateway.monitoring.metrics import Metrics

SECTION, ACTION = "test", "addCustomer"
REFUSED, BROKEN = "refused", "broken"


class CustomerParams(Schema):
    """Parameters of `addCustomer`."""

    name = fields.String(required=True, error_messages={"required": "is not valid"})


@action(SECTION, ACTION, params=CustomerParams, writes=True)
def add_customer(call: ActionCall) -> Success:
    """Add a customer of that name; some names fail after they are added."""
    name = call.params["name"]
    call.store.customers.add(name, call.now)
    if name.startswith(REFUSED):
        raise InvalidRequest.field("name")
    if name.startswith(BROKEN):
        raise ZeroDivisionError("a bug")
    return Success(Params({"name": name, "letters": len(name)}))


WITH_WRITES = {**ACTIONS, **table([add_customer])}


def patient(app: Gateway) -> Gateway:
    """The application with writes that wait for others as long as a test may take."""
    app.writer._wait_seconds = LIMIT_SECONDS
    return app


@dataclass(frozen=True)
class Served:
    """The application behind the project's server, in a thread."""

    app: Gateway
    host: Host
    store: Store

    def begin(self, form: Mapping[str, str]) -> socket.socket:
        """POST a form that writes, until it waits."""
        before = self.waiting
        client = send_form(self.host.address, form)
        until(lambda: self.waiting > before)
        return client

    def begin_get(self, target: str) -> socket.socket:
        """GET what writes, until it waits."""
        before = self.waiting
        client = send_get(self.host.address, target)
        until(lambda: self.waiting > before)
        return client

    def post(self, form: Mapping[str, str]) -> str:
        """The body of the answer to a form."""
        return body_of(send_form(self.host.address, form))

    def get(self, target: str) -> tuple[int, str, str]:
        """Status, head and body of the answer."""
        return answer_of(send_get(self.host.address, target))

    def stop(self) -> None:
        """Finish writes, and close the store of the server's thread."""
        self.host.do(self.app.close)
        self.host.do(self.store.close)

    @property
    def waiting(self) -> int:
        """Number of clients whose answers wait for a commit."""
        counts: list[int] = []
        connections = self.host.shared.connections
        self.host.do(lambda: counts.append(sum(one._is_waiting for one in connections)))  # type: ignore[attr-defined]
        return counts[0]


def make() -> Gateway:
    """The application for any WSGI server, of the settings in the environment."""
    settings = load_settings()
    return patient(create_app(open_server_store(settings), settings, actions=WITH_WRITES))


def added(store: Store) -> list[str]:
    """Names of the customers that are committed, but those of accounts."""
    return sorted(one.name for one in store.customers.all() if "@" not in one.name)


@contextmanager
def held(store: Store) -> Iterator[None]:
    """Another writer is in the middle of a transaction, and all others wait."""
    with store.database.write_transaction(EVERY_ACCOUNT):
        yield


def signed_write(
    name: str, returntype: str = "json", now: float | None = None, **form: str
) -> dict[str, str]:
    """A signed request to add a customer, by default of the second NOW."""
    own = {"section": SECTION, "action": ACTION, "name": name, "returntype": returntype}
    return signed(int(NOW.timestamp() if now is None else now), own | form)


ServeApp = Callable[..., Served]
"""Of the fixture `serve_app`."""


def served(
    store: Store,
    host: MakeHost,
    clock: Clock = lambda: NOW,
    metrics: Metrics | None = None,
    **settings: Any,
) -> Served:
    """Serve the application with these settings."""
    app = create_app(
        store,
        Settings(**settings),
        clock=clock,
        counters=replace(shared_counters("memory"), created_at=NOW.timestamp()),
        metrics=metrics,
        actions=WITH_WRITES,
    )
    return Served(patient(app), host(app), store)
