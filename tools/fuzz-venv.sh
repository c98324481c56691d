#!/bin/sh
# Add atheris to .venv, where there is one for this Python; it is never compiled here. Where there is
# none, python -m fuzz says that fuzzing is left out.
set -eu
cd "$(dirname "$0")/.."
.venv/bin/python -c 'import atheris' 2>/dev/null && exit 0
atheris=$(sed -n '/^fuzz =/{n;s/^ *//;p;}' setup.cfg)
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input \
    --only-binary :all: "$atheris" 2>/dev/null || true
