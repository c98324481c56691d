#!/bin/sh
# Make the sdist and the wheel of the last commit in dist/, and print their hashes.
#
# The same bytes come out wherever and by whomever they are made with one version of setuptools
# (the wheel names it): files are those of the commit, or of an unpacked sdist; times are the
# commit's; modes and owners are plain.
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-$PWD/.venv-tools/bin/python}
umask 022
export TZ=UTC LC_ALL=C.UTF-8
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/project"

if [ -e .git ]; then
    epoch=$(git log -1 --format=%ct)
    git archive HEAD | tar -x -C "$work/project"
else
    epoch=$(stat -c %Y setup.cfg)
    tar -c -T ./*.egg-info/SOURCES.txt | tar -x -C "$work/project"
fi
chmod -R u=rwX,go=rX "$work/project"
export SOURCE_DATE_EPOCH="$epoch"
if ! "$python" -m build --no-isolation --outdir "$work/dist" "$work/project" >"$work/log" 2>&1 ||
    grep Deprecat "$work/log" >&2; then
    cat "$work/log" >&2
    exit 1
fi

# setuptools leaves the time and the builder's name in the sdist
sdist=$(basename "$work"/dist/*.tar.gz)
mkdir "$work/sdist"
tar -x -C "$work/sdist" -f "$work/dist/$sdist"
tar -c -C "$work/sdist" --format=ustar --sort=name --mtime="@$epoch" --mode=u=rwX,go=rX \
    --owner=0 --group=0 --numeric-owner "${sdist%.tar.gz}" | gzip -9n >"$work/dist/$sdist"

rm -rf dist
mv "$work/dist" dist
sha256sum dist/*
