#!/bin/sh
# Make release/.venv: what builds the sdist and the wheel, and asks for known vulnerabilities. One
# that is whole is left as it is, without a look at the network; anything else is made anew.
set -eu
cd "$(dirname "$0")/.."
venv=release/.venv
wanted="$(cksum < release/requirements.txt) $(pwd)"

[ "$(cat $venv/ready 2>/dev/null)" = "$wanted" ] && $venv/bin/python -c 'import build' 2>/dev/null && exit 0
sh tools/venv.sh # says what is missing, if Python or its venv module is
echo "Making $venv (once; some seconds) ..." >&2
rm -rf $venv
.venv/bin/python -m venv $venv
if ! $venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input \
    --requirement release/requirements.txt; then
    echo "pip could not install what release/requirements.txt names; see its words above." >&2
    exit 1
fi
echo "$wanted" > $venv/ready
