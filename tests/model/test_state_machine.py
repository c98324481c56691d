"""The whole server against a model in memory (tests/model/), through any sequence of what operators
and clients do.

    HYPOTHESIS_PROFILE=long make test PYTEST_ARGS=tests/model/test_state_machine.py
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.model.draws import (
    AGO,
    BAD_DATES,
    LINE,
    MOMENTS,
    NUMBERS,
    PICK,
    PRICED,
    QUERY,
    RETURNTYPES,
    WALL_CLOCK,
    ZONES,
    line_of,
)
from tests.model.form_api import right_code
from tests.model.nouns import Account
from tests.model.rest_api import SEES, Employee
from tests.model.world import BEGIN, World
from tests.support.engines import examples
from tests.support.stores import Stores

EXAMPLES, STEPS = (2_000, 100) if os.environ.get("HYPOTHESIS_PROFILE") == "long" else (12, 40)


class WholeServer(RuleBasedStateMachine):
    """Rules are what may happen; each compares what it sees."""

    def __init__(self, stores: Stores) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.world = World(stores, Path(self.folder.name))
        self.made = 0

    def teardown(self) -> None:
        self.world.close()
        self.folder.cleanup()

    @initialize(level=st.sampled_from(list(SEES)))
    def begin(self, level: str) -> None:
        self.world.add_customer("Reseller", None)
        self.world.add_customer("Shop", self.world.customers[0])
        for pick in (0, 1):
            self.add_account(pick)
        for number, each in enumerate(("ADMIN", "ADMIN", "OWNER", level)):
            self.add_employee(number, each)
            employee = self.world.employees[number]
            self.world.log_in(employee, employee.password, persist=number == 0)

    def account(self, pick: int) -> Account:
        return self.world.model.accounts[pick % len(self.world.model.accounts)]

    def employee(self, pick: int) -> Employee:
        return self.world.employees[pick % len(self.world.employees)]

    def token(self, pick: int) -> str:
        """A token that is valid, was valid, or never existed."""
        tokens = self.world.tokens
        known = [*(one.text for one in reversed(tokens.all)), *tokens.ended[-1:], "f" * 40]
        return known[pick % len(known)]

    def number(self) -> int:
        self.made += 1
        return self.made

    # The operator

    @precondition(lambda self: len(self.world.customers) < 4)
    @rule(pick=PICK)
    def add_customer(self, pick: int) -> None:
        above = [None, *self.world.customers][pick % (len(self.world.customers) + 1)]
        self.world.add_customer(f"Customer {self.number()}", above)

    @precondition(lambda self: len(self.world.model.accounts) < 5)
    @rule(pick=PICK)
    def add_account(self, pick: int) -> None:
        number = self.number()
        customer = self.world.customers[pick % len(self.world.customers)]
        self.world.add_account(
            f"Anna{number}@example.com", f"key-of-account-{number:010}", customer
        )

    @precondition(lambda self: len(self.world.employees) < 6)
    @rule(pick=PICK, level=st.sampled_from(list(SEES)))
    def add_employee(self, pick: int, level: str) -> None:
        customer = self.world.customers[pick % len(self.world.customers)]
        name = f"Ben{self.number()}@example.com"
        self.world.add_employee(name, "correct horse", level, customer)

    @rule(pick=PICK)
    def rotate_key(self, pick: int) -> None:
        self.world.rotate_key(self.account(pick), f"key-that-is-new-{self.number():08}")

    @rule(pick=PICK, enabled=st.booleans())
    def enable_or_disable(self, pick: int, enabled: bool) -> None:
        self.world.set_enabled(self.account(pick), enabled)

    @rule(
        pick=PICK,
        option=st.one_of(
            st.tuples(st.just("timezone"), st.sampled_from(ZONES)),
            st.tuples(st.just("history_key"), st.sampled_from(("", "senders", "history", "both"))),
            st.tuples(st.just("history_status_fields"), st.sampled_from(("yes", "no"))),
            st.tuples(st.just("timestamp_window_seconds"), st.sampled_from(("", "5", "7200"))),
            st.tuples(st.just("keep_messages_days"), st.sampled_from(("", "30", "300"))),
            st.tuples(st.just("keep_texts_days"), st.sampled_from(("", "2", "30"))),
        ),
    )
    def set_option(self, pick: int, option: tuple[str, str]) -> None:
        self.world.set_option(self.account(pick), *option)

    @rule(pick=PICK, state=st.sampled_from(("ENABLED", "ENABLED", "DISABLED")))
    def set_state(self, pick: int, state: str) -> None:
        self.world.set_state(
            self.world.employees[1:][pick % (len(self.world.employees) - 1)], state
        )

    @rule(pick=PICK, password=st.sampled_from(("correct horse", "battery staple")))
    def set_password(self, pick: int, password: str) -> None:
        self.world.set_password(self.employee(pick), password)

    @rule()
    def restart(self) -> None:
        self.world.restart()

    @rule(seconds=st.sampled_from((1, 30, 31, 200, 299, 899, 931, 90_000, 4_000_000, -3600)))
    def move_the_clock(self, seconds: int) -> None:
        self.world.now += timedelta(seconds=seconds)

    # What comes in, and what goes

    @rule(pick=PICK, drawn=st.lists(st.tuples(LINE, PRICED), min_size=1, max_size=6))
    def import_table(self, pick: int, drawn: list[tuple[dict, dict]]) -> None:  # type: ignore[type-arg]
        lines = []
        for facts, priced in drawn:
            late = priced.pop("late")
            line = line_of(now=self.world.now, **facts, **priced)
            if any(line.wire_id and line.wire_id == one.wire_id for one in lines):
                line = replace(line, wire_id="")
            dates = {"changed": line.sent + timedelta(seconds=late)} if late % 2 else {}
            dates |= {"invoiced": BEGIN + timedelta(days=late)} if late > 5 else {}
            lines.append(replace(line, **dates))
        self.world.import_table(self.account(pick), lines)

    @rule(
        pick=PICK, drawn=st.lists(LINE, min_size=1, max_size=4), which=st.integers(1, 3), first=LINE
    )
    def import_submission(self, pick: int, drawn: list[dict], which: int, first: dict) -> None:  # type: ignore[type-arg]
        created = line_of(now=self.world.now, **first).sent
        lines = [
            replace(
                line_of(now=self.world.now, **facts),
                sent=created + timedelta(seconds=3 * place // 2),
                created=created,
                sender=first["sender"],
                text=first["text"],
                submission=f"feed{which:020}",
                status=facts["status"].replace("pending", "sent"),
            )
            for place, facts in enumerate(drawn)
        ]
        self.world.import_table(self.account(pick), lines)

    @rule(pick=PICK, drawn=st.lists(LINE, min_size=1, max_size=3))
    def import_reported(self, pick: int, drawn: list[dict]) -> None:  # type: ignore[type-arg]
        lines = [
            replace(line_of(now=self.world.now, **facts), reference=f"smsc-{place}")
            for place, facts in enumerate(drawn)
        ]
        self.world.import_reported(self.account(pick), lines)

    @rule(
        pick=st.one_of(st.none(), PICK),
        place=st.integers(0, 2),
        status=st.sampled_from(("delivered", "failed", "sent", "refused")),
        since=st.sampled_from(AGO),
    )
    def report(self, pick: int | None, place: int, status: str, since: timedelta) -> None:
        account = None if pick is None else self.account(pick)
        self.world.report(account, f"smsc-{place}", status, self.world.now - since)

    @precondition(lambda self: not any(len(a.submissions) > 300 for a in self.world.model.accounts))
    @rule(pick=PICK, facts=LINE)
    def import_many(self, pick: int, facts: dict) -> None:  # type: ignore[type-arg]
        """Add enough messages for answers that are streams."""
        line = line_of(now=self.world.now, **facts)
        seconds = (timedelta(seconds=n // 2) for n in range(450))
        lines = [replace(line, sent=line.sent - one, text=None) for one in seconds]
        self.world.import_table(self.account(pick), lines)

    @rule()
    def prune(self) -> None:
        self.world.prune()

    @precondition(lambda self: self.made % 4 == 3)  # not in each
    @rule(number=st.sampled_from(NUMBERS))
    def erase(self, number: str) -> None:
        self.world.erase(number)

    # Clients

    @rule(
        pick=PICK,
        returntype=RETURNTYPES,
        dates=st.dictionaries(
            st.sampled_from(("datefrom", "dateto")),
            st.one_of(MOMENTS, st.sampled_from(WALL_CLOCK), st.sampled_from(("", *BAD_DATES))),
        ),
        with_seconds=st.booleans(),
        by_get=st.booleans(),
    )
    def ask(
        self,
        pick: int,
        returntype: str,
        dates: dict[str, timedelta | datetime | str],
        with_seconds: bool,
        by_get: bool,
    ) -> None:
        more = {
            name: date if isinstance(date, str) else self._wire_date(date, with_seconds)
            for name, date in dates.items()
        }
        form = self._signed(self.account(pick), returntype=returntype, **more)
        self.world.ask(form, by_get=by_get)

    def _wire_date(self, since: timedelta | datetime, with_seconds: bool) -> str:
        moment = since if isinstance(since, datetime) else self.world.now - since
        return moment.strftime("%Y-%m-%d %H:%M:%S" if with_seconds else "%Y-%m-%d %H:%M")

    @rule(
        pick=PICK,
        returntype=RETURNTYPES,
        off=st.sampled_from((0, 0, 5, 6, -300, 301, -7201)),
        wrong=st.sampled_from(
            (
                {},
                {"version": "2.0"},
                {"section": "domains"},
                {"action": "gethistory"},
                {"action": ""},
                {"timestamp": "soon"},
                {"timestamp": "9" * 30},
                {"authcode": "0" * 32},
                {"username": "nobody@example.com"},
                {"username": "ANNA2@EXAMPLE.COM"},
            )
        ),
        key=st.sampled_from(("right", "old", "another's")),
    )
    def ask_otherwise(
        self, pick: int, returntype: str, off: int, wrong: dict[str, str], key: str
    ) -> None:
        account = self.account(pick)
        keys = {"old": account.old_keys[-1:], "another's": [self.account(pick + 1).key]}
        timestamp = wrong.get("timestamp") or str(int(self.world.now.timestamp()) + off)
        form = self._signed(account, *keys.get(key, []), timestamp=timestamp, returntype=returntype)
        self.world.ask({**form, **wrong})

    def _signed(self, account: Account, key: str = "", **more: str) -> dict[str, str]:
        timestamp = more.pop("timestamp", str(int(self.world.now.timestamp())))
        authcode = right_code(timestamp, key or account.key)
        form = {"timestamp": timestamp, "username": account.username, "authcode": authcode}
        return {**form, "section": "sms", "action": "getHistory", **more}

    @rule(
        returntype=RETURNTYPES,
        bad=st.sampled_from(
            (
                ("request method is not valid", {"method": "PUT"}),
                ("content type is not valid", {"method": "POST", "json": {}}),
                ("request is too large", {"method": "POST", "data": {"a": "b" * 5000}}),
                (
                    "request is not valid",
                    {"method": "POST", "data": b"--x", "content_type": "multipart/form-data"},
                ),
                ("address is not valid", {"path": "/elsewhere"}),
            )
        ),
    )
    def ask_badly(self, returntype: str, bad: tuple[str, dict[str, object]]) -> None:
        self.world.ask_badly(returntype, bad[0], **bad[1])  # type: ignore[arg-type]

    @rule(pick=PICK, right=st.booleans(), persist=st.booleans())
    def log_in(self, pick: int, right: bool, persist: bool) -> None:
        employee = self.employee(pick)
        password = employee.password if right else "a wrong password"
        self.world.log_in(employee, password, persist=persist)

    @rule(pick=PICK)
    def log_out(self, pick: int) -> None:
        self.world.log_out(self.token(pick))

    @rule(pick=PICK)
    def ping(self, pick: int) -> None:
        self.world.ping(self.token(pick))

    def _query(self, drawn: list[tuple[str, str | int]]) -> dict[str, str]:
        query = {name: str(value) for name, value in drawn}
        if "customer" in query:
            ids = [*(one.id for one in self.world.customers), "f" * 24]
            query["customer"] = ids[int(query["customer"]) % len(ids)]
        return query

    @rule(pick=PICK, drawn=QUERY, offset=st.integers(0, 5), limit=st.integers(0, 9))
    def list_page(
        self, pick: int, drawn: list[tuple[str, str | int]], offset: int, limit: int
    ) -> None:
        self.world.list_page(self.token(pick), self._query(drawn), offset, limit)

    @rule(pick=PICK, drawn=QUERY)
    def list_on(self, pick: int, drawn: list[tuple[str, str | int]]) -> None:
        self.world.list_on(self.token(pick), self._query(drawn))

    @rule(returntype=RETURNTYPES)
    def see_all(self, returntype: str) -> None:
        for account in self.world.model.accounts:
            self.world.set_enabled(account, True)
        self.world.see_all({"action": "getHistory", "returntype": returntype})

    @rule(pick=PICK, which=st.integers(0, 30))
    def get_message(self, pick: int, which: int) -> None:
        known = [one.shown_id for a in self.world.model.accounts for one in a.submissions]
        known.append("0" * 24)
        self.world.get_message(self.token(pick), known[which % len(known)])

    @rule(
        pick=PICK,
        bad=st.sampled_from(
            (
                ("limit", "-1"),
                ("offset", "x"),
                ("fromDate", "2012"),
                ("sort", "UP"),
                ("cursor", "1"),
            )
        ),
    )
    def list_badly(self, pick: int, bad: tuple[str, str]) -> None:
        self.world.bad_list(self.token(pick), *bad)


def test_the_server_is_as_its_model(stores: Stores) -> None:
    run_state_machine_as_test(
        lambda: WholeServer(stores),
        settings=settings(
            max_examples=examples(EXAMPLES),
            stateful_step_count=STEPS,
        ),
    )
