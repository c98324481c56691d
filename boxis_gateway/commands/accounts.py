"""`account add|list|show|disable|enable|set|rotate-key`: accounts of the form API."""

from __future__ import annotations

import secrets
import string
import sys

import click

from boxis_gateway.commands.options import (
    check_account_options,
    check_customer_name,
    check_username,
    named_values,
    with_store,
)
from boxis_gateway.errors import ConfigurationError
from boxis_gateway.settings import ACCOUNT_OPTIONS
from boxis_gateway.store import Store
from boxis_gateway.zones import utc_now

KEY_CHARACTERS = string.ascii_letters + string.digits
KEY_LENGTH = 24  # as in the provider's example; 142 bits
LONGEST_SENDER_NAME = 20
OPTION_NAMES = ", ".join(ACCOUNT_OPTIONS)


@click.group()
def account() -> None:
    """Add, show and change accounts.

    \b
    Example:
      boxis-gateway account add anna@example.com --timezone Europe/Warsaw
    """


@account.command()
@click.argument("username")
@click.option(
    "--user-key",
    metavar="KEY",
    help="The secret, or - to read it from stdin; generated and shown once by default.",
)
@click.option("--timezone", metavar="ZONE", help="Time zone of the account's dates.")
@click.option("--sender-name", "sender_names", metavar="NAME", multiple=True, help="Repeatable.")
@click.option(
    "--customer", metavar="NAME", help="Customer that owns the account; default: a new one."
)
@click.option(
    "--set",
    "options",
    metavar="OPTION=VALUE",
    multiple=True,
    callback=named_values,
    help=f"An option of the account: {OPTION_NAMES}. Repeatable.",
)
@with_store
def add(
    store: Store,
    username: str,
    user_key: str | None,
    timezone: str | None,
    sender_names: tuple[str, ...],
    customer: str | None,
    options: dict[str, str],
) -> None:
    """Add the account USERNAME, an e-mail address.

    \b
    Example:
      boxis-gateway account add anna@example.com --timezone Europe/Warsaw \\
          --sender-name boxis.net --set history_key=history
    """
    check_username(username)
    options = _with_timezone(options, timezone)
    check_account_options(options)
    _check_sender_names(sender_names)
    if customer is not None:
        check_customer_name(customer)
    key = _checked_key(user_key) if user_key is not None else new_key()
    store.accounts.add(
        username,
        key,
        utc_now(),
        options={name: text for name, text in options.items() if text},
        sender_names=sender_names,
        customer=customer,
    )
    click.echo(f"Account {username} added.")
    if user_key is None:
        click.echo(f"user_key: {key}")


@account.command("list")
@with_store
def list_(store: Store) -> None:
    """List all accounts.

    \b
    Example:
      boxis-gateway account list
    """
    for entry in store.accounts.all():
        click.echo(f"{entry.username}\t{'enabled' if entry.enabled else 'disabled'}")


@account.command()
@click.argument("username")
@with_store
def show(store: Store, username: str) -> None:
    """Show an account, without its key.

    \b
    Example:
      boxis-gateway account show anna@example.com
    """
    shown = store.accounts.get(username)
    click.echo(f"username: {shown.username}")
    click.echo(f"enabled: {'yes' if shown.enabled else 'no'}")
    click.echo(f"customer: {store.accounts.customer_name(shown)}")
    click.echo(f"sender_names: {', '.join(store.accounts.sender_names(shown))}")
    for name in ACCOUNT_OPTIONS:
        click.echo(f"{name}: {shown.options.get(name, '(server setting)')}")


@account.command()
@click.argument("username")
@with_store
def disable(store: Store, username: str) -> None:
    """Disable an account; its messages stay.

    \b
    Example:
      boxis-gateway account disable anna@example.com
    """
    store.accounts.set_enabled(store.accounts.get(username), False)
    click.echo(f"Account {username} disabled.")


@account.command()
@click.argument("username")
@with_store
def enable(store: Store, username: str) -> None:
    """Enable a disabled account.

    \b
    Example:
      boxis-gateway account enable anna@example.com
    """
    store.accounts.set_enabled(store.accounts.get(username), True)
    click.echo(f"Account {username} enabled.")


@account.command("set")
@click.argument("username")
@click.argument("options", nargs=-1, metavar="[OPTION=VALUE]...", callback=named_values)
@click.option("--timezone", metavar="ZONE", help="The same as timezone=ZONE.")
@click.option(
    "--sender-name",
    "sender_names",
    metavar="NAME",
    multiple=True,
    help="Replaces the account's sender names. Repeatable.",
)
@with_store
def set_(
    store: Store,
    username: str,
    options: dict[str, str],
    timezone: str | None,
    sender_names: tuple[str, ...],
) -> None:
    """Change options of an account. OPTION= resets one to the server's setting.

    \b
    Example:
      boxis-gateway account set anna@example.com history_key=both history_status_fields=yes
    """
    changed = store.accounts.get(username)
    options = _with_timezone(options, timezone)
    check_account_options(options)
    _check_sender_names(sender_names)
    if not options and not sender_names:
        raise click.UsageError(f"Nothing to set. Options: {OPTION_NAMES}.")
    store.accounts.set_options(changed, options)
    if sender_names:
        store.accounts.set_sender_names(changed, sender_names)
    click.echo(f"Account {username} changed.")


@account.command("rotate-key")
@click.argument("username")
@click.option(
    "--user-key",
    metavar="KEY",
    help="The new secret, or - to read it from stdin; generated and shown once by default.",
)
@with_store
def rotate_key(store: Store, username: str, user_key: str | None) -> None:
    """Replace the user key; the old one stops working at once.

    \b
    Example:
      boxis-gateway account rotate-key anna@example.com
    """
    key = _checked_key(user_key) if user_key is not None else new_key()
    store.accounts.set_user_key(store.accounts.get(username), key)
    click.echo(f"Account {username} has a new user key.")
    if user_key is None:
        click.echo(f"user_key: {key}")


def new_key() -> str:
    """A random user key."""
    return "".join(secrets.choice(KEY_CHARACTERS) for _ in range(KEY_LENGTH))


def _checked_key(key: str) -> str:
    if key == "-":
        key = sys.stdin.readline().rstrip("\r\n")
    if not key or not key.isprintable():
        raise ConfigurationError(
            "A user key needs printable characters; without --user-key one is generated."
        )
    return key


def _check_sender_names(names: tuple[str, ...]) -> None:
    if not all(name.isprintable() and 1 <= len(name) <= LONGEST_SENDER_NAME for name in names):
        raise ConfigurationError(
            f"A sender name needs 1 to {LONGEST_SENDER_NAME} printable characters."
        )


def _with_timezone(options: dict[str, str], timezone: str | None) -> dict[str, str]:
    return options if timezone is None else {**options, "timezone": timezone}


COMMAND = account
