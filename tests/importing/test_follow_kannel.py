"""A real Kannel with its test SMSC, as an operator has it: its access log is followed, and shown in
the history."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlencode

import pytest

from boxis_gateway.importers.reading.lines import ReadOptions
from boxis_gateway.importing import AccountMap, run_import
from boxis_gateway.model import Account
from boxis_gateway.store import Store
from boxis_gateway.zones import find_zone
from tests.importing.test_follow import following
from tests.support.waiting import until

BEARERBOX, SMSBOX = "/usr/sbin/bearerbox", "/usr/sbin/smsbox"
FAKESMSC = "/usr/lib/kannel/test/fakesmsc"

SETTINGS = """
group = core
admin-port = {admin}
admin-interface = 127.0.0.1
admin-password = for-this-test
smsbox-port = {smsbox}
smsbox-interface = 127.0.0.1
box-allow-ip = 127.0.0.1
log-file = {folder}/bearerbox.log
access-log = {folder}/access.log
dlr-storage = internal
store-type = file
store-location = {folder}/kannel.store

group = smsc
smsc = fake
smsc-id = fakec
host = 127.0.0.1
port = {smsc}
connect-allow-ip = 127.0.0.1

group = smsbox
bearerbox-host = 127.0.0.1
bearerbox-port = {smsbox}
sendsms-port = {sendsms}
sendsms-interface = 127.0.0.1
log-file = {folder}/smsbox.log

group = sendsms-user
username = tester
password = for-this-test
concatenation = true
max-messages = 10

group = sms-service
keyword = default
text = "no reply"
"""


class Kannel:
    """Bearerbox, smsbox and the fake SMSC on free ports, writing `access.log`."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "access.log"
        names = ("admin", "smsbox", "smsc", "sendsms")
        self.ports = dict(zip(names, free_ports(len(names)), strict=True))
        self._settings = folder / "kannel.conf"
        self._settings.write_text(SETTINGS.format(folder=folder, **self.ports))
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Each when the one before is there."""
        self._start(BEARERBOX, str(self._settings))
        until(lambda: is_open(self.ports["smsbox"]))
        self._start(SMSBOX, str(self._settings))
        until(lambda: is_open(self.ports["sendsms"]))
        smsc = ("-H", "127.0.0.1", "-r", str(self.ports["smsc"]), "-i", "0.1", "-m", "1")
        self._start(FAKESMSC, *smsc, "123 234 text nop")
        until(lambda: "Receive SMS" in text_of(self.log))

    def send(self, text: str, to: str = "+48514151563", **more: str) -> None:
        """Send a message by smsbox's HTTP interface."""
        words = {"username": "tester", "password": "for-this-test", "from": "boxis.net"}
        query = urlencode({**words, "to": to, "text": text, "charset": "UTF-8", **more})
        connection = http.client.HTTPConnection("127.0.0.1", self.ports["sendsms"], timeout=60)
        connection.request("GET", f"/cgi-bin/sendsms?{query}")
        answer = connection.getresponse()
        assert answer.status == 202, answer.read()
        connection.close()

    def rotate(self) -> None:
        """Rotate as logrotate does: rename, then SIGHUP, which makes bearerbox open a new file."""
        self.log.rename(self.log.with_name("access.log.1"))
        self._running[0].send_signal(signal.SIGHUP)

    def stop(self) -> None:
        """All three, the fake SMSC first."""
        for process in reversed(self._running):
            process.kill()
            process.wait()

    def _start(self, *command: str) -> None:
        silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._running.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, **silent))


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        taken = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in taken:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in taken]


def is_open(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def text_of(path: Path) -> str:
    return path.read_text(errors="replace") if path.exists() else ""


@pytest.fixture(scope="module")
def kannel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kannel]:
    started = Kannel(tmp_path_factory.mktemp("kannel"))
    try:
        started.start()
        yield started
    finally:
        started.stop()


TEXTS = ["plain text", "Zażółć gęślą jaźń", "a ] [to:+1] bracket", "long text " * 40]


def sent(store: Store) -> list[tuple[str, int]]:
    rows = store.database.execute_sql(
        "SELECT text, parts FROM submission JOIN message ON submission_id = submission.id "
        "WHERE submission.sender = 'boxis.net' ORDER BY submission.id"
    )
    return list(rows.fetchall())


def texts_of(store: Store) -> list[str]:
    return [text for text, _ in sent(store)]


def test_the_log_of_a_real_kannel_is_followed_and_can_be_imported_again(
    store: Store, account: Account, kannel: Kannel
) -> None:
    with following(store, kannel.log) as process:
        for number, text in enumerate(TEXTS, 1):
            coding = {} if text.isascii() else {"coding": "2"}
            kannel.send(text, **coding)
            until(lambda texts=TEXTS[:number]: texts_of(store) == texts)  # type: ignore[misc]
        kannel.rotate()
        kannel.send("after rotation")
        until(lambda: texts_of(store) == [*TEXTS, "after rotation"])
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert [parts for _, parts in sent(store)] == [1, 1, 1, 3, 1]
    accounts, options = AccountMap(store, account, {}), ReadOptions(find_zone("UTC"))
    before = sent(store)
    for log in (kannel.log.with_name("access.log.1"), kannel.log):
        assert os.path.getsize(log)
        again = run_import(log, accounts, options)
        assert (again.added, again.bad) == (0, 0)
    assert sent(store) == before
