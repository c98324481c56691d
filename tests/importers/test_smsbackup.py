"""Backups of a phone: read whole, half, broken and hostile."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxis_gateway.errors import ImportFailed
from boxis_gateway.importers import smsbackup
from boxis_gateway.importers.reading.lines import GoodLine, Line, ReadOptions
from boxis_gateway.importers.reading.source import Source
from boxis_gateway.importers.reading.xml_references import repair_references
from boxis_gateway.model import Account
from boxis_gateway.store import Store
from boxis_gateway.zones import find_zone
from tests.support.importing import import_file, read_lines
from tests.support.paths import PROJECT

OPTIONS = ReadOptions(find_zone("Asia/Tokyo"), sender="+48500100200")  # the zone has no say in it
START = "<?xml version='1.0' encoding='UTF-8' standalone='yes' ?>\n<smses count='1'>\n"
SMS = '<sms address="+48514151563" date="{}" type="2" status="-1" body="{}"/>\n'


def read(content: bytes) -> list[Line]:
    return read_lines("smsbackup", content, OPTIONS)


def texts(lines: list[Line]) -> list[str | None]:
    return [line.message.text for line in lines if isinstance(line, GoodLine)]


def test_a_backup_is_read_as_elementtree_reads_it() -> None:
    root = ElementTree.Element("smses", count="60")
    for n in range(60):
        body = f"text {n} ąß😀 <&\"'\n end" if n % 5 else "null"
        ElementTree.SubElement(
            root,
            "sms",
            {
                "address": f"+4851415{n:04}",
                "date": str(1_795_300_204_123 + 61_001 * n),
                "type": str(1 + n % 6),
                "body": body,
                "status": ("-1", "0", "32", "64")[n // 6 % 4],
                "date_sent": "0",
            },
        )
    content = ElementTree.tostring(root, "utf-8", xml_declaration=True)
    expected = []
    for sms in ElementTree.fromstring(content):
        status = {"0": "delivered", "64": "failed"}.get(sms.get("status", ""), "sent")
        status = {"2": status, "4": "pending", "5": "refused", "6": "pending"}.get(
            sms.get("type", ""), ""
        )
        if status:
            seconds, milliseconds = divmod(int(sms.get("date", "")), 1000)
            moment = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds))
            text = None if sms.get("body") == "null" else sms.get("body")
            expected.append((sms.get("address"), f"{moment}.{milliseconds:03}", text, status))
    found = [
        (one.message.recipient, one.message.sent_at, one.message.text, one.message.status.value)
        for one in read(content)
        if isinstance(one, GoodLine)
    ]
    assert [(*row[:1], row[1].removesuffix(".000"), *row[2:]) for row in expected] == found
    assert len(found) == 40


@given(st.data(), st.lists(st.integers(0, 0xFFFF), max_size=30))
def test_halved_references_are_joined_at_any_cut(data: st.DataObject, units: list[int]) -> None:
    """Each unit of UTF-16 as a reference of its own; what is no character becomes U+FFFD."""
    forms = st.sampled_from(["&#{};", "&#x{:x};", "&#x{:04X};", "&#0{};"])
    references = "".join(data.draw(forms).format(unit) for unit in units)
    content = f'<a b="{references}"/>'.encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(content)), max_size=8)))
    places = zip([0, *cuts], [*cuts, len(content)], strict=True)
    joined = b"".join(repair_references(content[start:end] for start, end in places))
    assert ElementTree.fromstring(joined).get("b") == "".join(characters(units))


def characters(units: list[int]) -> Iterator[str]:
    octets = b"".join(unit.to_bytes(2, "big") for unit in units)
    for character in octets.decode("utf-16-be", "surrogatepass"):
        wrong = character < " " and character not in "\t\n\r"
        half = "\ud800" <= character <= "\udfff"
        yield "\ufffd" if wrong or half or character in "\ufffe\uffff" else character


@given(st.text(st.characters(codec="utf-8", exclude_characters="\ufffe\uffff"), max_size=50))
def test_any_text_comes_through(text: str) -> None:
    escaped = "".join(f"&#{ord(c)};" if c in '<&"\t\n\r' else c for c in text)
    found = texts(read((START + SMS.format(1, escaped) + "</smses>").encode()))
    shown = "".join("\ufffd" if c < " " and c not in "\t\n\r" else c for c in text)
    assert found == [shown if shown not in ("", "null") else None]


def test_the_sender_has_to_be_given() -> None:
    with pytest.raises(ImportFailed, match="--sender"):
        list(smsbackup.read(Source(BytesIO(b"<smses/>")), ReadOptions(find_zone("UTC"))))


BOMB = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))


@pytest.mark.parametrize(
    ("declared", "body"),
    [
        (f'<!DOCTYPE smses [<!ENTITY e0 "x">{BOMB}]>', "&e11;"),
        ('<!DOCTYPE smses [<!ENTITY secret SYSTEM "file:///etc/passwd">]>', "&secret;"),
        ('<!DOCTYPE smses SYSTEM "http://127.0.0.1:9/smses.dtd">', ""),
    ],
)
def test_a_file_that_declares_entities_is_refused(declared: str, body: str) -> None:
    content = f"<?xml version='1.0'?>{declared}<smses>{SMS.format(1, body)}</smses>".encode()
    with pytest.raises(ImportFailed, match="document type"):
        read(content)


@pytest.mark.parametrize("encoding", ["UDF-8", "gbk", "rot13"])
def test_an_unknown_encoding_is_refused(encoding: str) -> None:
    with pytest.raises(ImportFailed, match="encoding"):
        read(f"<?xml version='1.0' encoding='{encoding}'?><smses>{SMS}</smses>".encode())


@pytest.mark.parametrize(
    "end",
    ["", '<sms address="+4851', "<sms body='&#55", "</wrong>", "\xff", "&", "<sms body='&none;'/>"],
)
def test_truncated_keeps_messages(end: str, store: Store, account: Account, tmp_path: Path) -> None:
    path = tmp_path / "sms.xml"
    good = START + "".join(SMS.format(1_795_300_204_123 + n, n) for n in range(7))
    path.write_bytes((good + end).encode("latin-1"))
    with pytest.raises(ImportFailed, match="after message 7"):
        import_file(store, account, path, OPTIONS)
    path.write_text(good + SMS.format(1, "one more") + "</smses>")
    summary = import_file(store, account, path, OPTIONS)
    assert (summary.format, summary.added, summary.known) == ("smsbackup", 1, 7)


@pytest.mark.parametrize(
    ("content", "is_one"),
    [
        (b"<smses/>", True),
        (b"\xef\xbb\xbf<?xml version='1.0'?>\r\n<!-- > <a> --><smses count='1'>", True),
        (b"<?xml version='1.0'?><calls count='1'><smses/></calls>", False),
        (b"<?xml version='1.0'?><!-- a --><calls><!-- b --><smses/></calls>", False),
        (b"<smsesx/>", False),
        (b"text <smses>", False),
    ],
)
def test_a_backup_is_known_by_its_root(content: bytes, is_one: bool) -> None:
    assert smsbackup.matches(content) == is_one


READ_AND_TELL_MEMORY = """
import resource, sys
from pathlib import Path
from boxis_gateway.importers import smsbackup
from boxis_gateway.importers.reading.lines import ReadOptions
from boxis_gateway.importers.reading.source import Source
from boxis_gateway.zones import find_zone
with Source.open(Path(sys.argv[1])) as source:
    print(sum(1 for _ in smsbackup.read(source, ReadOptions(find_zone("UTC"), sender="s"))))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def lines_and_kilobytes(path: Path) -> tuple[int, int]:
    words = [sys.executable, "-c", READ_AND_TELL_MEMORY, str(path)]
    told = subprocess.run(words, cwd=PROJECT, capture_output=True, text=True, check=True)
    lines, kilobytes = map(int, told.stdout.split())
    return lines, kilobytes


def test_a_large_backup_takes_no_more_memory_than_a_small_one(tmp_path: Path) -> None:
    record = SMS.format(1_795_300_204_123, "a line &#10;" + "word " * 30)
    picture = f'<mms date="1"><parts><part data="{"A" * 300_000}"/></parts></mms>\n'
    piece = record * 1_000 + picture
    small, large = tmp_path / "small.xml", tmp_path / "large.xml"
    small.write_text(START + piece + "</smses>")
    with open(large, "w") as file:
        file.write(START)
        for _ in range(60):
            file.write(piece)
        file.write("</smses>")
    assert large.stat().st_size > 30_000_000
    lines, kilobytes = lines_and_kilobytes(small)
    assert lines == 1_001
    more_lines, more_kilobytes = lines_and_kilobytes(large)
    assert more_lines == 60 * lines
    assert more_kilobytes < kilobytes + 4_000
