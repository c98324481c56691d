"""Options that commands share: the settings, and the store that they name."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from boxis_gateway.errors import ConfigurationError
from boxis_gateway.settings import (
    OPTIONS,
    Settings,
    load_settings,
    parse_account_option,
    shown,
    variable,
)
from boxis_gateway.store import Store

Command = Callable[..., Any]


def with_settings(*names: str) -> Callable[[Command], Command]:
    """Give the command the settings of these names as options, and `settings` as its argument."""

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def run(**arguments: Any) -> Any:
            given = {name: arguments.pop(name) for name in names}
            return command(settings=load_settings(given), **arguments)

        for name in reversed(names):
            row = OPTIONS[name]
            help_text = row.metadata["help"].replace("`", "")
            click.option(
                "--" + name.replace("_", "-"),
                name,
                metavar=(row.metadata["unit"] or name.rsplit("_")[-1]).upper(),
                help=f"{help_text} [{variable(name)}; default: {shown(row.default)}]",
            )(run)
        return run

    return decorate


def with_store(command: Command) -> Command:
    """Give the command `--database-url` and the current store that it names as `store`."""

    @with_settings("database_url")
    @functools.wraps(command)
    def run(settings: Settings, **arguments: Any) -> Any:
        store = Store(settings.database_url).require_current()
        try:
            return command(store=store, **arguments)
        finally:
            store.close()

    return run


def named_values(
    ctx: click.Context, param: click.Parameter, pairs: tuple[str, ...]
) -> dict[str, str]:
    """`NAME=VALUE …` as a dictionary (a click callback)."""
    for pair in pairs:
        if "=" not in pair:
            raise click.BadParameter(f"{pair!r} is not of the form NAME=VALUE.", ctx, param)
    return dict(pair.split("=", 1) for pair in pairs)


def check_account_options(options: dict[str, str]) -> None:
    """Raise ConfigurationError for a name or value that an account cannot have; "" is fine, it
    goes back to the server's setting."""
    for name, text in options.items():
        if text or name not in OPTIONS:
            parse_account_option(name, text)


def check_customer_name(name: str) -> None:
    """Raise ConfigurationError for what can't be shown."""
    if not name.strip() or not name.isprintable():
        raise ConfigurationError("A customer's name has printable characters.")


def check_username(username: str) -> None:
    """Raise ConfigurationError for what nobody could send as a user name."""
    if not username.isprintable() or " " in username or not 1 <= len(username) <= 254:
        raise ConfigurationError(
            "A user name has 1 to 254 printable characters without spaces; an e-mail address is "
            "what clients expect."
        )
