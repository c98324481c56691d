"""Small files that would take much memory: each ends with one line, and memory stays."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from boxis_gateway.importers.gammu import Part
from boxis_gateway.model import Account
from boxis_gateway.store import Store
from tests.support.example_account import USERNAME
from tests.support.waiting import LIMIT_SECONDS, until

MB = 1 << 20
MOST_MEMORY = 100 * MB
MEASURE = """
import re, sys
from boxis_gateway.commands import main
try:
    main()
finally:
    peak = re.search(r"VmHWM:\\s*(\\d+) kB", open("/proc/self/status").read())
    print("PEAK", peak[1], file=sys.stderr)
"""
SMS = b'<sms address="+48123456789" date="1336564800000" type="2" body="%s" status="0" />'
ANSWER = b"<return><result>1</result><resulttxt>success</resulttxt><history>"


def run(count: int, *parts: bytes) -> Iterator[bytes]:
    """The first part, the second one so many times, and the others."""
    yield parts[0]
    block = parts[1] * max(1, MB // len(parts[1]))
    for _ in range(count // max(1, MB // len(parts[1]))):
        yield block
    yield from parts[2:]


BOMBS: dict[str, tuple[str, Callable[[], Iterator[bytes]]]] = {
    "a body of 64 MB": (
        "smsbackup",
        lambda: run(64 * MB, b'<smses><sms body="', b"x", b'" /></smses>'),
    ),
    "a comment of 64 MB": ("smsbackup", lambda: run(64 * MB, b"<smses><!--", b"x", b"--></smses>")),
    "nested elements": ("smsbackup", lambda: run(4 * MB, b"<smses>", b"<a>")),
    "texts of 7 MB": (
        "smsbackup",
        lambda: run(6, b"<smses>", SMS % (b"x" * 7 * MB), b"</smses>"),
    ),
    "many attributes": (
        "smsbackup",
        lambda: (b"<smses><sms ", *(b'a%d="" ' % n for n in range(3 * MB)), b"/></smses>"),
    ),
    "a document type": (
        "smsbackup",
        lambda: iter([b'<!DOCTYPE smses [<!ENTITY a "xxxxxxxx">]><smses>&a;</smses>']),
    ),
    "an attribute of an answer": ("boxis", lambda: run(64 * MB, ANSWER + b'<sms1 a="', b"x")),
    "a text of an answer": ("boxis", lambda: run(64 * MB, ANSWER + b"<sms1><sender>", b"x")),
    "nested elements of an answer": ("boxis", lambda: run(16 * MB, ANSWER, b"<a>")),
    "elements of an answer": ("boxis", lambda: run(16 * MB, ANSWER, b"<a/>")),
    "fields of a row": ("boxis", lambda: run(16 * MB, ANSWER + b"<sms1>", b"<a/>")),
    "spaces between rows": ("boxis", lambda: run(64 * MB, ANSWER, b" ")),
    "a JSON text of 64 MB": ("boxis", lambda: run(64 * MB, b'{"result":"', b"x")),
    "JSON lists": ("boxis", lambda: run(16 * MB, b'{"result":', b"[")),
    "JSON items": ("boxis", lambda: run(16 * MB, b'{"x":[', b"[],")),
    "a row of a list": (
        "boxis",
        lambda: run(4 * MB, b'{"result":1,"params":{"history":{"sms1":[', b'"ab",'),
    ),
    "a list of pages": ("telecomx", lambda: run(16 * MB, b'{"messages":[{"a":[', b"{},")),
    "a line of 64 MB": ("jsonl", lambda: run(64 * MB, b'{"text":"', b"x")),
    "lines of 1 MB": ("jsonl", lambda: run(80, b"", b'{"text":"%s"}\n' % (b"x" * (MB - 20)))),
    "a cell of 64 MB": ("csv", lambda: run(64 * MB, b"recipient,date,text\n", b"x")),
    "an open quote": (
        "csv",
        lambda: run(1 << 16, b"recipient,date,text\n", b'1,2,"' + b"x" * 1000 + b"\n"),
    ),
    "long lines of a table": (
        "csv",
        lambda: run(80, b"recipient,date,text\n", b"1,2," + b"x" * (MB - 10) + b"\n"),
    ),
    "cells of a line": ("csv", lambda: run(64 * MB, b"recipient,date,text\n", b",")),
    "columns": ("csv", lambda: run(4 * MB, b"recipient,date,text", b",")),
    "a line of a log": ("kannel", lambda: run(64 * MB, b"2012-05-09 10:20:00 Sent SMS ", b"[")),
    "zeros": ("kannel", lambda: run(300 * MB, b"", b"\0")),
}


def peak_of_import(
    store: Store, file: Path, kind: str
) -> tuple[subprocess.CompletedProcess[str], int]:
    words = ("import", str(file), "--format", kind, "--account", USERNAME, "--timezone", "UTC")
    sender = ("--sender", "+48100200300") if kind in ("smsbackup", "gammu") else ()
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, *words, *sender],
        env={"BOXIS_GATEWAY_DATABASE_URL": store.url, "PATH": ""},
        capture_output=True,
        text=True,
        timeout=120,
    )
    *lines, last = done.stderr.strip().splitlines()
    done.stderr = "\n".join(lines)
    return done, int(last.removeprefix("PEAK ")) * 1024


@pytest.mark.parametrize("name", BOMBS)
def test_no_file_fills_the_memory(
    name: str, store: Store, account: Account, tmp_path: Path
) -> None:
    kind, pieces = BOMBS[name]
    file = tmp_path / "bomb.gz"
    with gzip.open(file, "wb", 1) as made:
        made.writelines(pieces())
    done, peak = peak_of_import(store, file, kind)
    assert "Traceback" not in done.stderr
    assert peak < MOST_MEMORY, f"{peak / MB:.0f} MB"
    assert len(done.stderr) < 2_000
    longest = store.database.scalar("SELECT coalesce(max(length(text)), 0) FROM submission")
    assert longest <= 100_000


def test_a_database_with_a_long_value_is_one_line(
    store: Store, account: Account, tmp_path: Path
) -> None:
    file = tmp_path / "gammu.db"
    with closing(apsw.Connection(str(file))) as made:
        made.execute(f"CREATE TABLE sentitems ({', '.join(Part._fields)})")
        names = "ID, SequencePosition, TextDecoded"
        made.execute(f"INSERT INTO sentitems ({names}) VALUES (1, 1, zeroblob(67108864))")
    done, peak = peak_of_import(store, file, "gammu")
    assert "Traceback" not in done.stderr
    assert done.returncode == 1
    assert peak < MOST_MEMORY


ENDLESS = f"""
    CREATE VIEW sentitems AS
    WITH RECURSIVE counted (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted)
    SELECT {", ".join(f"n AS {name}" for name in Part._fields)} FROM counted WHERE n < 0
"""


HEEDING_CTRL_C = """
import signal
from boxis_gateway.commands import main
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
main()
"""


def test_ctrl_c_ends_a_query_without_end(store: Store, account: Account, tmp_path: Path) -> None:
    file = tmp_path / "gammu.db"
    with closing(apsw.Connection(str(file))) as made:
        made.execute(ENDLESS)
    words = ("import", str(file), "--format", "gammu", "--account", USERNAME, "--timezone", "UTC")
    process = subprocess.Popen(
        [sys.executable, "-c", HEEDING_CTRL_C, *words, "--sender", "+48100200300"],
        env={"BOXIS_GATEWAY_DATABASE_URL": store.url, "PATH": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until(lambda: cpu_seconds(process.pid) > 1)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=LIMIT_SECONDS)[1].strip() == "boxis-gateway: Stopped."
    assert process.returncode == 130


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) / os.sysconf("SC_CLK_TCK")
