#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Every kind of benign drop, made for real: the monitor counts each as benign with its reason, and none as a
# fault. What they are made of is tests/faults/noise.py.
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"

# shellcheck disable=SC2119
lab_start
web=$(address_of web)
noise() { local from=$1 && shift && pod "$from" python3 "$TESTS_DIR/noise.py" "$@"; }
# With --all benign rows are lines as well.
trace_begin node1 monitor --interval 300ms --all || { plan && exit 1; }

# Lines of IPv6 housekeeping come all the time: kept out of what every look reads.
rows() { { grep '"type": *"drops"' "$WORK/trace.json" | grep -v ip6_mc_input; } || true; }
# packets CLASS FILTER
packets() { rows | jq -s "[.[] | select(.class == \"$1\") | select($2) | .packets] | add // 0"; }
packets_reach() { sleep 0.2 && (($(packets benign "$1") >= $2)); }

# benign TEXT COUNT FILTER CMD…: CMD makes at least COUNT benign drops that FILTER selects, and no fault.
benign() {
	local text=$1 count=$2 filter=$3 before faults after
	shift 3
	before=$(packets benign "$filter") faults=$(packets fault true)
	if ! "$@" >"$WORK/cmd" 2>&1; then
		not_ok "$text: cannot be made" "$WORK/cmd"
		return
	fi
	if ! wait_until 25 packets_reach "$filter" $((before + count)); then
		rows | jq -c '[.class, .reason, .function, .proto, .device, .pod, .why, .packets]' | tail -15 >"$WORK/cmd"
		not_ok "$text: $(($(packets benign "$filter") - before)) of $count" "$WORK/cmd"
		return
	fi
	after=$(packets fault true)
	if ((after == faults)); then
		ok "$text"
	else
		rows | jq -c 'select(.class == "fault")' | tail -5 >"$WORK/cmd"
		not_ok "$text: $((after - faults)) faults beside" "$WORK/cmd"
	fi
}
why() { printf '((.why // "") | test("%s"))' "$1"; }
mac=$(mac_of web eth0)

# TCP's own rules, on the loopback of a pod (no rule drops what is out of window there).
tcp='.pod == "default/local" and .proto == "TCP" and '$(why 'duplicate')
benign "old TCP data" 5 "$tcp and (.reason | test(\"OLD\"))" noise local tcp old 5
benign "TCP segments merged out of order" 5 "$tcp and (.reason | test(\"OFOMERGE\"))" noise local tcp ofo 5
benign "TCP data for a window that is closed" 3 "$tcp and (.reason | test(\"ZEROWINDOW|INVALID|OUT_OF_WINDOW\"))" \
	noise local tcp window 3
benign "RST for a connection that is gone" 5 ".pod == \"default/local\" and $(why '^RST')" noise local stray rst 5
benign "a late segment of a connection that is gone" 5 ".pod == \"default/local\" and $(why '^late segment')" \
	noise local stray ack 5
benign "a socket closed with datagrams queued" 5 "$(why 'closed with packets queued')" noise local unread 5
benign "a unix socket closed with messages queued" 5 "$(why '^a buffer of a unix')" noise local unix 5
benign "a full packet socket's copies" 5 ".reason == \"PACKET_SOCK_ERROR\" and $(why housekeeping)" noise local tap 40

# Frames: of nobody, for nobody, or for another host on a flooded port.
benign "frames for another host on a flooded port" 5 ".reason == \"OTHERHOST\" and $(why 'another host')" \
	noise busybox frame 02:00:00:00:00:99 ipv4 5
benign "LLDP frames" 5 ".proto == \"other\" and $(why LLDP)" noise busybox frame 01:80:c2:00:00:0e lldp 5
benign "STP frames" 5 ".proto == \"other\" and $(why STP)" noise busybox frame 01:80:c2:00:00:00 stp 5
benign "frames of a protocol nobody handles" 5 ".proto == \"other\" and $(why 'not IP')" noise busybox frame "$mac" 0x88b5 5
rows() { { grep '"type": *"drops"' "$WORK/trace.json"; } || true; }
ipv6_off() {
	in_netns local sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1
	noise busybox frame "$(mac_of local eth0)" udp6 5
	sleep 0.3
	in_netns local sysctl -qw net.ipv6.conf.eth0.disable_ipv6=0
}
benign "a protocol nobody on this host handles" 5 ".pod == \"default/local\" and $(why '^protocol nobody')" ipv6_off
benign "IPv6 router solicitations" 5 ".function == \"ip6_mc_input\" and $(why 'IPv6 neighbour, router')" \
	noise busybox frame 33:33:00:00:00:02 rs 5
