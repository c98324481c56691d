"""`rotate-secrets`: a new key for what is encrypted in the store."""

from __future__ import annotations

import click

from boxis_gateway.commands.options import with_store
from boxis_gateway.store import Store


@click.command("rotate-secrets")
@click.option(
    "--drop-old",
    is_flag=True,
    help="Take the old keys out of the key file: older backups need them to be restored.",
)
@click.option(
    "--forget-user-keys",
    is_flag=True,
    help="Go on without the key that is lost: accounts get user keys that nobody knows.",
)
@with_store
def rotate_secrets(store: Store, drop_old: bool, forget_user_keys: bool) -> None:
    """Encrypt the user keys in the store with a new key, which is put first in the key file.

    User keys stay as they are, and servers go on meanwhile. A first key that the store does not
    have yet is taken, in place of a new one; those of the environment are only taken. What was
    stopped is finished by the same call.

    \b
    Example:
      boxis-gateway rotate-secrets --drop-old
    """
    rotated = store.user_keys.rotate(drop_old=drop_old, forget=forget_user_keys)
    place = store.vault.keys.place
    click.echo(f"{rotated.accounts} user keys are encrypted anew, with the first key in {place}.")
    click.echo("Keep a copy of it apart from the store and its backups.")
    for username in rotated.forgotten:
        click.echo(f"Nobody knows the user key of {username}: boxis-gateway account rotate-key")


COMMAND = rotate_secrets
