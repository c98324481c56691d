"""Resources: a path and a method, with parameters, answer and failures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError

from boxis_gateway.limiting import Limiter
from boxis_gateway.model import Employee, Session
from boxis_gateway.rest_api.failures import RestFailure, invalid, missing
from boxis_gateway.rest_api.properties import ToJson, json_writer, success
from boxis_gateway.settings import Settings
from boxis_gateway.store import Row, RowStream, Store, Write

MISSING = "is missing"
"""Error text of a schema's missing field; any other text means an invalid value."""


@dataclass(frozen=True)
class ResourceCall:
    """Arguments of a handler, and all that it may see. `path_params` are the variable parts of the
    path; `address` is the client's; `session` is None where no token is needed; `count_rows` adds
    rows of the answer to the request's record."""

    params: Mapping[str, Any]
    path_params: Mapping[str, str]
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
        """The employee of the session."""
        assert self.session is not None
        return self.session.employee


class Done(Schema):
    """Success."""

    success = success()


@dataclass(frozen=True)
class File:
    """A file to download, in pieces that are made of `rows` as the client takes them. It occupies a
    slot of the employee's streams until `close`."""

    name: str
    content_type: str
    pieces: Iterator[bytes]
    rows: RowStream[list[Row]]
    release_slot: Callable[[], object]

    def close(self) -> None:
        """End the query, and the stream."""
        try:
            self.rows.close()
        finally:
            self.release_slot()


@dataclass(frozen=True)
class Answer:
    """A JSON object by the attributes of its schema, a file, or nothing.

    `cookie` is the token to set, or "" to delete it; `next_page` has the parameters of the next
    page; a `cacheable` answer gets an ETag; `retry_after` is in seconds."""

    body: Mapping[str, Any] | None
    status: int = 200
    cookie: str | None = None
    next_page: Mapping[str, str] | None = None
    cacheable: bool = False
    file: File | None = None
    retry_after: int = 0


Handler = Callable[[ResourceCall], Answer | Write[Answer]]
"""Handles a call, or returns the part of it that changes the store."""


@dataclass(frozen=True)
class Resource:
    """A method of a path. `answers` is the schema of its answer, `fails` has failures of its own,
    `empty` statuses without a body, `files` media types of files in place of JSON. `unsafe` marks a
    GET with side effects, which has no HEAD. The handler of a resource that `writes` runs in a
    transaction on the writer thread, and the answer leaves after the commit."""

    method: str
    path: str
    params: Schema
    answers: Schema
    handler: Handler
    to_json: ToJson
    needs_token: bool = True
    fails: tuple[RestFailure, ...] = ()
    empty: tuple[int, ...] = ()
    files: tuple[str, ...] = ()
    cacheable: bool = False
    unsafe: bool = False
    writes: bool = False

    def load(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """Parse the parameters. Raises RestFailure for the first missing or invalid one, in the
        order of the schema."""
        try:
            params: Mapping[str, Any] = self.params.load(fields)
        except ValidationError as failure:
            raise _first(self.params, failure) from None
        return params

    def run(self, call: ResourceCall) -> Answer | Write[Answer]:
        """Handle the call, or return its write. Raises RestFailure."""
        handle: Callable[[], Any] = partial(self.handler, call)
        answer: Answer | Write[Answer] = Write(handle) if self.writes else handle()
        return answer.then(self._shown) if isinstance(answer, Write) else self._shown(answer)

    def _shown(self, answer: Answer) -> Answer:
        body = None if answer.body is None else self.to_json(answer.body)
        return replace(answer, body=body, cacheable=self.cacheable)


def resource(
    method: str,
    path: str,
    params: type[Schema] = Schema,
    answers: type[Schema] = Done,
    **options: Any,
) -> Callable[[Handler], Resource]:
    """Describe a handler by its method and path; `resources/__init__.py` puts it in the table.

    `options` are other fields of Resource."""
    params_schema, answer_schema = params(unknown=EXCLUDE), answers()
    to_json = json_writer(answer_schema)
    return lambda handler: Resource(
        method, path, params_schema, answer_schema, handler, to_json, **options
    )


def _first(schema: Schema, failure: ValidationError) -> RestFailure:
    messages = failure.messages_dict
    for name in schema.fields:
        wire_name = schema.fields[name].data_key or name
        if wire_name in messages:
            return missing(wire_name) if messages[wire_name] == [MISSING] else invalid(wire_name)
    return invalid("body")
