"""Command line, one command or group of commands a file.

To add one, write `commands/prune.py` with a click command `COMMAND` and name it here. Exit codes: 0
done, 1 failed (one line on stderr with the remedy), 2 wrong usage.
"""

from __future__ import annotations

import os
import pwd
import socket
import sys
from importlib import import_module

import click

from boxis_gateway import __version__
from boxis_gateway.commands.shown import printable
from boxis_gateway.errors import OperatorError
from boxis_gateway.store import DATABASE_ERRORS, acting_as, describe_error

COMMANDS = {
    "init": "init",
    "migrate": "migrate",
    "customer": "customers",
    "account": "accounts",
    "employee": "employees",
    "contacts": "contacts",
    "import": "import_messages",
    "export": "export",
    "prune": "prune",
    "erase": "erase",
    "history": "history",
    "call": "call",
    "serve": "serve",
    "doctor": "doctor",
    "backup": "backup",
    "restore": "restore",
    "copy": "copy",
    "rotate-secrets": "rotate_secrets",
    "verify": "verify",
    "audit": "audit",
}
"""Name -> module, which has its click command as `COMMAND`."""


class Commands(click.Group):
    """Group that loads only the module of the command that runs: the web server takes longer to
    load than most commands take to run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, or None."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"boxis_gateway.commands.{COMMANDS[cmd_name]}")
        command: click.Command = module.COMMAND
        return command


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, message="%(prog)s %(version)s")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """A self-hosted SMS gateway that speaks the Boxis.net form API.

    \b
    Example, from nothing to an answering server:
      boxis-gateway init
      boxis-gateway account add anna@example.com
      boxis-gateway import access.log --account anna@example.com
      boxis-gateway serve
    """
    ctx.with_resource(acting_as(operator(), f"command line of {socket.gethostname()}"))


def main() -> None:
    """Run the command line and end the process with its exit code."""
    try:
        sys.exit(cli.main(prog_name="boxis-gateway", standalone_mode=False))
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        sys.exit(2)
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx else "boxis-gateway"
        _stop(f"{error.format_message()} See '{path} --help'.", 2)
    except click.ClickException as error:
        _stop(error.format_message(), 1)
    except OperatorError as error:
        _stop(str(error), 1)
    except (click.Abort, KeyboardInterrupt):
        _stop("Stopped.", 130)
    except UnicodeEncodeError:
        _stop("An argument is not valid UTF-8.", 2)
    except DATABASE_ERRORS as error:
        _stop(describe_error(error), 1)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except OSError as error:
        _stop(f"{error}. Check the disk and the permissions.", 1)


def operator() -> str:
    """Name of the operating system user, with the caller's behind sudo."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        name = str(os.getuid())
    caller = os.environ.get("SUDO_USER", name)
    return name if caller == name else f"{caller} as {name}"


def _stop(text: str, code: int) -> None:
    click.echo(f"boxis-gateway: {printable(' '.join(text.split()))}", err=True)
    sys.exit(code)
