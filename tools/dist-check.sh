#!/bin/sh
# Make the sdist and the wheel, make them again from the unpacked sdist under another umask and in
# another time zone, compare, and run the program from the installed wheel.
set -eu
cd "$(dirname "$0")/.."
export PYTHON="$PWD/.venv-tools/bin/python"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

sh tools/dist.sh
"$PYTHON" -m twine --no-color check --strict dist/*

git ls-files ':!:.*' >"$work/files" # what starts with a dot is of the repository alone
tar -tf dist/*.tar.gz | sed -e 's,^[^/]*/,,' -e '/\/$/d' -e '/egg-info\//d' -e '/^PKG-INFO$/d' -e '/^$/d' |
    LC_ALL=C sort | diff "$work/files" -
grep '^boxis_gateway/' "$work/files" >"$work/package"
"$PYTHON" -m zipfile -l dist/*.whl | awk '/^boxis_gateway\// {print $1}' |
    LC_ALL=C sort | diff "$work/package" -

mkdir "$work/some where"
tar -x -C "$work/some where" -f dist/*.tar.gz
(umask 077 && TZ=Asia/Kathmandu PYTHONHASHSEED=1 sh "$work/some where"/*/tools/dist.sh >/dev/null)
for made in dist/*; do
    cmp "$made" "$work/some where"/*/"$made"
done

.venv-tools/bin/uv --quiet venv --python "$PYTHON" "$work/venv"
.venv-tools/bin/uv --quiet pip install --system-certs --python "$work/venv" dist/*.whl
version=$(cd "$work" && venv/bin/boxis-gateway --version)
echo "The same from the repository and from the sdist; installed and run: $version"
