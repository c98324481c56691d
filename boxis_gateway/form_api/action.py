"""Actions, and the table that finds them (protocol page, section 8)."""

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
from boxis_gateway.form_api.params import TextList
from boxis_gateway.form_api.results import Success
from boxis_gateway.model import Account
from boxis_gateway.settings import Settings
from boxis_gateway.store import Store, Write


def _ignore(rows: int) -> None:
    """The default of `ActionCall.count_rows`."""


@dataclass(frozen=True)
class ActionCall:
    """Arguments of a handler, and all that it may see. `now` is aware, in UTC; `settings` are those
    of the account; `count_rows` adds rows of the answer to the request's record."""

    account: Account
    params: Mapping[str, Any]
    settings: Settings
    store: Store
    now: datetime
    count_rows: Callable[[int], object] = _ignore


Handler = Callable[[ActionCall], Success | Write[Success]]
"""Handles a call, or returns the part of it that changes the store."""
RawParams = tuple[tuple[str, str | tuple[str, ...]], ...]
"""Names and texts of an action's own parameters, without blank ones; lists are tuples of texts."""
Load = Callable[[RawParams], Mapping[str, Any]]
"""Parses parameters. Raises InvalidRequest."""


@dataclass(frozen=True)
class ListOf:
    """Schema of an action that answers a list: `sms1`, `sms2`, … of `member`, in a container `name`
    in XML, or `names_in_json`. Without `member` they are texts."""

    item: str
    member: type[Schema] | None
    name: str
    names_in_json: tuple[str, ...]


@dataclass(frozen=True)
class Action:
    """A handler with its wire names, and the schemas of its own parameters and of its answer (a
    list, or the single values in `params`). The handler of an action that `writes` runs on the
    writer thread, in a transaction that changes messages of the account; its answer, of single
    values, leaves after the commit."""

    section: str
    name: str
    params: type[Schema]
    answers: ListOf | type[Schema]
    load: Load
    fields: tuple[str, ...]
    lists: tuple[str, ...]
    handler: Handler
    writes: bool = False

    def raw_params(self, form: Form) -> RawParams:
        """Pick the action's own parameters from the form."""
        raw: RawParams = tuple((name, text) for name in self.fields if (text := form.get(name)))
        if self.lists:
            raw += tuple((name, texts) for name in self.lists if (texts := form.texts(name)))
        return raw

    def run(self, call: ActionCall) -> Success | Write[Success]:
        """Handle the call, or return its write. Raises GatewayError."""
        handle: Callable[[], Any] = partial(self.handler, call)
        return Write(handle, call.account.id) if self.writes else handle()


def action(
    section: str,
    name: str,
    params: type[Schema] = Schema,
    *,
    answers: ListOf | type[Schema] = Schema,
    cached_params: int = 0,
    writes: bool = False,
) -> Callable[[Handler], Action]:
    """Describe a handler by its wire names; `actions/__init__.py` puts it in the table.

    `cached_params` is the number of parsed parameters to cache: for texts that often repeat, such
    as today's dates, and are not secret."""
    schema = params(unknown=EXCLUDE)
    load: Load = partial(_load, schema)
    if cached_params:
        load = lru_cache(maxsize=cached_params)(load)
    lists = tuple(key for key, field in schema.fields.items() if isinstance(field, TextList))
    texts = tuple(key for key in schema.fields if key not in lists)
    return lambda handler: Action(
        section, name, params, answers, load, texts, lists, handler, writes
    )


def _load(schema: Schema, raw: RawParams) -> Mapping[str, Any]:
    try:
        return MappingProxyType(schema.load(dict(raw)))
    except ValidationError as invalid:
        # Report the first failure in the order of the schema, in the field's words.
        name, complaints = next(iter(invalid.messages_dict.items()))
        raise InvalidRequest(f"'{name}' {complaints[0]}") from None


ActionTable = Mapping[tuple[str, str], Action]


def table(actions: Iterable[Action]) -> ActionTable:
    """Actions by (section, name). Raises ValueError if two have the same names."""
    by_names: dict[tuple[str, str], Action] = {}
    for entry in actions:
        key = (entry.section, entry.name)
        if key in by_names:
            raise ValueError(f"two actions are called {key}")
        by_names[key] = entry
    return by_names


def find_action(actions: ActionTable, section: str, name: str) -> Action:
    """Find an action by its names, which are case-sensitive. Raises InvalidRequest."""
    action = actions.get((section, name))
    if action is None:
        sections = {known for known, _ in actions}
        raise InvalidRequest.field("action" if section in sections else "section")
    return action
