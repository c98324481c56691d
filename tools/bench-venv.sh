#!/bin/sh
# Make benchmarks/.venv: this project, and the peers that it is measured against, which never mix
# with the project's own .venv. One that is whole and of the same setup.cfg and folder is left as it
# is, without a look at the network; anything else is made anew.
set -eu
cd "$(dirname "$0")/.."
venv=benchmarks/.venv
wanted="$(cat setup.cfg pyproject.toml | cksum) $(pwd)"

ready() {
    [ "$(cat $venv/ready 2>/dev/null)" = "$wanted" ] && [ -x $venv/bin/boxis-gateway ] &&
        $venv/bin/python -c 'import boxis_gateway, fastapi, sqlalchemy, uvicorn, datasette' 2>/dev/null
}
stop() {
    echo "$1" >&2
    exit 1
}

ready && exit 0
sh tools/venv.sh # says what is missing, if Python or its venv module is

# one set-up at a time: the other one finds the work done
if command -v flock >/dev/null 2>&1; then
    exec 9<benchmarks
    flock 9
    ready && exit 0
fi

trap 'echo "Stopped. The next make goes on from here." >&2; exit 130' INT
echo "Making $venv (once; some seconds) ..." >&2
rm -rf $venv
.venv/bin/python -m venv $venv || stop "$venv could not be made."
$venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input \
    --editable ".[bench]" 9<&- ||
    stop "pip could not install the packages that setup.cfg names; see its words above."
echo "$wanted" > $venv/ready
