#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# The drop monitor: what an iptables rule drops is what it says, also in a flood; benign drops
# apart; pods named, also those that come and go; findings said, updated and ended; a clean end.
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"

# shellcheck disable=SC2119
lab_start
web=$(address_of web)
FLOOD=100000

# flood POD ADDRESS PORT COUNT: so many datagrams left, whatever the answers.
flood() {
	local from=$1
	shift
	pod "$from" perl -MIO::Socket::INET -e '
		my ($to, $port, $count) = @ARGV;
		my $s = IO::Socket::INET->new(Proto => "udp", PeerAddr => $to, PeerPort => $port) or die;
		while ($count) { $count-- if defined $s->send("x" x 32) }' "$@"
}

# Packets of the `drops` lines that FILTER selects.
packets() { jq -s "[.[] | select(.type == \"drops\") | select($1) | .packets] | add // 0" "$WORK/trace.json"; }
packets_are() {
	local got
	got=$(packets "$1")
	((got == $2)) || { echo "$got packets, expected $2" && return 1; }
}
has() { trace_has "$1" 2>/dev/null; }
heard() { wait_until "$1" has "$2"; }

rule node1 -I FORWARD 1 -p udp --dport 7777 -m comment --comment "monitor test" -j DROP
trace_begin node1 monitor --interval 500ms --hold 3s --all || { plan && exit 1; }

# An iptables rule in the forwarding path, in a flood.
flood busybox "$web" 7777 "$FLOOD"
check "a finding names the rule" heard 1000 'any(.[]; .type == "finding" and .id == "netfilter-drop"
	and .state == "new" and (.facts.rule // .summary | tostring | test("monitor test|7777|FORWARD")))'
# The line comes with the interval, on a busy machine some time after the finding; none comes twice.
lines_are() { wait_until 1000 packets_are "$@" >/dev/null || packets_are "$@"; }
check "a flood: every packet is in the lines" lines_are \
	'.reason == "NETFILTER_DROP" and .proto == "UDP" and .hook == "FORWARD"' "$FLOOD"
check "the rule counted as many" sh -c "nsenter --net=/run/netns/$LAB_PREFIX-node1 $IPT -nvxL FORWARD 1 |
	grep -qE '^ *$FLOOD '"
flood busybox "$web" 7777 5
check "the finding is over after --hold, with the exact count" heard 1500 "any(.[]; .type == \"finding\" and
	.id == \"netfilter-drop\" and .state == \"over\" and .count == $FLOOD + 5)"
check "it was said as new once" has '[.[] | select(.type == "finding" and .id == "netfilter-drop" and
	.state == "new")] | length == 1'

# In a pod's own namespace: nobody listens.
flood busybox "$web" 4444 40
check "a drop in a pod's namespace carries the pod" heard 500 '[.[] | select(.type == "drops" and
	.pod == "default/web" and .reason != "NETFILTER_DROP" and .class == "fault") | .packets] | add == 40'
check "… and an example flow" has 'any(.[]; .type == "drops" and .pod == "default/web" and .flow.dport == 4444)'
check "port-closed is found" heard 1000 'any(.[]; .type == "finding" and .id == "port-closed")'

# Benign: raw ping's second copy, a frame nobody handles, a segment for a connection that is gone.
pod busybox ping -c 3 -i 0.2 -W 1 "$web" >/dev/null
check "an echo reply's second end is benign" heard 500 'any(.[]; .type == "drops" and .class == "benign" and
	.proto == "ICMP" and (.why | test("echo reply")))'
pod busybox perl -e 'use Socket; socket(my $s, 17, SOCK_RAW, 0) or die "$!";
	my $index = (split /:/, `ip -o link show eth0`)[0];
	my $address = pack("S n l S C C a8", 17, 0x88b5, $index, 0, 0, 6, "\xff" x 6);
	for (1..7) { send($s, "\xff" x 6 . "\x02\0\0\0\0\1" . "\x88\xb5" . "x" x 50, 0, $address) or die "$!" }'
check "frames of a protocol nobody handles are benign" heard 500 'any(.[]; .type == "drops" and
	.class == "benign" and .proto == "other" and .packets >= 7)'
check "every benign line says why" has 'all(.[]; .type != "drops" or .class != "benign" or (.why | length) > 0)'
check "no finding for what is benign" has '[.[] | select(.type == "finding") | .id] | unique -
	["netfilter-drop", "port-closed"] | length == 0'