rows() { { grep '"type": *"drops"' "$WORK/trace.json" | grep -v ip6_mc_input; } || true; }
benign "multicast nobody listens to" 5 ".proto == \"UDP\" and $(why '^multicast')" noise busybox frame 01:00:5e:01:02:03 multicast 5
benign "broadcast nobody listens to" 5 ".proto == \"UDP\" and $(why '^multicast or broadcast')" \
	noise busybox datagrams 10.244.1.255 9998 5

# ICMP: the kernel's own end of an answer, and errors for nobody.
benign "the kernel's own answer to a ping" 3 ".proto == \"ICMP\" and $(why '^echo reply')" \
	pod busybox ping -c 3 -i 0.2 -W 1 "$web"

# Two raw sockets: each hears the other's answers, and its filter passes them over.
two_pings() {
	pod busybox ping -c 5 -i 0.2 -W 1 "$web" &
	pod busybox ping -c 5 -i 0.2 -W 1 "$web"
	wait $!
}
benign "what is for another ping" 5 ".proto == \"ICMP\" and .pod == \"default/busybox\" and $(why '^a raw socket')" two_pings

benign "a buffer of no device, socket or route" 5 "$(why '^a buffer of no device')" noise local nobodys 5

# What ends takes its packets with it.
late=$LAB_PREFIX-late
late_make() {
	ip netns add "$late" && printf '%s\n' "$late" >>"$LAB_DIR/netns"
	ip -n "$LAB_PREFIX-node1" link add vlate type veth peer name eth0 netns "$late"
	ip -n "$LAB_PREFIX-node1" link set vlate master cni0 up
	ip -n "$late" addr add 10.244.1.250/24 dev eth0
	ip -n "$late" link set eth0 up
}
neighbour_down() {
	late_make && sleep 1
	ip netns exec "$late" python3 "$TESTS_DIR/noise.py" datagrams 10.244.1.251 9999 5
	ip -n "$late" link set eth0 down
}
benign "packets of a neighbour entry freed at teardown" 5 "$(why 'closed with packets queued')" neighbour_down
namespace_end() {
	ip -n "$late" link set eth0 up
	pod busybox ping -c 1 -W 2 10.244.1.250
	# answers of the kernel itself wait in the queue: a socket's packets would keep the namespace alive
	ip netns exec "$late" tc qdisc add dev eth0 root tbf rate 8kbit burst 1600 limit 100000
	pod busybox ping -c 12 -i 0.01 -W 1 -s 1400 10.244.1.250 || true
	ip netns del "$late"
}
benign "everything in a namespace that is being destroyed" 5 ".netns_name == \"$late\" and $(why 'being destroyed')" namespace_end

# The classes' words are those of the table, and the manual explains each.
jq -r 'select(.type == "drops" and .class == "benign") | .why' "$WORK/trace.json" | sort -u >"$WORK/whys"
grep -oE '"[A-Za-z][^"]* [^"]*"[},;]' "$TESTS_DIR/../../user/diagnose/drop_class.c" | sed 's/^"//; s/"[},;]*$//' |
	sort -u >"$WORK/table"
# shellcheck disable=SC2016
check "every reason is one of the table" bash -c '! comm -23 "$1" "$2" | grep .' - "$WORK/whys" "$WORK/table"
# shellcheck disable=SC2016
check "every class of the table was made" bash -c '! comm -13 "$1" "$2" | grep .' - "$WORK/whys" "$WORK/table"
sed 's/\\-/-/g' "$TESTS_DIR/../../user/cnitrace.8" >"$WORK/manual"
# shellcheck disable=SC2016
check "the manual explains every class" bash -c '! grep -vxFf "$1" "$2"' - "$WORK/manual" "$WORK/table"
trace_end
check "no finding" trace_has 'all(.[]; .type != "finding")'
check "exit status 0" test "$TRACE_STATUS" -eq 0
trace_begin node1 monitor --interval 300ms && {
	noise local stray rst 5
	sleep 1
	trace_end
	# shellcheck disable=SC2016
	check "without --all they are in the interval's total alone" trace_has '(all(.[]; .type != "drops"))
		and .[-1].drops.benign >= 5 and .[-1].drops.fault == 0'
}
plan
