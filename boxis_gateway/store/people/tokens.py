"""Tokens of employees and machines for the REST API, kept as digests."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from boxis_gateway import model
from boxis_gateway.errors import StoreError
from boxis_gateway.levels import Level, State
from boxis_gateway.store.audit import Audit
from boxis_gateway.store.engines.base import StoreDatabase
from boxis_gateway.store.engines.sql import fetch_rows
from boxis_gateway.store.tables import Employee, Token
from boxis_gateway.zones import utc_text

ID_DIGITS = 12  # of a digest, which tell a token from its employee's others
EXPIRED_KEPT = timedelta(days=1)  # so that an expired token is told from an unknown one
FIND_SQL = """
    SELECT token.address, token.expires_at, employee.id, employee.customer_id, employee.name,
        employee.username, employee.level, employee.state
    FROM token JOIN employee ON token.employee_id = employee.id WHERE token.digest = ?
"""
RENEW_SQL = "UPDATE token SET expires_at = ? WHERE digest = ?"


class Tokens:
    """The tokens of a store, by digest."""

    def __init__(self, database: StoreDatabase) -> None:
        self._database = database
        self._audit = Audit(database)

    def find(self, digest: str) -> model.Session | None:
        """The session of that token, expired or not."""
        row = self._database.execute_sql(FIND_SQL, (digest,)).fetchone()
        return _session(digest, row) if row else None

    def add(
        self,
        employee: model.Employee,
        digest: str,
        now: datetime,
        *,
        expires_at: datetime | None = None,
        address: str | None = None,
        machine: bool = False,
    ) -> bool:
        """Add a token, which never expires without `expires_at`, and delete the employee's long
        expired ones. False, and nothing is added, if the password has changed since its check."""
        long_ago = utc_text(now - EXPIRED_KEPT)
        with self._database.atomic():
            if not machine and self._password_hash(employee) != employee.password_hash:
                return False
            Token.delete().where(
                Token.employee == employee.id, Token.expires_at < long_ago
            ).execute(self._database)
            Token.insert(
                digest=digest,
                employee=employee.id,
                machine=machine,
                created_at=utc_text(now),
                expires_at=utc_text(expires_at) if expires_at else None,
                address=address,
            ).execute(self._database)
            if machine:
                self._audit.record("token.add", employee.username)
            else:
                self._audit.record("token.login", employee.username, persist=expires_at is None)
            return True

    def _password_hash(self, employee: model.Employee) -> str | None:
        query = Employee.select(Employee.password_hash).where(Employee.id == employee.id)
        password_hash: str | None = query.scalar(self._database)
        return password_hash

    def renew(self, session: model.Session, expires_at: datetime) -> None:
        """Extend the token."""
        self._database.execute_sql(RENEW_SQL, (utc_text(expires_at), session.digest))

    def all(self, employee: model.Employee) -> list[model.TokenFacts]:
        """The employee's tokens, the oldest first."""
        query = Token.select(
            Token.digest, Token.machine, Token.created_at, Token.expires_at, Token.address
        ).where(Token.employee == employee.id)
        return [
            model.TokenFacts(digest[:ID_DIGITS], bool(machine), *facts)
            for digest, machine, *facts in fetch_rows(
                self._database, query.order_by(Token.created_at, Token.digest)
            )
        ]

    def end_by_id(self, employee: model.Employee, token_id: str) -> None:
        """Delete the employee's token of that id. Raises StoreError."""
        query = Token.select(Token.digest).where(Token.employee == employee.id)
        digests = [
            digest
            for (digest,) in fetch_rows(self._database, query)
            if digest[:ID_DIGITS] == token_id
        ]
        if not digests:
            raise StoreError(
                f"{employee.username} has no token {token_id!r}. 'boxis-gateway employee tokens "
                f"{employee.username}' shows them."
            )
        for digest in digests:
            self.end(employee, digest)

    def end(self, employee: model.Employee, digest: str) -> bool:
        """Delete the token; true if the employee had it."""
        condition = (Token.employee == employee.id) & (Token.digest == digest)
        with self._database.atomic():
            ended = bool(Token.delete().where(condition).execute(self._database))
            if ended:
                self._audit.record("token.end", employee.username)
        return ended

    def log_out(self, employee: model.Employee) -> None:
        """End all sessions at the employee's request; tokens of machines stay."""
        with self._database.atomic():
            self._end_sessions(employee)
            self._audit.record("token.logout", employee.username)

    def clear(self, employee: model.Employee, *, machines: bool) -> None:
        """End all sessions at an operator's request; with `machines` also tokens of machines."""
        with self._database.atomic():
            self._end_sessions(employee)
            if machines:
                Token.delete().where(Token.employee == employee.id).execute(self._database)
            self._audit.record("token.clear", employee.username, machines=machines)

    def _end_sessions(self, employee: model.Employee) -> None:
        sessions = (Token.employee == employee.id) & ~Token.machine
        Token.delete().where(sessions).execute(self._database)


def _session(digest: str, row: tuple[Any, ...]) -> model.Session:
    address, expires_at, employee_id, customer, name, username, level, state = row
    employee = model.Employee(
        employee_id, customer, name, username, None, Level(level), State(state)
    )
    return model.Session(digest, employee, address, expires_at)
