"""Segments and numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxis_gateway.sms.gsm0338 import ALPHABET, BASIC, EXTENSION, septets
from boxis_gateway.sms.numbers import form_address, form_addresses, to_e164, to_recipient
from boxis_gateway.sms.segments import Alphabet, capacity, count_octet_parts, count_parts


def test_the_alphabet_has_127_characters_and_an_escape_and_ten_extensions() -> None:
    assert len(BASIC) == 127
    assert len(EXTENSION) == 10
    assert not BASIC & EXTENSION


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("a" * 459, 3),
        ("a" * 460, 4),
        ("ż" * 70, 1),
        ("ż" * 71, 2),
        ("ż" * 134, 2),
        ("ż" * 135, 3),
        ("ż" * 201, 3),
        ("€" * 80, 1),  # two septets each
        ("€" * 81, 2),
        ("€" * 152, 2),  # 76 to a segment: the pair at septet 153 is not split
        ("€" * 153, 3),
        ("a" * 152 + "€" + "a" * 152, 3),  # the pair moves to the second segment
        ("a" * 159 + "€", 2),
        ("😀" * 35, 1),  # two code units each
        ("😀" * 36, 2),
        ("😀" * 66, 2),  # 33 to a segment: 67 is odd
        ("😀" * 67, 3),
        ("`", 1),  # not in the alphabet, so UCS-2
        ("`" * 71, 2),
    ],
)
def test_parts_of_a_text(text: str, parts: int) -> None:
    assert count_parts(text) == parts


def test_a_forced_alphabet_counts_unknown_characters_as_one_septet() -> None:
    assert count_parts("ż" * 160, Alphabet.GSM) == 1
    assert count_parts("ż" * 161, Alphabet.GSM) == 2


def test_octets_go_140_or_134_to_a_segment() -> None:
    assert [count_octet_parts(n) for n in (0, 140, 141, 268, 269)] == [1, 1, 2, 2, 3]


def test_a_header_that_the_text_brings_takes_its_room() -> None:
    assert count_parts("a" * 153, header_octets=6) == 1
    assert count_parts("a" * 154, header_octets=6) == 2


@given(st.text(st.sampled_from(sorted(ALPHABET)), max_size=1000))
def test_parts_are_enough_and_hardly_more(text: str) -> None:
    total, parts = sum(map(septets, text)), count_parts(text)
    room = capacity(Alphabet.GSM, 6)
    assert total <= 160 if parts == 1 else total <= parts * room
    assert parts == 1 or total > (parts - 1) * (room - 1)


@pytest.mark.parametrize(
    ("number", "e164"),
    [
        ("48514151563", "+48514151563"),
        ("+48514151563", "+48514151563"),
        ("0048514151563", "+48514151563"),
        ("+48 514-151.563", "+48514151563"),
        ("(41) 79/000 00 01", "+41790000001"),
        ("1234567", "+1234567"),
        ("123456", None),
        ("0514151563", None),
        ("1" * 15, "+" + "1" * 15),
        ("1" * 16, None),
        ("boxis.net", None),
        ("٤٨٥١٤١٥١٥٦٣", None),
        ("", None),
        ("++48514151563", None),
    ],
)
def test_numbers_become_e164(number: str, e164: str | None) -> None:
    assert to_e164(number) == e164


def test_short_codes_are_recipients_as_they_are() -> None:
    assert to_recipient("1234") == "1234"
    assert to_recipient("12") is None
    assert to_recipient("anna") is None


def test_only_numbers_lose_their_plus_on_the_wire() -> None:
    assert [form_address(one) for one in ("+48514151563", "+1")] == ["48514151563", "1"]
    names = ["+Shop", "+", "", "1+2", "+١٢", "+²"]
    assert [form_address(one) for one in names] == names


@given(st.lists(st.text("+1a²\n", max_size=3)))
def test_an_address_is_formatted_independently_of_its_neighbours(texts: list[str]) -> None:
    assert list(form_addresses(texts)) == [form_address(one) for one in texts]
