"""`rotate-secrets`: rotate the encryption key of the store."""

from __future__ import annotations

import click

from boxis_gateway.commands.options import with_store
from boxis_gateway.store import Store


@click.command("rotate-secrets")
@click.option(
    "--drop-old",
    is_flag=True,
    help="Remove the old keys from the key file; restoring older backups needs them.",
)
@click.option(
    "--forget-user-keys",
    is_flag=True,
    help="Recover from a lost key: every account gets a random user key.",
)
@with_store
def rotate_secrets(store: Store, drop_old: bool, forget_user_keys: bool) -> None:
    """Encrypt the user keys in the store with a new key, which becomes the first of the key file.

    User keys stay the same, and servers go on meanwhile. If the first key is new to the store, or
    the keys come from the environment, no key is generated. If it was stopped, run it again.

    \b
    Example:
      boxis-gateway rotate-secrets --drop-old
    """
    rotated = store.user_keys.rotate(drop_old=drop_old, forget=forget_user_keys)
    location = store.vault.keys.location
    click.echo(f"{rotated.accounts} user keys are encrypted with the first key in {location}.")
    click.echo("Keep a copy of it apart from the store and its backups.")
    for username in rotated.forgotten:
        click.echo(f"{username} needs a new user key: boxis-gateway account rotate-key {username}")


COMMAND = rotate_secrets
