"""What a resource is: an address, its methods, and who may use it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError

from boxis_gateway.limiting import Limiter
from boxis_gateway.model import Employee, Session
from boxis_gateway.rest_api.failures import RestFailure, invalid, missing
from boxis_gateway.rest_api.properties import Write, done, writer_of
from boxis_gateway.settings import Settings
from boxis_gateway.store import Store

MISSING = "is missing"
"""The complaint of a schema that a field is needed; any other means a value that can't be used."""


@dataclass(frozen=True)
class Call:
    """All that a handler may see. `parts` are what stands in the places of the address, `address`
    is where the client asks from. `session` is None where no token is needed. `count_rows` is told
    how many rows are answered."""

    params: Mapping[str, Any]
    parts: Mapping[str, str]
    session: Session | None
    address: str
    token: str | None
    settings: Settings
    store: Store
    limiter: Limiter
    now: datetime
    count_rows: Callable[[int], object]

    @property
    def employee(self) -> Employee:
        """Who asks."""
        assert self.session is not None
        return self.session.employee


class Done(Schema):
    """That it is done."""

    success = done()


@dataclass(frozen=True)
class File:
    """An answer that is saved: in pieces, which are made as the client takes them, from the store
    as it is now. `close` is called at the end, whatever it is."""

    name: str
    content_type: str
    pieces: Iterator[bytes]
    close: Callable[[], object]


@dataclass(frozen=True)
class Answer:
    """A JSON object by the attributes of its schema, a file, or nothing; a cookie holds the token
    that is set (or "" to take it away). `next_page` are the parameters that lead on; an answer that
    is cacheable may be asked for again by its tag. `retry_after` is in seconds."""

    body: Mapping[str, Any] | None
    status: int = 200
    cookie: str | None = None
    next_page: Mapping[str, str] | None = None
    cacheable: bool = False
    file: File | None = None
    retry_after: int = 0


@dataclass(frozen=True)
class Resource:
    """One method of an address. `answers` is the schema of what it answers, `fails` are failures
    of its own, `empty` the statuses of answers without a body, `files` the types of files that it
    answers in place of JSON. `acts` is of a GET that changes something, which a HEAD must not."""

    method: str
    path: str
    params: Schema
    answers: Schema
    handler: Callable[[Call], Answer]
    write: Write
    needs_token: bool = True
    fails: tuple[RestFailure, ...] = ()
    empty: tuple[int, ...] = ()
    files: tuple[str, ...] = ()
    cacheable: bool = False
    acts: bool = False

    def load(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """The parameters. Raises RestFailure for the first that is missing or can't be used, in the
        order of the schema."""
        try:
            loaded: Mapping[str, Any] = self.params.load(given)
        except ValidationError as failure:
            raise _first(self.params, failure) from None
        return loaded

    def run(self, call: Call) -> Answer:
        """What is answered, as it stands on the wire. Raises RestFailure."""
        answer = self.handler(call)
        body = None if answer.body is None else self.write(answer.body)
        return replace(answer, body=body, cacheable=self.cacheable)


def resource(
    method: str,
    path: str,
    params: type[Schema] = Schema,
    answers: type[Schema] = Done,
    **facts: Any,
) -> Callable[[Callable[[Call], Answer]], Resource]:
    """Describe a handler by its address, and whatever else Resource has; `resources/__init__.py`
    puts it in the table."""
    taken, given = params(unknown=EXCLUDE), answers()
    write = writer_of(given)
    return lambda handler: Resource(method, path, taken, given, handler, write, **facts)


def _first(schema: Schema, failure: ValidationError) -> RestFailure:
    complaints = failure.messages_dict
    for name in schema.fields:
        wire_name = schema.fields[name].data_key or name
        if wire_name in complaints:
            return missing(wire_name) if complaints[wire_name] == [MISSING] else invalid(wire_name)
    return invalid("body")
