"""The provider's own examples (tests/documented), reproduced from stored rows."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from lxml import etree
from werkzeug.test import TestResponse

from boxis_gateway.form_api.renderers import RENDERERS
from boxis_gateway.form_api.results import Failure
from boxis_gateway.model import Account
from boxis_gateway.store import Store
from tests.support.example_account import add_messages
from tests.support.paths import DOCUMENTED

Post = Callable[..., TestResponse]


def tree(xml: bytes) -> Any:
    """Tags, texts and order; white space between elements does not count."""

    def shape(element: Any) -> Any:
        children = [shape(child) for child in element]
        return (element.tag, children or element.text)

    return shape(etree.fromstring(xml))


def declaration(xml: bytes) -> bytes:
    return xml.split(b"\n", 1)[0]


def typed(value: Any) -> Any:
    """JSON with key order and types made visible."""
    if isinstance(value, dict):
        return [(key, typed(member)) for key, member in value.items()]
    return (type(value).__name__, value)


def at(timestamp: int, answer: bytes) -> bytes:
    """The answer as it would be at another time."""
    assert answer.count(b"1336564800") == 1
    return answer.replace(b"1336564800", str(timestamp).encode())


@pytest.mark.parametrize("second", ["48717609573", "48614606553"])
def test_the_documented_history_is_reproduced(
    second: str, store: Store, account: Account, post_action: Post
) -> None:
    add_messages(
        store,
        account,
        {"date": "2012-05-09 10:28:00", "type": "scheduled"},
        {"date": "2012-05-09 10:20:00", "recipient": second},
    )
    if second == "48717609573":  # the XML example's; the JSON example has another
        documented = (DOCUMENTED / "history_success.xml").read_bytes()
        answer = at(1336558351, post_action().data)
        assert declaration(answer) == declaration(documented)
        assert tree(answer) == tree(documented)
    else:
        documented = (DOCUMENTED / "history_success.json").read_bytes()
        answer = at(1335777400, post_action(returntype="json").data)
        assert typed(json.loads(answer)) == typed(json.loads(documented))


def test_the_documented_errors_are_reproduced() -> None:
    failure = Failure("{error description}")
    documented = (DOCUMENTED / "history_error.xml").read_bytes()
    answer = b"".join(RENDERERS["xml"].render(failure, 1335767184))
    assert declaration(answer) == declaration(documented)
    assert tree(answer) == tree(documented)
    documented = (DOCUMENTED / "history_error.json").read_bytes()
    answer = b"".join(RENDERERS["json"].render(failure, 1335777400))
    assert typed(json.loads(answer)) == typed(json.loads(documented))


def test_a_real_failure_has_the_documented_shape(account: Account, post_action: Post) -> None:
    answer = at(1335767184, post_action(datefrom="yesterday").data)
    documented = (DOCUMENTED / "history_error.xml").read_bytes()
    described = documented.replace(b"{error description}", b"'datefrom' is not valid")
    assert tree(answer) == tree(described)
