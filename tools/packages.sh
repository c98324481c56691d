#!/bin/sh
# The Debian packages that are driven: sh tools/packages.sh [test|guard|bench|examples]
#   test      clients (PHP with curl and XML, curl), sources of messages (Kannel with its test SMSC,
#             Gammu SMSD on SQLite, MariaDB), programs that read those too, Redis, wrk
#   guard     valgrind, which counts instructions
#   bench     wrk, the sqlite3 shell, nginx, and PHP under FPM
#   examples  nginx, systemd, promtool and openssl, which read the files in examples/
# Installed for root; other users get the command that installs them.
set -eu
PATH="$PATH:/usr/sbin:/sbin"
missing=""

need() { # PACKAGE COMMAND...: the package is missing unless the command succeeds
    package=$1
    shift
    "$@" >/dev/null 2>&1 || missing="$missing $package"
}
program() { need "$1" command -v "${2:-$1}"; }
php_has() { php -m | grep -qix "$1"; }
fpm_has() { "$(ls /usr/sbin/php-fpm* | sort | tail -n 1)" -m | grep -qx "$1"; }

case ${1:-test} in
guard)
    program valgrind
    ;;
bench)
    program wrk
    program sqlite3
    program nginx-light nginx
    need php-fpm sh -c 'ls /usr/sbin/php-fpm*'
    need php-sqlite3 fpm_has pdo_sqlite # opcache comes with php-fpm on Debian
    ;;
examples)
    program nginx-light nginx
    program systemd systemd-analyze
    program prometheus promtool
    program openssl
    ;;
test)
    program curl
    program php-cli php
    need php-curl php_has curl
    need php-xml php_has simplexml
    program sqlite3
    program wrk
    program mawk awk
    program kannel bearerbox
    need kannel-extras test -x /usr/lib/kannel/test/fakesmsc
    program gammu-smsd
    need libdbd-sqlite3 sh -c 'ls /usr/lib/*/dbd/libdbdsqlite3.so'
    program redis-server
    program mariadb-server-core mariadbd
    ;;
*)
    echo "There is no list of packages '$1'; there are test, guard, bench and examples." >&2
    exit 2
    ;;
esac
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "Something that is needed is missing here. Install it with: apt-get install$missing" >&2
    exit 1
fi

echo "Installing$missing ..." >&2
export DEBIAN_FRONTEND=noninteractive
# their services do not start: what needs them starts them, on free ports
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod +x "$policy"
    trap 'rm -f "$policy"' EXIT
fi
# shellcheck disable=SC2086 # a list of words
{ apt-get update -qq && apt-get install -qq -y --no-install-recommends $missing; } >/dev/null
