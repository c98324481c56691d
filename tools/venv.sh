#!/bin/sh
# Make .venv with this project in it; with the argument "test", also what its tests need.
# A .venv that is whole and of the same setup.cfg, folder and extra is left as it is, without a look
# at the network; anything else (cut short, moved, of an older setup.cfg) is made anew.
set -eu
cd "$(dirname "$0")/.."
extra=${1:-}
wanted="$(cat setup.cfg pyproject.toml | cksum) $(pwd)"

ready() {
    [ "$(cat ".venv/ready-$1" 2>/dev/null)" = "$wanted" ] &&
        .venv/bin/python -c 'import boxis_gateway, flask, gunicorn, lxml, marshmallow, peewee' 2>/dev/null
}

if ready test || { [ -z "$extra" ] && ready run; }; then
    exit 0
fi

for python in python3 python3.14 python3.13 python3.12 python3.11 none; do
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break
done
if [ "$python" = none ]; then
    echo "Python 3.11 or later is missing. Install it with: apt-get install python3 python3-venv" >&2
    exit 1
fi
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    echo "Python's venv module is missing. Install it with: apt-get install python$version-venv" >&2
    exit 1
fi

echo "Making .venv (once; some seconds) ..." >&2
if ! ready run; then # if it is, the extra goes into it: should that fail, make run still works
    rm -rf .venv 2>/dev/null || true
    if [ -e .venv ]; then
        echo ".venv belongs to another user and is not whole. Remove it, or use a checkout of your own." >&2
        exit 1
    fi
    "$python" -m venv .venv
fi
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input \
    --editable ".${extra:+[$extra]}" || {
    echo "pip could not install the packages that setup.cfg names; see its words above." >&2
    exit 1
}
echo "$wanted" > ".venv/ready-${extra:-run}"
