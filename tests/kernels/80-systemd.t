#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# The unit under systemd as the first process: it starts with all its restrictions, its journal holds the lines of the
# monitor, it is started anew when it died, and stopping it is a clean end. The guest's own first process becomes systemd.
# shellcheck source=tests/kernels/lib.sh
. "$(dirname "$0")/lib.sh"
guest_only
# The newest that Debian has in a release, and one that counts the memory of BPF maps as locked.
kernel_is_one_of 6.12 5.10
# shellcheck source=tests/kernels/systemd.sh
. "$(dirname "$0")/systemd.sh"
systemd_needed

# shellcheck disable=SC2119
lab_start
rule node1 -I FORWARD 1 -p udp --dport 7777 -m comment --comment "service test" -j DROP

# As the unit's first lines say, and what makes it look at the lab's node.
install -D "$CNITRACE" /usr/local/bin/cnitrace
install -D -m 644 "$UNIT" /etc/systemd/system/cnitrace.service
mkdir -p /etc/systemd/system/cnitrace.service.d
cat >/etc/systemd/system/cnitrace.service.d/lab.conf <<END
[Service]
NetworkNamespacePath=/run/netns/$LAB_PREFIX-node1
ExecStart=
$(sed -n "s|^ExecStart=.*|& --root $LAB_DIR/node1|p" "$UNIT" | sed 's/--interval 1m/--interval 1s/')
END
hostname >/etc/hostname

flood() { pod busybox perl -MIO::Socket::INET -e "$UDP_SEND" "$(address_of web)" "$@"; }
status_of() { awk -v key="$1:" '$1 == key { print $2 }' "/proc/$(property MainPID)/status"; }
events() { awk -v key="$2" '$1 == key { print $2 }' "/sys/fs/cgroup$(property ControlGroup)/$1.events"; }
rules() { said 'any(.[]; .type == "finding" and .id == "netfilter-drop" and (tostring | test("service test")))'; }

systemd_begin
systemctl enable -q cnitrace
systemctl start --no-block multi-user.target
check "the unit starts with the system" wait_until 500 systemctl is-active --quiet cnitrace
check "its first line is in the journal" wait_until 20 started_said
wanted=$(setting CapabilityBoundingSet | tr '[:upper:] ' '[:lower:]\n' | sort | xargs)
held() { capsh --decode="$(status_of CapEff)" | cut -d= -f2 | tr , '\n' | sort | xargs; }
check "it holds the capabilities of the unit and no others" test "$(held)" = "$wanted"
check "it gains no privileges, and its system calls are filtered" test "$(status_of NoNewPrivs)" = 1 -a "$(status_of Seccomp)" = 2
read_only() { ! nsenter -t "$(property MainPID)" -m touch /usr/local/bin/cnitrace; }
check "the file system is read-only to it" read_only

flood 7777 20000
flood 4444 4
counted() { said '[.[] | select(.type == "drops" and .reason == "NETFILTER_DROP" and .function != "") | .packets] | add == 20000'; }
check "all drops are counted, with their function" wait_until 20 counted
check "the rule is found" wait_until 20 rules
check "the pod is found" wait_until 20 said 'any(.[]; .type == "finding" and .id == "port-closed" and .where.pod == "default/web")'
served() { in_netns node1 curl -sS http://127.0.0.1:9435/metrics >"$WORK/metrics" && grep '^cnitrace_build_info' "$WORK/metrics"; }
check "metrics are served" served
check "each line of the journal is a document of its own, and there is no complaint" plain
# What the limits did: nothing.
limits() { [[ $(events memory max) == 0 && $(events memory oom_kill) == 0 && $(events pids max) == 0 ]]; }
check "it stays within MemoryMax= and TasksMax=" limits
printf '# memory: %s bytes at the peak\n' "$(cat "/sys/fs/cgroup$(property ControlGroup)/memory.peak" 2>/dev/null || echo unknown)"

# again SIGNAL: it ends so, and is started anew after the time that the unit says.
again() {
	local id count began

	id=$(property MainPID) count=$(property NRestarts) began=$(cut -d. -f1 /proc/uptime)
	((id > 0)) && kill "-$1" "$id"
	restarted() { [[ $(property NRestarts) == $((count + 1)) && $(property ActiveState) == active ]]; }
	wait_until 500 restarted && (($(cut -d. -f1 /proc/uptime) - began >= $(setting RestartSec) - 1)) &&
		wait_until 20 started_said
}
check "killed, it is started anew" again KILL
check "also when it ended by itself" again TERM

flood 7777 21
check "the new one finds the rule, too" wait_until 20 rules
check "it is stopped" systemctl stop cnitrace
check "its status is that of a finding, which is no failure" grep -x 'ActiveState=inactive ExecMainStatus=10 Result=success' <(ended)
check "the last line is the summary, and it is complete" said '.[-1].type == "summary" and .[-1].complete and .[-1].drops.fault == 21'
plan
