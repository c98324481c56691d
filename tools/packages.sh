#!/bin/sh
# The Debian packages that the tests drive: clients (PHP with curl and XML, curl) and sources of
# messages (Kannel with its test SMSC, Gammu SMSD on SQLite, MariaDB), what reads those besides, and
# Redis; with the argument "guard", valgrind, which counts for the guard.
# Root gets them installed; others are told the line that does it.
set -eu
missing=""
if [ "${1:-}" = guard ]; then
    command -v valgrind >/dev/null 2>&1 || missing=" valgrind"
else
    command -v curl >/dev/null 2>&1 || missing="$missing curl"
    if command -v php >/dev/null 2>&1; then
        php -r 'exit(extension_loaded("curl") ? 0 : 1);' || missing="$missing php-curl"
        php -r 'exit(extension_loaded("simplexml") ? 0 : 1);' || missing="$missing php-xml"
    else
        missing="$missing php-cli php-curl php-xml"
    fi
    command -v sqlite3 >/dev/null 2>&1 || missing="$missing sqlite3"
    command -v awk >/dev/null 2>&1 || missing="$missing mawk"
    [ -x /usr/sbin/bearerbox ] || missing="$missing kannel"
    [ -x /usr/lib/kannel/test/fakesmsc ] || missing="$missing kannel-extras"
    [ -x /usr/bin/gammu-smsd ] || missing="$missing gammu-smsd"
    ls /usr/lib/*/dbd/libdbdsqlite3.so >/dev/null 2>&1 || missing="$missing libdbd-sqlite3"
    command -v redis-server >/dev/null 2>&1 || missing="$missing redis-server"
    [ -x /usr/sbin/mariadbd ] || missing="$missing mariadb-server-core"
fi
[ -z "$missing" ] && exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing$missing ..." >&2
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086 # a list of words
    { apt-get update -qq && apt-get install -qq -y --no-install-recommends $missing; } >/dev/null
else
    echo "Something that is needed is missing here. Install it with: apt-get install$missing" >&2
    exit 1
fi
