#!/bin/sh
# Make a virtual environment with this project and what one extra of setup.cfg adds:
#
#     sh tools/venv.sh [EXTRA [FOLDER]]         FOLDER is .venv
#
# A folder that is complete and up to date is left alone, without a look at the network; .venv with
# the extra "test" also serves those who want none. Anything else (cut short, moved, of an older
# setup.cfg) is made anew.
set -eu
cd "$(dirname "$0")/.."
extra=${1:-}
venv=${2:-.venv}
wanted="$(cat setup.cfg pyproject.toml | cksum) $(pwd)"

ready() {
    [ "$(cat "$venv/ready-$1" 2>/dev/null)" = "$wanted" ] && [ -x "$venv/bin/boxis-gateway" ] &&
        "$venv/bin/python" -c 'import apispec, apsw, argon2, boxis_gateway, flask, flask_swagger_ui, gunicorn, httptools, lxml, marshmallow, peewee' 2>/dev/null
}
enough() { ready "${extra:-run}" || { [ -z "$extra" ] && ready test; }; }
stop() {
    echo "$1" >&2
    exit 1
}

enough && exit 0

for python in python3 python3.14 python3.13 python3.12 python3.11 none; do
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break
done
[ "$python" != none ] ||
    stop "Python 3.11 or later is missing. Install it with: apt-get install python3 python3-venv"
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    stop "Python's venv module is missing. Install it with: apt-get install python$version-venv"
fi
[ -w . ] || stop "You cannot write in $(pwd), where $venv is to be made: copy the project to a folder of yours."
for made in "$venv" "$venv/lib" boxis_gateway.egg-info; do # pip writes in all of them
    [ ! -e "$made" ] || [ -w "$made" ] ||
        stop "$(pwd)/$made is another user's. Make it yours with: sudo chown -R $(id -un) '$(pwd)'"
done

# one set-up at a time: the next one finds the work done (the lock is on the folder, not on a file)
if command -v flock >/dev/null 2>&1; then
    exec 9<.
    flock 9
    enough && exit 0
fi

trap 'echo "Stopped. The next make goes on from here." >&2; exit 130' INT
if ready run; then
    echo "Adding to $venv what the extra '$extra' needs (once; some seconds) ..." >&2
else
    echo "Making $venv (once; some seconds) ..." >&2
    rm -rf "$venv"
    words=$("$python" -m venv "$venv" 2>&1) || stop "$(printf '%s\n' "$words" | tail -n 1)"
fi
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input \
    --editable ".${extra:+[$extra]}" 9<&- ||
    stop "pip could not install the packages that setup.cfg names; see its words above."
echo "$wanted" > "$venv/ready-${extra:-run}"
