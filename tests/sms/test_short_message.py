"""Octets whose coding nobody wrote down: the rule of sms/short_message.py, and where it holds."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from boxis_gateway.sms import gsm0338
from boxis_gateway.sms.segments import Alphabet, count_parts
from boxis_gateway.sms.short_message import read_short_message

SEPTETS = {character: bytes([n]) for n, character in enumerate(gsm0338.TABLE)}
ESCAPED = {mean: b"\x1b" + SEPTETS[behind] for behind, mean in gsm0338.EXTENSION_TABLE.items()}
ALPHABETS = "aąłéßñ çğ ĐŐ бвгдяё ΑΒαβ אבג ابت देव ไทย ქარ « » ! ? 1 2 3 \n„” – … € 😀"


def gsm(text: str) -> bytes:
    return b"".join((SEPTETS | ESCAPED)[character] for character in text)


@given(st.text(sorted(gsm0338.ALPHABET)))
def test_septets_are_read_as_the_characters_that_they_stand_for(text: str) -> None:
    assert gsm0338.decode(gsm(text)) == text


@given(st.text(sorted(gsm0338.ALPHABET), max_size=400))
def test_a_text_in_gsm_is_known_where_its_rare_letters_are_not_every_second(text: str) -> None:
    octets = gsm(text)
    assume(2 * sum(octet < 0x20 and octet != 0x1B for octet in octets[::2]) < len(octets[::2]))
    assume(not octets.startswith((b"\x05\x00\x03", b"\x06\x08\x04")))
    assert read_short_message(octets) == (text, count_parts(text, Alphabet.GSM))


KEYBOARD = sorted(gsm0338.ALPHABET - set(gsm0338.TABLE[:32]) - set("\f^"))


@given(st.text(KEYBOARD, max_size=400))
def test_a_text_in_gsm_that_a_keyboard_writes_is_always_known(text: str) -> None:
    assert read_short_message(gsm(text)) == (text, count_parts(text, Alphabet.GSM))


@given(st.text(ALPHABETS, max_size=200))
def test_a_text_in_ucs2_is_known_by_its_alphabet(text: str) -> None:
    units = text.encode("utf-16-be")[::2]
    assume(2 * sum(high < 0x20 for high in units) >= len(units))
    assert read_short_message(text.encode("utf-16-be")) == (
        text,
        count_parts(text, Alphabet.UCS2),
    )


@given(st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF), max_size=70))
def test_a_text_in_chinese_is_known_by_an_octet_that_gsm_does_not_have(text: str) -> None:
    octets = text.encode("utf-16-be")
    words = sum(bytes([octet]).isalnum() or octet == 0x20 for octet in octets)
    assume(not octets.isascii() and 4 * words <= 3 * len(octets))
    assert read_short_message(octets) == (text, count_parts(text, Alphabet.UCS2))


@pytest.mark.parametrize(
    ("octets", "text", "parts"),
    [
        (b"", "", 1),
        (b"a" * 161, "a" * 161, 2),
        ("ą".encode("utf-16-be") * 71, "ą" * 71, 2),
        ("Köln, Straße 5".encode("latin-1"), "Köln, Straße 5", 1),
        ("é".encode("latin-1") + b"a" * 140, "é" + "a" * 140, 2),
        (b"\x80\xff\x00", "80FF00", 1),
        ("😀".encode("utf-16-be")[:2] * 2, "D83DD83D", 1),  # half a pair is no text
        (b"\x05\x00\x03\x01\x03\x02" + b"a" * 153, "a" * 153, 1),
        (b"\x06\x08\x04\x01\x02\x03\x03" + "ą".encode("utf-16-be") * 66, "ą" * 66, 1),
        (b"\x05\x00\x03\x01\x02\x03 no part 3 of 2", "é@¥£$¥ no part 3 of 2", 1),
        (b"\x00\x00", "@@", 1),
        (b"\x1b", "", 1),
        (b"\x1ba", "a", 1),
    ],
)
def test_the_text_of_octets(octets: bytes, text: str, parts: int) -> None:
    assert read_short_message(octets) == (text, parts)