# A route that swallows: the kernel gives no reason for it, so the row's is inferred and says so.
node1 ip route add blackhole 203.0.113.0/24
flood busybox 203.0.113.10 5555 20
check "a reason that the kernel does not give is inferred, and marked" heard 1000 '[.[] | select(.type == "drops" and
	.reason == "ROUTE_REFUSED" and .derived == true and .flow.dport == 5555) | .packets] | add == 20'
check "a reason that it gives is not marked" has 'all(.[]; .reason != "NETFILTER_DROP" or (.derived // false | not))'
node1 ip route delete blackhole 203.0.113.0/24

# A namespace that comes late and goes early.
late=$LAB_PREFIX-late
ip netns add "$late"
printf '%s\n' "$late" >>"$LAB_DIR/netns"
ip -n "$LAB_PREFIX-node1" link add vlate type veth peer name eth0 netns "$late"
ip -n "$LAB_PREFIX-node1" link set vlate master cni0
ip -n "$LAB_PREFIX-node1" link set vlate up
ip -n "$late" addr add 10.244.1.250/24 dev eth0
ip -n "$late" link set eth0 up
sleep 1.5
node1 perl -MIO::Socket::INET -e 'my $s = IO::Socket::INET->new(Proto => "udp", PeerAddr => "10.244.1.250",
	PeerPort => 4445) or die; my $n = 11; while ($n) { $n-- if defined $s->send("late") }'
ip netns del "$late" 2>/dev/null
check "a namespace that came late is followed" heard 1000 '[.[] | select(.type == "drops" and
	.proto == "UDP" and .class == "fault" and (.flow.dport // 0) == 4445) | .packets] | add == 11'

# The look-back.
kill -USR1 "$TRACE_PID"
check "SIGUSR1 prints the last samples" heard 500 'any(.[]; .type == "sample" and .flow.dport == 7777)'

TRACE_STATUS=0
kill -TERM "$TRACE_PID"
wait "$TRACE_PID" || TRACE_STATUS=$?
TRACE_PID=
check "SIGTERM: exit status 10, for a fault was found" test "$TRACE_STATUS" -eq 10
check "the last line is a complete summary" has '.[-1].type == "summary" and .[-1].complete == true'
# shellcheck disable=SC2016
check "its totals are the lines'" has '([.[] | select(.type == "drops" and .class == "fault") | .packets] | add) as $n
	| .[-1].drops.fault == $n'
check "seen is counted and elsewhere" has '.[-1] | .records.seen == .records.recorded + .records.filtered
	and .records.recorded == .drops.fault + .drops.benign + .drops.elsewhere'
check "the lines fit the schema" "$TESTS_DIR/../cli/check-schema" "$WORK/trace.json"

# A queue of connections that overflows: on most kernels no drop record tells of it.
if lab fault listen-overflow >"$WORK/complaints" 2>&1; then
	lab_load
	trace_begin node1 monitor --interval 500ms && {
		sleep 1.5
		pod busybox curl -sS --max-time 3 -o /dev/null "http://$(address_of web)/" 2>/dev/null || true
		check "an accept queue that overflows is told by its counter" heard 1500 'any(.[];
			.type == "counter" and (.name | startswith("TcpExt.Listen")) and .pod == "default/web")'
		trace_end
		check "… and is a finding, once, though two counters moved" has '[.[] | select(.type == "finding" and
			.id == "listen-overflow" and .state == "new")] | length == 1'
	}
	lab heal >/dev/null 2>&1 || true
else
	not_ok "listen-overflow cannot be injected" "$WORK/complaints"
fi

# Restricted to a pod: others' drops are not counted.
lab_load
rule node1 -C FORWARD -p udp --dport 7777 -m comment --comment "monitor test" -j DROP 2>/dev/null ||
	rule node1 -I FORWARD 1 -p udp --dport 7777 -m comment --comment "monitor test" -j DROP
trace_begin node1 monitor --interval 500ms --pod default/local && {
	flood busybox "$web" 7777 30
	flood local "$web" 7777 20
	heard 500 '[.[] | select(.type == "drops" and .reason == "NETFILTER_DROP") | .packets] | add == 20' || true
	sleep 1
	trace_end
	check "--pod: its drops alone" packets_are '.reason == "NETFILTER_DROP"' 20
}
trace_begin node1 monitor --interval 500ms udp port 7777 and host "$(address_of busybox)" && {
	flood busybox "$web" 7777 30
	flood local "$web" 7777 20
	flood busybox "$web" 4444 5
	sleep 1
	trace_end
	check "FILTER: what matches alone" packets_are 'true' 30
}
plan
