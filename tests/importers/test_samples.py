"""Every sample, imported and read back at both APIs; those that real programs wrote are read by
awk and the sqlite3 shell too."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from boxis_gateway.importers.reading.lines import ReadOptions
from boxis_gateway.importing import Summary
from boxis_gateway.levels import Level
from boxis_gateway.model import Account
from boxis_gateway.rest_api.auth import token_digest
from boxis_gateway.sms.numbers import to_e164
from boxis_gateway.store import Store
from boxis_gateway.zones import find_zone
from tests.support.example_account import NOW, USERNAME
from tests.support.importing import import_file
from tests.support.paths import IMPORTS

FOLDER = IMPORTS
SAMPLES = sorted(path for path in FOLDER.iterdir() if path.suffix != ".golden")
SENDER = "48500100200"
Post = Callable[..., TestResponse]
Row = tuple[str, str, str]  # date, sender, recipient


def load(store: Store, account: Account, sample: Path) -> Summary:
    return import_file(store, account, sample, ReadOptions(find_zone("UTC"), sender=SENDER))


def at_the_form_api(post: Post) -> Counter[Row]:
    answer: Any = post(returntype="json").json
    rows = answer["params"]["senders"] or {}
    return Counter((row["date"], row["sender"], row["reciptient"]) for row in rows.values())


def at_the_rest_api(store: Store, client: Any) -> tuple[Counter[Row], int]:
    """Sent messages of the REST API, and the total."""
    customer = store.customers.get(USERNAME)
    owner = store.employees.add(customer, "anna", "Anna", Level.OWNER, None, NOW)
    store.tokens.add(owner, token_digest("annas"), NOW)
    answer = client.get("/sms", query_string={"token": "annas", "limit": "1000"}).json
    rows = Counter(
        (local(one["sent"]), digits(one["from"]), digits(recipient))
        for one in answer["messages"]
        for recipient in one["to"]
        if one["sent"]
    )
    return rows, answer["total"]


def digits(sender: str) -> str:
    """The REST API shows numbers as E.164, the form API as they were given."""
    return (to_e164(sender) or sender).removeprefix("+")


def local(sent: str) -> str:
    instant = datetime.fromisoformat(sent).astimezone(UTC)
    return instant.strftime("%Y-%m-%d %H:%M:%S")


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.name)
def test_both_apis_show_the_messages_of_a_sample(
    store: Store, account: Account, post_action: Post, client: Any, sample: Path
) -> None:
    summary = load(store, account, sample)
    form = at_the_form_api(post_action)
    rest, total = at_the_rest_api(store, client)
    rows = store.history.recent(account.id, "", "9", 1000)
    waiting = sum(row.status == "pending" for row in rows)
    assert form.total() == summary.added - summary.refused
    assert rest.total() == form.total() - waiting
    assert total <= form.total()
    missing = rest - Counter((at, digits(who), digits(to)) for at, who, to in form.elements())
    assert not missing, missing


AWK = r"""
function cut(name, quote) {
    if (!match($0, "\\[" name ":" quote "[^]']*")) return ""
    return substr($0, RSTART + length(name quote) + 2, RLENGTH - length(name quote) - 2)
}
PATTERN { to = cut("to", QUOTE); sub(/^\+/, "", to); print $1 " " $2 "|" cut("from", QUOTE) "|" to }
"""
SMSD = f"""
    SELECT min(SendingDateTime), '{SENDER}', substr(min(DestinationNumber), 2) FROM sentitems
    WHERE Status NOT LIKE '%Error' GROUP BY ID
"""


def awk(pattern: str, quote: str = "") -> list[str]:
    return ["awk", AWK.replace("PATTERN", pattern).replace("QUOTE", f'"{quote}"')]


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("kannel-sample.log", awk("/ Sent SMS /")),
        ("jasmin-sample.log", awk("/ SMS-MT .*ESME_ROK/", "b'")),
    ],
)
def test_a_log_is_in_the_history_as_awk_reads_it(
    store: Store, account: Account, post_action: Post, name: str, command: list[str]
) -> None:
    load(store, account, FOLDER / name)
    assert at_the_form_api(post_action) == read_by(*command, str(FOLDER / name))


def test_smsd_is_as_the_shell_reads_it(store: Store, account: Account, post_action: Post) -> None:
    sample = FOLDER / "gammu-sample.db"
    load(store, account, sample)
    uri = f"file:{sample}?immutable=1"
    assert at_the_form_api(post_action) == read_by("sqlite3", "-separator", "|", uri, SMSD)


def read_by(*command: str) -> Counter[Row]:
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said
    return Counter(tuple(line.split("|")) for line in said.splitlines())
