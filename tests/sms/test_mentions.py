"""Phone numbers mentioned in texts."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxis_gateway.sms.mentions import mask_mentions, mentions

NUMBER, DIGITS = "+48514151563", "48514151563"
OTHER = "+4581808888"


@pytest.mark.parametrize(
    "text",
    [
        "+48514151563",
        "0048514151563",
        "48514151563",
        "514151563",
        "0514151563",
        "+48 514 151 563",
        "(48) 514-151-563",
        "48.514.151.563",
        "0048 (0) 514/151/563",
        "+48 (514) 151 - 563",
        "514 151 563",
        "514–151–563",
        "x48514151563x",
    ],
)
def test_a_number_is_found_however_it_is_written(text: str) -> None:
    masked_text = mask_mentions(f"Call {text}, ok? 2012", NUMBER)
    assert masked_text == f"Call {re.sub('[0-9]', '×', text)}, ok? 2012"
    assert mask_mentions(masked_text, NUMBER) == masked_text


@pytest.mark.parametrize(
    "text", ["", "48514151564", "514151564", "1514151563", "5141515631", "51415156", "48 and 514"]
)
def test_other_numbers_are_left_alone(text: str) -> None:
    assert not mentions(text, NUMBER)
    assert mask_mentions(text, NUMBER) == text


@pytest.mark.parametrize(
    ("number", "written"),
    [
        ("+12125550123", "212-555-0123"),
        ("+442071838750", "+44 (0)20 7183 8750"),
        ("+442071838750", "020 7183 8750"),
        ("+4581808888", "81 80 88 88"),
        ("+353851234567", "085 123 4567"),
    ],
)
def test_numbers_of_other_countries_are_found_too(number: str, written: str) -> None:
    assert mask_mentions(written, number) == re.sub("[0-9]", "×", written)


def test_a_national_number_of_few_digits_may_be_anything() -> None:
    assert mentions("+35812345", "+35812345")
    assert not mentions("12345", "+35812345")


@given(st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True), st.text(), st.data())
def test_no_text_keeps_a_number(number: str, around: str, data: st.DataObject) -> None:
    gaps = st.text(st.sampled_from(" -.()/"), max_size=3)
    written = "".join(digit + data.draw(gaps) for digit in number[1:])
    text = mask_mentions(around + written + around, number)
    assert number[1:] not in re.sub(r"[\s\-.()/]", "", text)
    assert len(text) == len(around + written + around)
