"""Employees: users of the REST API."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from peewee import IntegrityError

from boxis_gateway import model
from boxis_gateway.errors import StoreError
from boxis_gateway.levels import Level, State
from boxis_gateway.store.audit import Audit
from boxis_gateway.store.engines.base import StoreDatabase
from boxis_gateway.store.engines.sql import fetch_rows
from boxis_gateway.store.people.customers import new_id
from boxis_gateway.store.tables import Employee, Token
from boxis_gateway.zones import utc_text


class Employees:
    """The employees of a store. User names are compared without case."""

    def __init__(self, database: StoreDatabase) -> None:
        self._database = database
        self._audit = Audit(database)

    def find(self, username: str) -> model.Employee | None:
        """The employee of that user name, in any state."""
        return self._find_one(Employee.username_folded == folded(username))

    def by_id(self, employee_id: str) -> model.Employee | None:
        """The employee of that id, in upper or lower case."""
        return self._find_one(Employee.id == employee_id.lower())

    def get(self, username: str) -> model.Employee:
        """The employee of that user name. Raises StoreError."""
        employee = self.find(username)
        if employee is None:
            raise StoreError(
                f"There is no employee {username!r}. 'boxis-gateway employee list' shows them."
            )
        return employee

    def all(self) -> list[model.Employee]:
        """Every employee, by user name."""
        query = Employee.select(*_COLUMNS).order_by(Employee.username_folded)
        return [_employee(row) for row in fetch_rows(self._database, query)]

    def add(
        self,
        customer: model.Customer,
        username: str,
        name: str,
        level: Level,
        password_hash: str | None,
        now: datetime,
    ) -> model.Employee:
        """Add an enabled employee. Raises StoreError if the user name is taken."""
        try:
            with self._database.atomic():
                Employee.insert(
                    id=new_id(),
                    customer=customer.id,
                    name=name,
                    username=username,
                    username_folded=folded(username),
                    password_hash=password_hash,
                    level=level.value,
                    state=State.ENABLED.value,
                    created_at=utc_text(now),
                ).execute(self._database)
                details = {"customer": customer.name, "level": level.value}
                self._audit.record("employee.add", username, **details)
        except IntegrityError:
            raise StoreError(f"The employee {username!r} exists already.") from None
        return self.get(username)

    def set_level(self, employee: model.Employee, level: Level) -> None:
        """Change the level, from the next request on."""
        with self._database.atomic():
            self._update(employee, {Employee.level: level.value})
            self._audit.record("employee.level", employee.username, level=level.value)

    def set_password_hash(self, employee: model.Employee, password_hash: str) -> None:
        """Replace the password, and end all tokens: who knew the old one may have made some."""
        with self._database.atomic():
            self._update(employee, {Employee.password_hash: password_hash})
            Token.delete().where(Token.employee == employee.id).execute(self._database)
            self._audit.record("employee.password", employee.username)

    def set_state(self, employee: model.Employee, state: State) -> None:
        """Enable, disable or delete; the record stays."""
        with self._database.atomic():
            self._update(employee, {Employee.state: state.value})
            self._audit.record("employee.state", employee.username, state=state.value)

    def _find_one(self, condition: Any) -> model.Employee | None:
        rows = fetch_rows(self._database, Employee.select(*_COLUMNS).where(condition))
        return _employee(rows[0]) if rows else None

    def _update(self, employee: model.Employee, values: Mapping[Any, Any]) -> None:
        Employee.update(values).where(Employee.id == employee.id).execute(self._database)


_COLUMNS = (
    Employee.id,
    Employee.customer,
    Employee.name,
    Employee.username,
    Employee.password_hash,
    Employee.level,
    Employee.state,
)


def _employee(row: tuple[Any, ...]) -> model.Employee:
    employee_id, customer, name, username, password_hash, level, state = row
    return model.Employee(
        employee_id, customer, name, username, password_hash, Level(level), State(state)
    )


def folded(username: str) -> str:
    """A user name for comparing without case; "", which is nobody's, if it is not valid UTF-8."""
    try:
        return username.casefold().encode().decode()
    except UnicodeEncodeError:
        return ""
