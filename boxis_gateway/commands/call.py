"""`call`: a signed request to a Boxis-compatible form API."""

from __future__ import annotations

import sys
import time

import click

from boxis_gateway import client
from boxis_gateway.commands.options import named_values


@click.command()
@click.argument("url")
@click.argument("section")
@click.argument("action")
@click.argument("params", nargs=-1, metavar="[NAME=VALUE]...", callback=named_values)
@click.option("--username", required=True)
@click.option(
    "--user-key", required=True, envvar="BOXIS_GATEWAY_USER_KEY", show_envvar=True, metavar="KEY"
)
@click.option("--returntype", default="xml", show_default=True, help="xml or json.")
@click.pass_context
def call(
    ctx: click.Context,
    url: str,
    section: str,
    action: str,
    params: dict[str, str],
    username: str,
    user_key: str,
    returntype: str,
) -> None:
    """Sign and send SECTION ACTION to URL and show the answer, byte for byte.

    If the answer has a true timestamperror, the request is signed again with the server's
    timestamp and sent once more. Ends with 1 if the result is not 1.

    \b
    Example:
      boxis-gateway call http://127.0.0.1:8080/ --username anna@example.com --user-key KEY \\
          sms getHistory datefrom='2026-11-01 00:00' --returntype json
    """
    common = {"version": "1.0", "section": section, "action": action, "returntype": returntype}
    envelope = client.call(url, username, user_key, {**common, **params}, lambda: int(time.time()))
    click.echo(envelope.body, nl=sys.stdout.isatty())
    if envelope.result != "1":
        ctx.exit(1)


COMMAND = call
