"""The one table of options."""

from __future__ import annotations

import pytest

from boxis_gateway.errors import ConfigurationError
from boxis_gateway.settings import (
    OPTIONS,
    Settings,
    find_sources,
    for_account,
    load_settings,
    parse_account_option,
    parse_option,
    shown,
    variable,
)


@pytest.mark.parametrize("name", OPTIONS)
def test_every_default_can_be_typed(name: str) -> None:
    row = OPTIONS[name]
    assert parse_option(name, shown(row.default), "test") == row.default
    assert row.metadata["help"].endswith(".")


def test_the_command_line_wins_over_the_environment() -> None:
    environ = {"BOXIS_GATEWAY_PORT": "1", "BOXIS_GATEWAY_HOST": "h", "OTHER": "x"}
    settings = load_settings({"port": "2", "host": None}, environ)
    assert (settings.port, settings.host, settings.workers) == (2, "h", Settings().workers)
    assert find_sources({"port": "2"}, environ) == {
        "port": ("2", "--port"),
        "host": ("h", "BOXIS_GATEWAY_HOST"),
    }


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("port", "-1"),
        ("port", "65536"),
        ("port", "１"),
        ("port", "9" * 5000),
        ("workers", ""),
        ("timezone", "Nowhere"),
        ("history_key", "Senders"),
        ("history_status_fields", "maybe"),
        ("log_level", "loud"),
        ("database_url", ""),
    ],
)
def test_a_wrong_value_names_the_variable(name: str, text: str) -> None:
    with pytest.raises(ConfigurationError, match=variable(name)):
        load_settings({}, {variable(name): text})


@pytest.mark.parametrize("text", ["1", "true", "YES", "on"])
def test_a_flag_has_several_spellings(text: str) -> None:
    assert parse_option("history_status_fields", text, "") is True


def test_an_account_has_only_the_options_of_an_account() -> None:
    assert parse_account_option("timezone", "Europe/Warsaw") == "Europe/Warsaw"
    with pytest.raises(ConfigurationError, match="Unknown account option 'port'"):
        parse_account_option("port", "1")


def test_an_account_s_options_win_over_the_server_s() -> None:
    server = Settings(timezone="Asia/Tokyo")
    assert for_account(server, {}) is server
    assert for_account(server, {"timezone": "UTC"}).timezone == "UTC"
