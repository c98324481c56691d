"""A whole server over a real store, and beside it the model: what is done to one is done to the
other, and what they answer is compared at once."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from boxis_gateway.app import create_app
from boxis_gateway.importers.reading.lines import GoodLine, ReadOptions, ReportLine
from boxis_gateway.importing import AccountMap, Summary, run_import
from boxis_gateway.importing.batch_writer import BatchWriter
from boxis_gateway.importing.reject_file import RejectFile
from boxis_gateway.levels import Level, State
from boxis_gateway.model import Status
from boxis_gateway.passwords import hash_password
from boxis_gateway.settings import Settings
from boxis_gateway.sms.dlr import DeliveryReport, reference_hash
from boxis_gateway.store import cutoffs_of
from boxis_gateway.zones import find_zone, utc_text
from tests.model import form_api, rest_api
from tests.model.feeds import as_csv, as_message
from tests.model.nouns import Account, Line
from tests.model.rest_api import Customer, Employee, Refused, Tokens
from tests.model.stored import Stored
from tests.support.stores import Stores, store_at

BEGIN = datetime(2012, 5, 9, 12, 0, 0, tzinfo=UTC)
SETTINGS = Settings(max_body_bytes=4096)
UTC_ZONE = ReadOptions(find_zone("UTC"))

kept_hash_of = lru_cache(hash_password)  # 20 ms each


class World:
    """Server and model side by side. Methods raise AssertionError where they differ."""

    def __init__(self, stores: Stores, folder: Path) -> None:
        self.folder = folder
        self.now = BEGIN
        self.model = Stored()
        self.customers: list[Customer] = []
        self.employees: list[Employee] = []
        self.tokens = Tokens()
        self.store = stores.make(folder / "store.db")
        self._strangers = 0
        self._start()

    def _start(self) -> None:
        app = create_app(self.store, SETTINGS, clock=lambda: self.now)
        self.client = app.test_client(use_cookies=False)

    def restart(self) -> None:
        """A new server over the same file."""
        self.store.close()
        self.store = store_at(self.store.url).require_current()
        self._start()

    def close(self) -> None:
        self.store.close()

    # The operator

    def add_customer(self, name: str, reseller: Customer | None) -> None:
        above = self.store.customers.get(reseller.id) if reseller else None
        made = self.store.customers.add(name, self.now, above)
        self.customers.append(Customer(made.id, name, reseller.id if reseller else None))

    def add_account(self, username: str, key: str, customer: Customer) -> None:
        made = self.store.accounts.add(username, key, self.now, customer=customer.name)
        self.model.accounts.append(Account(made.id, username, key, customer.name))

    def add_employee(self, username: str, password: str, level: str, customer: Customer) -> None:
        made = self.store.employees.add(
            self.store.customers.get(customer.id),
            username,
            "Somebody",
            Level(level),
            kept_hash_of(password),
            self.now,
        )
        self.employees.append(Employee(made.id, username, password, level, customer))

    def rotate_key(self, account: Account, key: str) -> None:
        self.store.accounts.set_user_key(self._stored(account), key)
        account.old_keys.append(account.key)
        account.key = key

    def set_enabled(self, account: Account, enabled: bool) -> None:
        self.store.accounts.set_enabled(self._stored(account), enabled)
        account.enabled = enabled

    def set_option(self, account: Account, name: str, value: str) -> None:
        self.store.accounts.set_options(self._stored(account), {name: value})
        account.options[name] = value
        account.options = {one: text for one, text in account.options.items() if text}

    def set_state(self, employee: Employee, state: str) -> None:
        self.store.employees.set_state(self.store.employees.get(employee.username), State(state))
        employee.state = state

    def set_password(self, employee: Employee, password: str) -> None:
        found = self.store.employees.get(employee.username)
        self.store.employees.set_password_hash(found, kept_hash_of(password))
        employee.password = password
        self.tokens.log_out(employee)

    # What comes in, and what goes

    def import_table(self, account: Account, lines: list[Line]) -> None:
        """Import as a CSV file."""
        path = self.folder / "lines.csv"
        path.write_text(as_csv(lines))
        accounts = AccountMap(self.store, self._stored(account), {}, settings=SETTINGS)
        summary = run_import(path, accounts, UTC_ZONE, clock=lambda: self.now)
        self._compare_import(account, lines, summary)

    def import_reported(self, account: Account, lines: list[Line]) -> None:
        """Import as from a source that knows delivery reports."""
        writer = self._batch_writer(account)
        for number, line in enumerate(lines, 1):
            writer.add(GoodLine(number, as_message(line), ""))
        writer.flush()
        self._compare_import(account, lines, writer.summary)

    def _compare_import(self, account: Account, lines: list[Line], summary: Summary) -> None:
        counted = self.model.add(account, lines, self.now)
        assert not summary.reasons
        assert (summary.added, summary.known, summary.changed) == (
            counted["added"],
            counted["known"],
            counted["changed"],
        )

    def report(
        self, account: Account | None, reference: str, status: str, changed: datetime
    ) -> None:
        writer = self._batch_writer(account)
        told = DeliveryReport((reference_hash(reference),), Status(status), utc_text(changed))
        writer.add(ReportLine(1, told))
        writer.flush()
        self.model.report(account.id if account else 0, reference, status, changed, self.now)

    def prune(self) -> None:
        """All accounts, as the command does."""
        for account in self.model.accounts:
            stored = self._stored(account)
            limits = cutoffs_of(SETTINGS, stored, self.now)
            would = self.store.retention.prune(stored, limits, dry_run=True)
            assert would == self.model.prune(account, self.now)
            assert self.store.retention.prune(stored, limits) == would
        assert self.store.retention.prune_reports(self.now) == self.model.prune_reports(self.now)

    def erase(self, number: str) -> None:
        self.store.erasure.erase(number, self.now)
        self.model.erase(number)

    # Clients of the form API

    def ask(self, form: dict[str, str], *, by_get: bool = False) -> None:
        """Require the answers of the model from the API."""
        if by_get:
            answer = self.client.get("/", query_string=form, **self._somewhere())
        else:
            answer = self.client.post("/xmlapi.php", data=form, **self._somewhere())
        returntype = form.get("returntype", "xml")
        assert answer.status_code == 200
        assert form_api.said(answer.data, returntype) == form_api.expected(
            self.model.accounts, form, self.now
        )

    def ask_badly(self, returntype: str, words: str, path: str = "/", **request: Any) -> None:
        """A malformed request gets an error in the format that it names."""
        answer = self.client.open(path, query_string={"returntype": returntype}, **request)
        assert answer.status_code == (404 if path != "/" else 200)
        wanted = form_api.Said("0", words, False, [], int(self.now.timestamp()))
        assert form_api.said(answer.data, returntype) == wanted

    # Clients of the REST API

    def log_in(self, employee: Employee, password: str, *, persist: bool) -> None:
        given = {"username": employee.username, "password": password, "persist": persist}
        answer = self.client.post("/auth/login", json=given, **self._somewhere())
        told = answer.get_json()
        if password != employee.password or not employee.may_log_in:
            assert (answer.status_code, told["message"]) == (401, "credentials_invalid")
            return
        assert answer.status_code == 200
        token = told.pop("token")
        assert told == {
            "expiresInMinutes": -1 if persist else 15,
            "employee": employee.id,
            "customer": employee.customer.id,
            "accessLevel": employee.level,
        }
        self.tokens.add(token, employee, self.now, persist=persist)

    def log_out(self, token: str) -> None:
        employee = self._get(token, "/auth/logout", {}, lambda _: {"success": True})
        if employee:
            self.tokens.log_out(employee)

    def ping(self, token: str) -> None:
        self._get(token, "/ping", {}, lambda _: {"success": True})

    def get_message(self, token: str, message_id: str) -> None:
        self._get(
            token,
            f"/sms/{message_id}",
            {},
            lambda employee: rest_api.one_message(
                employee, self.customers, self.model.accounts, message_id
            ),
        )

    def list_page(self, token: str, query: dict[str, str], offset: int, limit: int) -> None:
        """A page by offset."""

        def wanted(employee: Employee) -> dict[str, Any]:
            found = self._listed(employee, query)
            page = found[offset : offset + limit]
            return {"offset": offset, "limit": limit, "total": len(found), "messages": page}

        self._get(token, "/sms", {**query, "offset": str(offset), "limit": str(limit)}, wanted)

    def list_on(self, token: str, query: dict[str, str]) -> None:
        """All pages, each led to by the one before: nothing twice, nothing left out."""
        try:
            employee = self.tokens.use(token, self.now)
            found = self._listed(employee, query)
        except Refused:
            return
        limit = len(found) // 3 + 1
        pages, following = [], {**query, "limit": str(limit)}
        while following:
            self.tokens.use(token, self.now)
            answer = self.client.get("/sms", query_string={**following, "token": token})
            assert answer.status_code == 200
            pages += answer.get_json()["messages"]
            link = answer.headers.get("Link", "")
            target = link.partition(">")[0].removeprefix("<")
            following = dict(parse_qsl(urlsplit(target).query))
            assert len(pages) <= len(found)
        assert pages == found

    def see_all(self, form: dict[str, str]) -> None:
        """Every account's history, and every list as somebody sees it who sees everything."""
        for account in self.model.accounts:
            timestamp = str(int(self.now.timestamp()))
            authcode = form_api.right_code(timestamp, account.key)
            signature = {"username": account.username, "timestamp": timestamp}
            self.ask({**form, **signature, "authcode": authcode})
        admin = next(one for one in self.employees if one.level == "ADMIN" and one.may_log_in)
        self.log_in(admin, admin.password, persist=True)
        for customer in self.customers:
            for order in ("CREATED", "SENT", "INVOICED"):
                self.list_on(self.tokens.all[-1].text, {"customer": customer.id, "sort": order})

    def bad_list(self, token: str, field: str, value: str) -> None:
        """A parameter that cannot be used is named."""

        def wanted(employee: Employee) -> dict[str, Any]:
            raise Refused(422, field)

        self._get(token, "/sms", {field: value}, wanted)

    def _listed(self, employee: Employee, query: dict[str, str]) -> list[dict[str, Any]]:
        return rest_api.listed(employee, self.customers, self.model.accounts, query)

    def _get(self, token: str, path: str, query: dict[str, str], wanted: Any) -> Employee | None:
        """The employee, if the answer was none of a failure."""
        header = {"Authorization": f"Bearer {token}"}
        answer = self.client.get(path, query_string=query, headers=header, **self._somewhere())
        try:
            employee = self.tokens.use(token, self.now)
            body = wanted(employee)
        except Refused as refused:
            code, message = refused.args
            told = answer.get_json()
            assert (answer.status_code, told["code"], told["message"]) == (code, code, message)
            return None
        assert (answer.status_code, answer.get_json()) == (200, body)
        return employee

    def _stored(self, account: Account) -> Any:
        return self.store.accounts.get(account.username)

    def _batch_writer(self, account: Account | None) -> BatchWriter:
        accounts = AccountMap(
            self.store, self._stored(account) if account else None, {}, settings=SETTINGS
        )
        return BatchWriter(accounts, Summary("any"), RejectFile(None), clock=lambda: self.now)

    def _somewhere(self) -> dict[str, Any]:
        """Each request comes from another address: what is learnt of one is not of the others."""
        self._strangers += 1
        address = f"10.{self._strangers >> 16}.{self._strangers >> 8 & 255}.{self._strangers & 255}"
        return {"environ_overrides": {"REMOTE_ADDR": address}}
