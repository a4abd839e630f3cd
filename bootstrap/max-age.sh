#!/usr/bin/env bash
# EMR bootstrap action: end the cluster at a given age. Acts on the primary node only.
#
#   max-age.sh SECONDS [--root DIR] [--imds URL]       DIR and URL are for tests
#
# A systemd timer looks once a minute. After SECONDS from the cluster's creation, and as
# soon as nothing works, it ends the cluster: by terminate-clusters, or, when the instance
# profile may not call that, by shutting the primary node down. At work are EMR steps that
# run or wait, and what busy-probe.py knows: YARN applications with more containers than
# their master's, queries, Livy, notebook cells. Sessions that are merely open are not.
# What is not known to be idle is not ended; termination protection always holds.
# What it decides, and why, is in `journalctl -u selfserve-max-age`. The instance profile
# needs elasticmapreduce:ListSteps, DescribeCluster and TerminateJobFlows, or the first two.
set -euo pipefail

usage() {
  echo "usage: max-age.sh SECONDS" >&2
  exit 2
}

command=install
if [[ ${1:-} == look ]]; then # what the timer runs, with the deadline in place of SECONDS
  command=look
  shift
fi
[[ ${1:-} =~ ^[1-9][0-9]{0,11}$ ]] || usage
readonly number=$1
shift
root=
imds=http://169.254.169.254/latest
while (($# >= 2)); do
  case $1 in
    --root) root=$2 ;;
    --imds) imds=$2 ;;
    *) usage ;;
  esac
  shift 2
done
(($# == 0)) || usage

readonly job_flow=$root/mnt/var/lib/info/job-flow.json
readonly busy_file=$root/emr/metricscollector/isbusy # anybody may touch it, to say so
readonly programs=$root/usr/local/lib/selfserve
readonly units=$root/etc/systemd/system
readonly steps='/var/lib/aws/emr/step-runner/hadoop-jars/' # in the command line of every step

keep() {
  echo "over age, but $1"
  exit 0
}

# Succeeds if the last call of AWS failed for want of permission.
is_refused() {
  grep -Eq 'AccessDenied|not authorized|UnauthorizedOperation' "$errors"
}

keep_if_engines_work() {
  if [[ -e $busy_file ]] && (($(date +%s) - $(stat --format=%Y "$busy_file") < 300)); then
    keep "$busy_file was touched in the last five minutes"
  fi
  [[ -x $programs/busy-probe ]] || keep "nothing tells what is at work: busy-probe.py is not installed"
  keep_unless_probe_agrees at-work
}

keep_unless_probe_agrees() {
  local said status=0
  said=$("$programs/busy-probe" "$1" "@$programs/busy-probe.args" 2>&1) || status=$?
  case $status in
    0) [[ -z $said ]] || echo "$said" ;;
    10) keep "$said" ;;
    *) keep "it is not known to be idle: $said" ;;
  esac
}

keep_if_steps_are_open() {
  local open
  if open=$(aws emr list-steps --region "$region" --cluster-id "$cluster" \
    --step-states PENDING RUNNING CANCEL_PENDING --query 'Steps[].Id' --output text 2>"$errors"); then
    [[ -z $open || $open == None ]] || keep "steps are running or pending: $open"
  elif is_refused; then
    echo "the steps cannot be listed, so their processes are looked for: $(<"$errors")"
    if pgrep --full -- "$steps" >/dev/null; then
      keep "a step is running"
    fi
  else
    keep "its steps are not known: $(<"$errors")"
  fi
}

# Prints True, False or unknown.
protection() {
  aws emr describe-cluster --region "$region" --cluster-id "$cluster" \
    --query Cluster.TerminationProtected --output text 2>"$errors" || echo unknown
}

end_cluster() {
  if aws emr terminate-clusters --region "$region" --cluster-ids "$cluster" 2>"$errors"; then
    echo "over age: asked EMR to end $cluster"
    exit 0
  fi
  if grep -qi protect "$errors"; then
    keep "$cluster is protected from termination"
  fi
  is_refused || keep "EMR did not take the request, try again in a minute: $(<"$errors")"
  # Shutting down does not ask for protection.
  [[ $1 == False ]] || keep "it cannot be ended: the instance profile needs elasticmapreduce:TerminateJobFlows"
  echo "over age: the instance profile may not end $cluster; shutting the primary node down"
  shutdown --poweroff now
}

look() {
  local token protected
  (($(date +%s) >= number)) || exit 0
  errors=$(mktemp)
  readonly errors
  trap 'rm --force "$errors"' EXIT
  keep_if_engines_work
  token=$(curl --silent --fail --max-time 5 --request PUT "$imds/api/token" \
    --header 'X-aws-ec2-metadata-token-ttl-seconds: 60') || keep "the node's region is not known"
  region=$(curl --silent --fail --max-time 5 "$imds/meta-data/placement/region" \
    --header "X-aws-ec2-metadata-token: $token") || keep "the node's region is not known"
  cluster=$(grep -Eo '"jobFlowId": *"j-[A-Z0-9]+"' "$job_flow" | grep -Eo 'j-[A-Z0-9]+')
  readonly region cluster
  keep_if_steps_are_open
  protected=$(protection)
  [[ $protected != True ]] || keep "$cluster is protected from termination"
  # From now on nobody submits to it. Where the end may be refused again and again, that
  # would be for ever.
  [[ $protected != False ]] || keep_unless_probe_agrees claim
  keep_if_steps_are_open # once more, right before the end
  end_cluster "$protected"
}

# When the cluster's age began: EMR's own time stamp, if it makes sense.
birth() {
  local now created_ms
  now=$(date +%s)
  created_ms=$(grep -Eo '"jobFlowCreationInstant": *[0-9]+' "$job_flow" | grep -Eo '[0-9]+$') || created_ms=0
  if ((created_ms / 1000 <= now && now - created_ms / 1000 < 7200)); then
    echo $((created_ms / 1000))
  else
    echo "$now"
  fi
}

install_timer() {
  local deadline
  if ! grep -Eq '"isMaster": *true' "$root/mnt/var/lib/info/instance.json"; then
    echo "not the primary node: nothing to do"
    exit 0
  fi
  deadline=$(($(birth) + number))
  sudo install -D -m 0755 "$0" "$programs/max-age"
  # The deadline, not the age, so that a reboot does not start it anew.
  sudo tee "$units/selfserve-max-age.service" >/dev/null <<UNIT
[Unit]
Description=End this EMR cluster when it is over age

[Service]
Type=oneshot
ExecStart=$programs/max-age look $deadline --root '$root' --imds $imds
UNIT
  sudo tee "$units/selfserve-max-age.timer" >/dev/null <<'UNIT'
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
}

case $command in
  look) look ;;
  install) install_timer ;;
esac
