"""Lists as PHP writes them, read as PHP reads them; and what is none."""

from __future__ import annotations

import json
import subprocess
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxis_gateway.form_api.php_list import MAX_ITEMS, NotPhpList, read_php_list

VALUES = [
    ["48599131568"],
    ["48599131568", "+48 599", "0048599131568"],
    [],
    [48599131568, -1, 0],
    ["", '"', '";', '";i:1;s:1:"', "}", "ł", "漢字", "a\nb\0c"],
    {"7": "a", "-3": "b", "9223372036854775807": "c", "-9223372036854775808": "d"},
]


def written(values: list[bytes]) -> bytes:
    items = (b'i:%d;s:%d:"%b";' % (n, len(value), value) for n, value in enumerate(values))
    return b"a:%d:{%b}" % (len(values), b"".join(items))


def test_lists_written_by_php_are_read() -> None:
    program = "foreach (json_decode($argv[1], true) as $v) echo bin2hex(serialize($v)), PHP_EOL;"
    done = subprocess.run(
        ["php", "-r", program, "--", json.dumps(VALUES)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    for values, line in zip(VALUES, done.stdout.split(), strict=True):
        plain = values.values() if isinstance(values, dict) else values
        assert read_php_list(bytes.fromhex(line)) == [str(value).encode() for value in plain]


@given(st.lists(st.binary()))
def test_any_octets_come_through(values: list[bytes]) -> None:
    assert read_php_list(written(values)) == values


@given(st.lists(st.binary(max_size=3), min_size=1, max_size=3), st.data())
def test_an_octet_more_or_less_is_refused(values: list[bytes], data: st.DataObject) -> None:
    text = written(values)
    with pytest.raises(NotPhpList):
        read_php_list(text + data.draw(st.binary(min_size=1, max_size=3)))
    with pytest.raises(NotPhpList):
        read_php_list(text[: data.draw(st.integers(0, len(text) - 1))])


def test_the_last_value_of_a_key_counts() -> None:
    assert read_php_list(b'a:3:{i:5;s:1:"a";i:6;s:1:"b";i:5;s:1:"c";}') == [b"c", b"b"]


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"48599131568",
        b's:1:"a";',
        b'O:1:"A":0:{}',
        b"a:0:{} ",
        b'a:1:{i:0;s:2:"a";}',
        b'a:1:{i:0;s:1:"ab";}',
        b'a:2:{i:0;s:1:"a";}',
        b'a:0:{i:0;s:1:"a";}',
        b'a:-1:{i:0;s:1:"a";}',
        b'a:01:{i:0;s:1:"a";}',
        b'a:1:{i:0;s:01:"a";}',
        b'a:1:{i:0;S:1:"a";}',
        b'a:1:{i:00;s:1:"a";}',
        b'a:1:{i:-0;s:1:"a";}',
        b'a:1:{s:1:"k";s:1:"a";}',
        b"a:1:{i:0;b:1;}",
        b"a:1:{i:0;d:1.5;}",
        b"a:1:{i:0;a:0:{}}",
        b"a:1:{i:0;R:1;}",
        b"a:1:{i:0;N;}",
        b"a:99999999999999999999:{",
        b"a:1:{i:0;s:9999999:",
    ],
)
def test_a_malformed_php_list_is_refused(text: bytes) -> None:
    with pytest.raises(NotPhpList):
        read_php_list(text)


def test_lists_have_a_largest_length() -> None:
    assert len(read_php_list(written([b"4"] * MAX_ITEMS))) == MAX_ITEMS
    with pytest.raises(NotPhpList):
        read_php_list(written([b"4"] * (MAX_ITEMS + 1)))


def test_arrays_in_arrays_cost_nothing() -> None:
    began = time.process_time()
    with pytest.raises(NotPhpList):
        read_php_list(b"a:1:{i:0;" * 200_000)
    assert time.process_time() - began < 0.5
