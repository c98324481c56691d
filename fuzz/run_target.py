"""Command `python -m fuzz.run_target TARGET`: one target under atheris.

Further arguments are libFuzzer's."""

from __future__ import annotations

import shlex
import sys

import atheris

from fuzz.targets import find_target

INSTRUMENTED = ["boxis_gateway", "werkzeug.sansio.multipart"]
"""Packages measured for coverage. None may be imported before the target."""


def main() -> None:
    """Fuzz until libFuzzer stops."""
    with atheris.instrument_imports(include=INSTRUMENTED):
        target = find_target(sys.argv[1])
    command = [sys.executable, "-m", "fuzz.run_target", sys.argv[1]]
    atheris.Setup(
        [shlex.join(command), *sys.argv[2:]], target.check
    )  # a merge runs this command again
    atheris.Fuzz()


if __name__ == "__main__":
    main()
