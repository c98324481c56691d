"""What an action is, and the table in which it is found (protocol page, section 8)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, partial
from types import MappingProxyType
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError

from boxis_gateway.errors import InvalidRequest
from boxis_gateway.form_api.form import Form
from boxis_gateway.form_api.results import Success
from boxis_gateway.model import Account
from boxis_gateway.settings import Settings
from boxis_gateway.store import Store


@dataclass(frozen=True)
class Call:
    """All that a handler may see: who asks, for what, when (aware, UTC), the settings in force for
    this account, and the store. `count_rows` is told how many rows are answered."""

    account: Account
    params: Mapping[str, Any]
    settings: Settings
    store: Store
    now: datetime
    count_rows: Callable[[int], object]


Handler = Callable[[Call], Success]
Given = tuple[tuple[str, str], ...]
"""The names and texts of an action's own parameters, as far as they are not blank."""
Load = Callable[[Given], Mapping[str, Any]]
"""From the texts to what they mean. Raises InvalidRequest."""


@dataclass(frozen=True)
class ListOf:
    """What an action answers, if that is a list: `sms1`, `sms2`, … of some schema, in a container
    of that name in XML, of those names in JSON. Without a schema its members are texts."""

    item: str
    member: type[Schema] | None
    name: str
    names_in_json: tuple[str, ...]


def _nobody(rows: int) -> None:
    """Is told how many rows there are."""


@dataclass(frozen=True)
class Action:
    """A handler, the names by which the wire knows it, the schema of its own parameters and what it
    answers (a schema stands for what is in `params`)."""

    section: str
    name: str
    params: type[Schema]
    answers: ListOf | type[Schema]
    load: Load
    fields: tuple[str, ...]
    handler: Handler

    def given(self, form: Form) -> Given:
        """The action's own parameters in the form."""
        return tuple((name, text) for name in self.fields if (text := form.get(name)))

    def run(
        self,
        account: Account,
        given: Given,
        settings: Settings,
        store: Store,
        now: datetime,
        count_rows: Callable[[int], object] = _nobody,
    ) -> Success:
        """Check the parameters and handle the call. Raises GatewayError."""
        return self.handler(Call(account, self.load(given), settings, store, now, count_rows))


def action(
    section: str,
    name: str,
    params: type[Schema] = Schema,
    *,
    answers: ListOf | type[Schema] = Schema,
    remembered: int = 0,
) -> Callable[[Handler], Action]:
    """Describe a handler by its wire names; `actions/__init__.py` puts it in the table.

    What so many different parameters were found to mean is remembered: for those that the same
    texts come in again and again (the dates of today), and that are no secret."""
    schema = params(unknown=EXCLUDE)
    load: Load = partial(_load, schema)
    if remembered:
        load = lru_cache(maxsize=remembered)(load)
    names = tuple(schema.fields)
    return lambda handler: Action(section, name, params, answers, load, names, handler)


def _load(schema: Schema, given: Given) -> Mapping[str, Any]:
    try:
        return MappingProxyType(schema.load(dict(given)))
    except ValidationError as invalid:
        # The first failure in the order of the schema's fields, worded by the field.
        name, complaints = next(iter(invalid.messages_dict.items()))
        raise InvalidRequest(f"'{name}' {complaints[0]}") from None


Table = Mapping[tuple[str, str], Action]


def table(actions: Iterable[Action]) -> Table:
    """Actions by (section, name). Raises ValueError if two have the same names."""
    found: dict[tuple[str, str], Action] = {}
    for entry in actions:
        key = (entry.section, entry.name)
        if key in found:
            raise ValueError(f"two actions are called {key}")
        found[key] = entry
    return found


def find_action(actions: Table, section: str, name: str) -> Action:
    """The action of these names, which are compared with case. Raises InvalidRequest."""
    found = actions.get((section, name))
    if found is None:
        sections = {known for known, _ in actions}
        raise InvalidRequest.field("action" if section in sections else "section")
    return found
