"""`doctor`: check the installation, with a remedy for each finding."""

from __future__ import annotations

import click

from boxis_gateway.commands.options import with_settings
from boxis_gateway.commands.shown import printable
from boxis_gateway.doctor import Severity, examine
from boxis_gateway.settings import OPTIONS, Settings, find_sources, shown, without_secret


@click.command()
@with_settings("database_url")
@click.pass_context
def doctor(ctx: click.Context, settings: Settings) -> None:
    """Check settings, store, keys, permissions and clock. Ends with 1 if a check fails.

    \b
    Example:
      boxis-gateway doctor
    """
    sources = find_sources({"database_url": ctx.params["database_url"]})
    for name in OPTIONS:
        _, source = sources.get(name, ("", "default"))
        value = without_secret(shown(getattr(settings, name)))
        click.echo(f"set   {name} = {printable(value)} ({source})")
    failed = False
    for finding in examine(settings):
        failed |= finding.severity is Severity.FAIL
        click.echo(
            f"{finding.severity.value:5} {printable(finding.text)} {finding.remedy}".rstrip()
        )
    if failed:
        ctx.exit(1)


COMMAND = doctor
