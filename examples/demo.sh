#!/bin/sh
# `make run`, and an operator's first day: create a store, add accounts, import messages, serve.
# Harmless to repeat.
set -eu
cd "$(dirname "$0")/.."
PORT=${PORT:-8080}
folder="$(pwd)/.demo-$(id -u)"
mkdir -p "$folder" 2>/dev/null || folder=$(mktemp -d) # a checkout of another user
key=0123456789abcdefABCDEF01
export BOXIS_GATEWAY_DATABASE_URL="sqlite:///$folder/gateway.db"

boxis-gateway init
add() { boxis-gateway account show "$1" >/dev/null 2>&1 || boxis-gateway account add "$@"; }
add anna@example.com --user-key "$key" --timezone Europe/Warsaw --sender-name boxis.net
add bob@example.com --user-key "$key" --set history_key=history --set history_status_fields=yes

boxis-gateway employee list | grep -q anna@example.com ||
    boxis-gateway employee add anna@example.com --customer anna@example.com --level OWNER \
        --password only-for-the-demo

load() { boxis-gateway import --rejects "$folder/rejects.csv" "$@"; }
load examples/messages.csv --account anna@example.com --timezone Europe/Warsaw
load examples/messages.jsonl --account bob@example.com
load examples/kannel-access.log --account bob@example.com --timezone UTC

cat <<END

When the server listens, paste this into another terminal (Ctrl-C here stops the server):

  ts=\$(date +%s); curl -s http://127.0.0.1:$PORT/ -d username=anna@example.com -d timestamp=\$ts \\
    -d authcode=\$(printf %s "\${ts}$key" | md5sum | cut -c-32) -d section=sms -d action=getHistory

Both APIs as a page: http://127.0.0.1:$PORT/docs/ (log in as anna@example.com, only-for-the-demo)

END
command -v curl >/dev/null 2>&1 || echo "curl is missing here. Install it with: apt-get install curl" >&2
exec boxis-gateway serve --port "$PORT" --watch-port 0
