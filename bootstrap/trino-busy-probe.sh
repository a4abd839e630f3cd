#!/usr/bin/env bash
# EMR bootstrap action: keep a cluster alive while Trino or Presto runs queries.
#
#   trino-busy-probe.sh [PORT]        PORT of the coordinator; EMR's is 8889
#
# EMR's auto-termination watches YARN and takes a cluster that only answers queries for
# idle. From EMR 6.4 it also looks at a file that anybody may touch:
# https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-auto-termination-policy.html
# A systemd timer on the primary node asks the coordinator once a minute for queries that
# are not over, and touches that file while there are any. Bootstrap actions run before
# applications are installed, so a coordinator that does not answer yet is not an error.
set -euo pipefail

readonly port=${1:-8889}
if [[ $# -gt 1 || ! $port =~ ^[1-9][0-9]{0,4}$ ]]; then
  echo "usage: trino-busy-probe.sh [PORT]" >&2
  exit 2
fi

if ! grep -Eq '"isMaster": *true' /mnt/var/lib/info/instance.json; then
  echo "not the primary node: nothing to do"
  exit 0
fi

readonly program=/usr/local/lib/selfserve/trino-busy-probe
sudo install -d -m 0755 "$(dirname "$program")"

sudo tee "$program" >/dev/null <<'PROGRAM'
#!/usr/bin/env bash
set -euo pipefail

readonly port=$1
readonly busy_file=/emr/metricscollector/isbusy
# Every state of a query that is neither FINISHED nor FAILED, in Trino and in Presto.
readonly unfinished='"state" *: *"(WAITING_FOR_PREREQUISITES|QUEUED|WAITING_FOR_RESOURCES|DISPATCHING|PLANNING|STARTING|RUNNING|FINISHING)"'

if ! queries=$(curl --silent --fail --max-time 20 "http://localhost:$port/v1/query" \
  --header 'X-Trino-User: selfserve' --header 'X-Presto-User: selfserve'); then
  echo "the coordinator does not answer on port $port (not started yet?)"
  exit 0
fi
if grep -Eq "$unfinished" <<<"$queries"; then
  mkdir --parents "$(dirname "$busy_file")"
  touch "$busy_file"
fi
PROGRAM
sudo chmod 0755 "$program"

sudo tee /etc/systemd/system/selfserve-trino-busy-probe.service >/dev/null <<UNIT
[Unit]
Description=Tell EMR that queries are running

[Service]
Type=oneshot
ExecStart=$program $port
UNIT

sudo tee /etc/systemd/system/selfserve-trino-busy-probe.timer >/dev/null <<'UNIT'
[Unit]
Description=Ask the coordinator once a minute for running queries

[Timer]
OnCalendar=minutely
AccuracySec=10s

[Install]
WantedBy=timers.target
UNIT

sudo systemctl daemon-reload
sudo systemctl enable --now selfserve-trino-busy-probe.timer
