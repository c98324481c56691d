"""`employee add|list|set-level|…`: users of the REST API."""

from __future__ import annotations

import secrets
import sys

import click

from boxis_gateway.commands.options import check_username, with_store
from boxis_gateway.errors import ConfigurationError
from boxis_gateway.levels import Level, State
from boxis_gateway.passwords import MAX_LENGTH, MIN_LENGTH, hash_password
from boxis_gateway.store import Store
from boxis_gateway.zones import utc_now

LEVELS = click.Choice([level.value for level in Level], case_sensitive=False)
PASSWORD_HELP = "The password, or - to read it from stdin; generated and shown once by default."


@click.group()
def employee() -> None:
    """Add, show and change employees.

    \b
    Example:
      boxis-gateway employee add anna@example.com --customer "Anna's shop" --level OWNER
    """


@employee.command()
@click.argument("username")
@click.option("--customer", metavar="NAME", required=True, help="Employer, by name or id.")
@click.option("--level", type=LEVELS, default="VIEWER", show_default=True, help="Access level.")
@click.option("--name", metavar="NAME", help="Display name; default: USERNAME.")
@click.option("--password", metavar="PASSWORD", help=PASSWORD_HELP)
@with_store
def add(
    store: Store, username: str, customer: str, level: str, name: str | None, password: str | None
) -> None:
    """Add the employee USERNAME, an e-mail address or a name of 8 characters or more.

    \b
    Example:
      boxis-gateway employee add anna@example.com --customer "Anna's shop" --level OWNER
    """
    check_username(username)
    if "@" not in username and len(username) < 8:
        raise ConfigurationError("A user name is an e-mail address, or has at least 8 characters.")
    owner = store.customers.get(customer)
    made = _password(password)
    store.employees.add(
        owner, username, name or username, Level(level.upper()), hash_password(made), utc_now()
    )
    click.echo(f"Employee {username} added.")
    if password is None:
        click.echo(f"password: {made}")


@employee.command("list")
@with_store
def list_(store: Store) -> None:
    """List all employees: user name, level, state and customer.

    \b
    Example:
      boxis-gateway employee list
    """
    names = {customer.id: customer.name for customer in store.customers.all()}
    for entry in store.employees.all():
        words = (entry.username, entry.level, entry.state, names.get(entry.customer_id, ""))
        click.echo("\t".join(words))


@employee.command("set-level")
@click.argument("username")
@click.argument("level", type=LEVELS)
@with_store
def set_level(store: Store, username: str, level: str) -> None:
    """Change an employee's access level, from the next request on.

    \b
    Example:
      boxis-gateway employee set-level anna@example.com MANAGER
    """
    store.employees.set_level(store.employees.get(username), Level(level.upper()))
    click.echo(f"Employee {username} is {level.upper()}.")


@employee.command("set-password")
@click.argument("username")
@click.option("--password", metavar="PASSWORD", help=PASSWORD_HELP)
@with_store
def set_password(store: Store, username: str, password: str | None) -> None:
    """Replace the password; all sessions and machine tokens end.

    \b
    Example:
      boxis-gateway employee set-password anna@example.com
    """
    generated = _password(password)
    store.employees.set_password_hash(store.employees.get(username), hash_password(generated))
    click.echo(f"Employee {username} has a new password.")
    if password is None:
        click.echo(f"password: {generated}")


@employee.command()
@click.argument("username")
@with_store
def tokens(store: Store, username: str) -> None:
    """List an employee's tokens: id, kind, start, end and address of the login.

    \b
    Example:
      boxis-gateway employee tokens anna@example.com
    """
    for token in store.tokens.all(store.employees.get(username)):
        kind = "machine" if token.machine else "session"
        ends = token.expires_at or "never"
        click.echo("\t".join((token.id, kind, token.created_at, ends, token.address or "")))


@employee.command("end-token")
@click.argument("username")
@click.argument("token_id", metavar="ID|all")
@with_store
def end_token(store: Store, username: str, token_id: str) -> None:
    """End the token of an ID that 'employee tokens' shows, or all of the employee.

    \b
    Example:
      boxis-gateway employee end-token anna@example.com all
    """
    owner = store.employees.get(username)
    if token_id == "all":
        store.tokens.clear(owner, machines=True)
    else:
        store.tokens.end_by_id(owner, token_id)
    click.echo(f"Tokens of {username} ended." if token_id == "all" else f"Token {token_id} ended.")


@employee.command()
@click.argument("username")
@with_store
def disable(store: Store, username: str) -> None:
    """Disable an employee, and revoke all sessions and machine tokens.

    \b
    Example:
      boxis-gateway employee disable anna@example.com
    """
    disabled = store.employees.get(username)
    store.employees.set_state(disabled, State.DISABLED)
    store.tokens.clear(disabled, machines=True)
    click.echo(f"Employee {username} disabled.")


@employee.command()
@click.argument("username")
@with_store
def enable(store: Store, username: str) -> None:
    """Enable a disabled employee.

    \b
    Example:
      boxis-gateway employee enable anna@example.com
    """
    store.employees.set_state(store.employees.get(username), State.ENABLED)
    click.echo(f"Employee {username} enabled.")


def _password(given: str | None) -> str:
    if given is None:
        return secrets.token_urlsafe(15)
    password = sys.stdin.readline().rstrip("\r\n") if given == "-" else given
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise ConfigurationError(
            f"A password needs {MIN_LENGTH} to {MAX_LENGTH} characters; omit --password to "
            "generate one."
        )
    return password


COMMAND = employee
