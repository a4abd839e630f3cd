#!/usr/bin/env bash
# EMR bootstrap action: end the cluster at a given age. Acts on the primary node only.
#
#   max-age.sh SECONDS
#
# A systemd timer looks once a minute. After SECONDS, and as soon as no EMR step is
# running and no query has been seen for two minutes, it ends the cluster: by
# terminate-clusters, or by shutting the primary node down when the instance profile may
# not call that. Open sessions (Livy, notebooks) do not keep the cluster; termination
# protection does. What it decides is in `journalctl -u selfserve-max-age`.
set -euo pipefail

if [[ $# -ne 1 || ! $1 =~ ^[1-9][0-9]{0,8}$ ]]; then
  echo "usage: max-age.sh SECONDS" >&2
  exit 2
fi
readonly seconds=$1

if ! grep -Eq '"isMaster": *true' /mnt/var/lib/info/instance.json; then
  echo "not the primary node: nothing to do"
  exit 0
fi

readonly program=/usr/local/lib/selfserve/max-age
deadline=$(($(date +%s) + seconds))

sudo install -d -m 0755 "$(dirname "$program")"

# The program gets the deadline as its argument, so a reboot does not start the age anew.
sudo tee "$program" >/dev/null <<'PROGRAM'
#!/usr/bin/env bash
set -euo pipefail

readonly deadline=$1
readonly steps='/var/lib/aws/emr/step-runner/hadoop-jars/' # in the command line of every step
readonly busy_file=/emr/metricscollector/isbusy            # touched while queries run

now=$(date +%s)
if ((now < deadline)); then
  exit 0
fi
if pgrep --full -- "$steps" >/dev/null; then
  echo "over age, but a step is running: waiting for it"
  exit 0
fi
if [[ -e $busy_file ]] && ((now - $(stat --format=%Y "$busy_file") < 120)); then
  echo "over age, but a query is running: waiting for it"
  exit 0
fi

imds=http://169.254.169.254/latest
token=$(curl --silent --fail --max-time 5 --request PUT "$imds/api/token" \
  --header 'X-aws-ec2-metadata-token-ttl-seconds: 60')
region=$(curl --silent --fail --max-time 5 "$imds/meta-data/placement/region" \
  --header "X-aws-ec2-metadata-token: $token")
cluster=$(grep -Eo '"jobFlowId": *"j-[A-Z0-9]+"' /mnt/var/lib/info/job-flow.json | grep -Eo 'j-[A-Z0-9]+')

if answer=$(aws emr terminate-clusters --region "$region" --cluster-ids "$cluster" 2>&1); then
  echo "over age: asked EMR to end $cluster"
elif [[ ${answer,,} == *protect* ]]; then
  echo "over age, but $cluster is protected from termination: $answer"
else
  echo "over age: EMR did not take the request ($answer); shutting the primary node down"
  shutdown --poweroff now
fi
PROGRAM
sudo chmod 0755 "$program"

sudo tee /etc/systemd/system/selfserve-max-age.service >/dev/null <<UNIT
[Unit]
Description=End this EMR cluster when it is over age

[Service]
Type=oneshot
ExecStart=$program $deadline
UNIT

sudo tee /etc/systemd/system/selfserve-max-age.timer >/dev/null <<'UNIT'
[Unit]
Description=Look once a minute whether this EMR cluster is over age

[Timer]
OnCalendar=minutely
AccuracySec=10s

[Install]
WantedBy=timers.target
UNIT

sudo systemctl daemon-reload
sudo systemctl enable --now selfserve-max-age.timer
echo "this cluster ends at $(date --utc --date="@$deadline" +%Y-%m-%dT%H:%M:%SZ)"
