#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# The drop monitor on this kernel: each way of counting loads, counts to the packet what a rule drops, and
# names a finding; --probes raw_tp counts the same; packets that are steered to another CPU are not missed.
# shellcheck source=tests/kernels/lib.sh
. "$(dirname "$0")/lib.sh"

# shellcheck disable=SC2119
lab_start
COUNT=200
web=$(address_of web)
rule node1 -I FORWARD 1 -p udp --dport 7777 -m comment --comment "monitor test" -j DROP

inferred=true
! grep -qa SKB_DROP_REASON_NETFILTER_DROP /sys/kernel/btf/vmlinux || inferred=false

packets() { jq -s "[.[] | select(.type == \"drops\") | select($1) | .packets] | add // 0" "$WORK/trace.json"; }
dropped_are() { [[ $(packets '.class == "fault" and .proto == "UDP" and .flow.dport == 7777') == "$1" ]]; }

# flood COUNT [COMMAND…]: so many packets that the rule drops.
flood() {
	local count=$1
	shift
	pod busybox "$@" perl -MIO::Socket::INET -e '
		my ($to, $port, $count) = @ARGV;
		my $s = IO::Socket::INET->new(Proto => "udp", PeerAddr => $to, PeerPort => $port) or die;
		while ($count) { $count-- if defined $s->send("x" x 32) }' "$web" 7777 "$count"
}

# steer MASK: what comes in on this node is worked off by these CPUs (RPS), whoever sent it.
steer() { ip netns exec "$LAB_PREFIX-node1" sh -c 'for to in /sys/class/net/*/queues/rx-*/rps_cpus; do echo "$1" >"$to"; done' steer "$1"; }
# softnet WORD: of CPU 0's line, in hexadecimal there. 1: packets it worked off; 10: how often others woke it for some.
softnet() { echo $((16#$(awk -v word="$1" 'NR == 1 { print $word }' /proc/net/softnet_stat))); }

for way in tp_btf raw_tp; do
	trace_begin node1 monitor --interval 1s --probes "$way" || continue
	printf '# probe %s\n' "$(jq -c 'select(.type == "start") | .probes[0]' "$WORK/trace.json")"
	flood "$COUNT"
	check "$way: every packet a rule drops is counted" wait_until 3000 dropped_are "$COUNT"
	check "$way: its reason is named, and marked where the kernel gives none" trace_has "any(.[]; .type == \"drops\" and
		.reason == \"NETFILTER_DROP\" and (.derived // false) == $inferred)"
	check "$way: netfilter-drop is found" wait_until 3000 trace_has 'any(.[]; .type == "finding" and
		.id == "netfilter-drop" and (tostring | test("FORWARD")))'
	trace_end
	check "$way: the summary is complete" trace_has '.[-1].type == "summary" and .[-1].complete == true'
done

# Dropped on another CPU than the sender's, in the interrupt that wakes it.
if trace_begin node1 monitor --interval 1s; then
	steer 1
	worked=$(softnet 1) woken=$(softnet 10)
	flood 20000 taskset -c 1
	check "steered to another CPU: every packet is counted" wait_until 3000 dropped_are 20000
	check "… and it was steered" test $(($(softnet 1) - worked)) -ge 20000 -a $(($(softnet 10) - woken)) -gt 0
	steer 0
	trace_end
	check "… and nothing was missed" trace_has '.[-1].complete == true and .[-1].drops.lost.missed == 0'
fi

# What only a kernel of one's own lets one make: limits of the whole machine.
told() { trace_has "any(.[]; .type == \"counter\" and .name == \"$1\" and .gained > 0)"; }
# counter FAULT NAME: its traffic moves the counter, which stands for the fault.
counter() {
	fault_load "$1"
	if [[ -n $(possible) ]]; then
		skip "$2 is told" "$(possible)"
		return
	fi
	trace_begin node1 monitor --interval 1s || return 0
	sleep 3 # a counter is told from its second reading on
	lab_step fault_inject "$1" >"$WORK/step" 2>&1
	lab_load
	traffic
	for ((i = 0; i < 10; i++)); do
		pod "$FAULT_POD" "${TRAFFIC[@]}" >/dev/null 2>&1 || true
		! told "$2" || break
		sleep 1
	done
	check "$2 is told" told "$2"
	check "… and $FAULT_ID is found" wait_until 1000 trace_has "any(.[]; .type == \"finding\" and .id == \"$FAULT_ID\")"
	trace_end
	lab_step fault_heal >&2
	((STEP_STATUS == 0)) || lab_renew
}
counter conntrack-full Conntrack.drop
counter backlog-drop Softnet.Dropped
plan
