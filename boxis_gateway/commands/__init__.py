"""The command line, one command a file (accounts.py has a group of them).

To add one, write `commands/prune.py` with a click command and name it here. Exit codes: 0 done,
1 could not be done (one line on stderr says why and what to do), 2 the call's words are off.
"""

from __future__ import annotations

import sys

import click

from boxis_gateway import __version__
from boxis_gateway.commands.accounts import account
from boxis_gateway.commands.call import call
from boxis_gateway.commands.contacts import contacts
from boxis_gateway.commands.customers import customer
from boxis_gateway.commands.doctor import doctor
from boxis_gateway.commands.employees import employee
from boxis_gateway.commands.history import history
from boxis_gateway.commands.import_messages import import_messages
from boxis_gateway.commands.init import init
from boxis_gateway.commands.migrate import migrate
from boxis_gateway.commands.serve import serve
from boxis_gateway.errors import OperatorError
from boxis_gateway.store import DATABASE_ERRORS, explained

COMMANDS = (
    init,
    migrate,
    customer,
    account,
    employee,
    contacts,
    import_messages,
    history,
    call,
    serve,
    doctor,
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="%(prog)s %(version)s")
def cli() -> None:
    """A self-hosted SMS gateway that speaks the Boxis.net form API.

    \b
    Example, from nothing to an answering server:
      boxis-gateway init
      boxis-gateway account add anna@example.com
      boxis-gateway import access.log --account anna@example.com
      boxis-gateway serve
    """


for _command in COMMANDS:
    cli.add_command(_command)


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
        _stop("A word of the call is not text in UTF-8.", 2)
    except DATABASE_ERRORS as error:
        _stop(explained(error), 1)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except OSError as error:
        _stop(f"{error}. Check the disk and the permissions.", 1)


def _stop(text: str, code: int) -> None:
    click.echo(f"boxis-gateway: {' '.join(text.split())}", err=True)
    sys.exit(code)
