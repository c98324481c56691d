#!/bin/sh
# The Debian packages that the benchmarks drive: wrk, the sqlite3 shell, nginx, and PHP under FPM.
# Root gets them installed; others are told the line that does it.
set -eu
PATH="$PATH:/usr/sbin:/sbin"
missing=""
command -v wrk >/dev/null 2>&1 || missing="$missing wrk"
command -v sqlite3 >/dev/null 2>&1 || missing="$missing sqlite3"
command -v nginx >/dev/null 2>&1 || missing="$missing nginx-light"
fpm=$(ls /usr/sbin/php-fpm* 2>/dev/null | sort | tail -n 1)
[ -n "$fpm" ] || missing="$missing php-fpm"
# opcache comes with php-fpm on Debian
if [ -z "$fpm" ] || ! "$fpm" -m 2>/dev/null | grep -qx pdo_sqlite; then
    missing="$missing php-sqlite3"
fi
[ -z "$missing" ] && exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing$missing ..." >&2
    export DEBIAN_FRONTEND=noninteractive
    # their services are not to start: the benchmarks start what they need, on free ports
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' > "$policy"
        chmod +x "$policy"
        trap 'rm -f "$policy"' EXIT
    fi
    # shellcheck disable=SC2086 # a list of words
    { apt-get update -qq && apt-get install -qq -y --no-install-recommends $missing; } >/dev/null
else
    echo "The benchmarks need what is missing here. Install it with: apt-get install$missing" >&2
    exit 1
fi
