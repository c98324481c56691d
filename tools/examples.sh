#!/bin/sh
# Show examples/ to the programs that read them: nginx, systemd and Prometheus. The tests run the
# others: client.py and client.php (tests/server/test_server.py), demo.sh and the message files
# (tests/project/test_docs_commands.py), grafana-dashboard.json (tests/project/test_monitoring_docs.py).
set -eu
cd "$(dirname "$0")/.."
PATH="$PATH:/usr/sbin:/sbin"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# the files name programs, a user and a certificate of an installed gateway: put in what is here
openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=sms.example.com \
    -keyout "$work/privkey.pem" -out "$work/fullchain.pem" 2>/dev/null
sed -e "s,/etc/letsencrypt/live/sms.example.com/,$work/," -e "s,/var/log/nginx/,$work/," \
    examples/nginx.conf >"$work/site.conf"
echo "pid $work/pid; error_log $work/log; events {} http { include $work/site.conf; }" >"$work/nginx.conf"
nginx -t -q -p "$work" -c "$work/nginx.conf"
echo "nginx reads examples/nginx.conf"

for unit in examples/*.service; do
    sed -e "s,/opt/boxis-gateway/bin/,$PWD/.venv/bin/," -e '/^User=/d' -e '/^Group=/d' \
        "$unit" >"$work/${unit##*/}"
done
if ! systemd-analyze verify "$work"/*.service >"$work/words" 2>&1 ||
    grep -qF "$work" "$work/words"; then # a setting that it does not know is only a warning
    cat "$work/words" >&2
    exit 1
fi
echo "systemd reads examples/*.service"

promtool check config examples/prometheus.yml
