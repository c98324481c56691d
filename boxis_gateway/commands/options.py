"""Options that commands share: settings, the store, names."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import closing
from typing import Any

import click

from boxis_gateway.errors import ConfigurationError
from boxis_gateway.model import MAX_USERNAME_LENGTH
from boxis_gateway.opening import open_store
from boxis_gateway.settings import (
    OPTIONS,
    Settings,
    load_settings,
    parse_account_option,
    shown,
    variable,
)

Command = Callable[..., Any]


def with_settings(*names: str) -> Callable[[Command], Command]:
    """Add these settings as options, and pass `settings` to the command."""

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
    """Add `--database-url`, and pass the open, current store to the command as `store`."""

    @with_settings("database_url")
    @functools.wraps(command)
    def run(settings: Settings, **arguments: Any) -> Any:
        with closing(open_store(settings).require_current()) as store:
            return command(store=store, **arguments)

    return run


def named_values(
    ctx: click.Context, param: click.Parameter, pairs: tuple[str, ...]
) -> dict[str, str]:
    """Click callback: `NAME=VALUE …` as a dictionary."""
    for pair in pairs:
        if "=" not in pair:
            raise click.BadParameter(f"{pair!r} is not NAME=VALUE.", ctx, param)
    return dict(pair.split("=", 1) for pair in pairs)


def check_account_options(options: dict[str, str]) -> None:
    """Raise ConfigurationError for an unknown name or a value that is not valid; "" resets an
    option."""
    for name, text in options.items():
        if text or name not in OPTIONS:
            parse_account_option(name, text)


def check_customer_name(name: str) -> None:
    """Raise ConfigurationError unless the name is printable."""
    if not name.strip() or not name.isprintable():
        raise ConfigurationError("A customer's name needs printable characters.")


def check_username(username: str) -> None:
    """Raise ConfigurationError for a user name that no client could send."""
    if (
        not username.isprintable()
        or " " in username
        or not 1 <= len(username) <= MAX_USERNAME_LENGTH
    ):
        raise ConfigurationError(
            f"A user name needs 1 to {MAX_USERNAME_LENGTH} printable characters without spaces; "
            "clients expect an e-mail address."
        )
