"""The application with one more action of the form API, which writes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from marshmallow import Schema, fields

from boxis_gateway.app import Gateway, create_app
from boxis_gateway.errors import InvalidRequest
from boxis_gateway.form_api.action import ActionCall, action, table
from boxis_gateway.form_api.actions import ACTIONS
from boxis_gateway.form_api.results import Params, Success
from boxis_gateway.opening import open_server_store
from boxis_gateway.settings import load_settings
from boxis_gateway.store import Store
from boxis_gateway.store.engines.base import EVERY_ACCOUNT
from tests.support.example_account import NOW, signed
from tests.support.waiting import LIMIT_SECONDS

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
