"""One target under atheris: `python -m fuzz.one TARGET`, then what libFuzzer takes."""

from __future__ import annotations

import shlex
import sys

import atheris

from fuzz.targets import find_target

FOLLOWED = ["boxis_gateway", "werkzeug.sansio.multipart"]
"""What the fuzzer sees the inside of. None of it may be imported before the target."""


def main() -> None:
    """Fuzz until told to stop."""
    with atheris.instrument_imports(include=FOLLOWED):
        target = find_target(sys.argv[1])
    command = [sys.executable, "-m", "fuzz.one", sys.argv[1]]
    atheris.Setup([shlex.join(command), *sys.argv[2:]], target.check)  # a merge runs it again
    atheris.Fuzz()


if __name__ == "__main__":
    main()
