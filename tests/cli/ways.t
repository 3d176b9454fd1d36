#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Packets are seen at devices by tc programs or by two tracepoints: the same packets give the same journeys
# by both. Few devices are seen by tc, many by the tracepoints, and what the one cannot see by the other.
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/../faults/lib.sh"

# shellcheck disable=SC2119
lab_start
node=$LAB_PREFIX-node1
web=$(address_of web) web2=$(address_of web2)
BURST=$(dirname "$CNITRACE")/scripts/bench/burst
make -s -C "$TESTS_DIR/../.." BUILD="$(dirname "$CNITRACE")" "$BURST" >"$WORK/make" 2>&1 ||
	{ not_ok "the sender builds" "$WORK/make" && plan && exit 1; }
tracepoints=netif_receive_skb,net_dev_queue

# Journeys without what differs from run to run: times, identities, what TCP packs together. Each kind once.
journeys() {
	jq -c 'select(.type == "journey") | {proto: .flow.proto, src: .flow.src, dst: .flow.dst,
		ports: [.flow.sport, .flow.dport | select(. != null and . < 32768)],
		len: (if .flow.proto == "TCP" then null else .packet.len end),
		icmp: [.packet.icmp_type, .packet.icmp_code], df: .packet.df,
		hops: [.hops[] | {device, ifindex, netns, pod, direction, encap: (.encap | if . then {kind, vni, src, dst} else null end),
			len: (if .nat then null else .len end), nat}],
		verdict: (.verdict | {kind, device, netns, reason, function, hook})}
		| if .proto == "TCP" then .hops |= map(.len = null) else . end
		| .hops[].nat |= (if . then with_entries(select((.key | IN("sport", "dport") | not) or .value < 32768)) else . end)' \
		"$WORK/trace.json" | sort -u
}
same() { # TEXT FILTER COMMAND…: traced by tc and by the tracepoints, the journeys are the same, and some
	local text=$1 filter=$2 list
	shift 2
	ip netns exec "$LAB_PREFIX-busybox" "$@" >/dev/null 2>&1 || true # addresses are resolved: another way through the bridge
	for list in tc,kfree_skb $tracepoints,kfree_skb $tracepoints,kfree_skb,raw_tp; do
		trace_run node1 trace --probes "$list" --pod default/busybox ${filter:+"$filter"} -- "$@"
		journeys >"$WORK/${list//,/-}"
		check "$text, $list: complete" trace_has '.[-1].complete and .[-1].records.lost == 0'
		if [[ $list != tc,* ]]; then
			check "… as by tc" diff "$WORK/tc-kfree_skb" "$WORK/${list//,/-}"
		fi
	done
	check "… and there are some" test -s "$WORK/tc-kfree_skb"
}
same "ping through the tunnel" icmp ping -q -c 3 -i 0.1 -W 2 "$web2"
same "ping on the node" icmp ping -q -c 3 -i 0.1 -W 2 "$web"
same "fragments" icmp ping -q -c 2 -i 0.1 -s 3000 -W 2 "$web2"
same "a Service by UDP" 'port 53' dig +time=5 +tries=1 @10.96.0.10 web.default.svc.cluster.local
same "a Service by TCP" 'port 53' dig +tcp +time=5 +tries=1 @10.96.0.10 web.default.svc.cluster.local
same "a closed port" 'udp or icmp' "$BURST" "$web" 4444 1
same "a filter that asks for the length" 'icmp and greater 500' ping -q -c 2 -i 0.1 -s 600 -W 2 "$web2"
same "by Ethernet address" "ether host $(ip -n "$LAB_PREFIX-busybox" -j link show eth0 | jq -r '.[0].address') and icmp" \
	ping -q -c 2 -i 0.1 -W 2 "$web2"
lab fault netfilter-drop >/dev/null 2>&1
same "a packet that a rule drops" icmp ping -q -c 2 -i 0.1 -W 1 "$web2"
lab heal >/dev/null 2>&1

# Another tc program drops what leaves: tc sees it first and then the drop; the drop's own record places it either way.
lab fault bpf-drop >/dev/null 2>&1
for list in tc,kfree_skb $tracepoints,kfree_skb; do
	trace_run node1 trace --probes "$list" --pod default/busybox icmp -- ping -q -c 2 -i 0.1 -W 1 "$web"
	check "tc drops on egress, $list: dropped, and where" trace_has '[.[] | select(.type == "journey" and .packet.icmp_type == 8)]
		| length == 2 and all(.[]; .verdict.kind == "dropped" and (.verdict.device | startswith("veth")))'
	check "… the finding is the same" trace_has '[.[] | select(.type == "finding" and .severity == "error") | .id] == ["bpf-drop"]'
done
lab heal >/dev/null 2>&1

# Few devices, then many: the way changes, the journeys do not. Without the right to load tc programs it changes, too.
state_of() { trace_has "any(.[0].probes[]; .name == \"$1\" and .state == \"$2\")"; }
ping_traced() { # BOUNDING-SET: a trace without these capabilities
	: >"$WORK/trace.json"
	ip netns exec "$node" setpriv ${1:+--bounding-set "$1"} "$CNITRACE" trace --json --root "$LAB_DIR/node1" "icmp and host $web2" \
		>"$WORK/trace.json" 2>"$WORK/trace.err" </dev/null &
	TRACE_PID=$!
	wait_until 1000 trace_started || true
	ip netns exec "$LAB_PREFIX-busybox" ping -q -c 3 -i 0.1 -W 2 "$web2" >/dev/null 2>&1 || true
	trace_end
	journeys
}
ping_traced '' >"$WORK/few"
check "few devices: there are journeys" test -s "$WORK/few"
check "… by tc" state_of tc attached
check "… no tracepoint of devices" state_of netif_receive_skb off
ping_traced -net_admin,-sys_admin >"$WORK/refused"
check "without CAP_NET_ADMIN and CAP_SYS_ADMIN: tc is missing" state_of tc missing
check "… that is said" grep -q 'CAP_NET_ADMIN is not held: no tc program' "$WORK/trace.err"
check "… by the tracepoints" state_of net_dev_queue attached
hops_of() { jq -c '.hops | map(del(.pod))' "$1" | sort -u; }
hops_of "$WORK/few" >"$WORK/few-hops"
hops_of "$WORK/refused" >"$WORK/refused-hops"
check "… the same hops" diff "$WORK/few-hops" "$WORK/refused-hops"
for ((i = 0; i < 6; i++)); do
	echo "link add many$i type veth peer name peer$i netns $LAB_PREFIX-web"
	echo "link set many$i up"
done | ip -n "$node" -batch -
ping_traced '' >"$WORK/many"
check "many devices: the same journeys" diff "$WORK/few" "$WORK/many"
check "… tc is not needed" state_of tc off
check "… by the tracepoints" state_of netif_receive_skb attached
check "… all devices are in the start line" trace_has '[.[0].devices[].name | select(startswith("many"))] | length == 6'

# A device that comes while they run is seen without more ado, and one that the tracepoints do not see wholly by tc.
trace_begin node1 trace 'host 192.0.2.1'
ip -n "$node" link add late0 type veth peer name late1 netns "$LAB_PREFIX-busybox"
ip -n "$node" address add 192.0.2.1/24 dev late0
ip -n "$node" link set late0 up
ip -n "$LAB_PREFIX-busybox" address add 192.0.2.2/24 dev late1
ip -n "$LAB_PREFIX-busybox" link set late1 up
late() {
	ip netns exec "$LAB_PREFIX-busybox" ping -q -c 1 -W 1 192.0.2.1 >/dev/null 2>&1
	grep -qs '"device":"late0"' "$WORK/trace.json"
}
check "a device that comes later is seen" wait_until 50 late
trace_end
ip -n "$node" link del late0
if ! ip -n "$node" link add link eth0 name eth0.7 type vlan id 7 2>/dev/null; then
	skip "a VLAN device is seen by tc, the others by the tracepoints" "this kernel has no VLAN devices"
	plan
	exit
fi
ip -n "$LAB_PREFIX-node2" link add link eth0 name eth0.7 type vlan id 7
for number in 1 2; do
	ip -n "$LAB_PREFIX-node$number" address add "192.0.2.$number/24" dev eth0.7
	ip -n "$LAB_PREFIX-node$number" link set eth0.7 up
done
for list in tc,kfree_skb ''; do
	trace_run node1 trace ${list:+--probes $list} 'icmp and host 192.0.2.2' -- ping -q -c 3 -i 0.1 -W 2 192.0.2.2
	journeys >"$WORK/vlan${list:+-tc}"
	check "VLAN, ${list:-many devices}: the device and the one below are seen, each once" trace_has '[.[] | select(.type == "journey" and .packet.icmp_type == 0)]
		| length == 3 and all(.[]; [.hops[].device] == ["eth0", "eth0.7"])'
done
check "… its device by tc" state_of tc attached
check "… the others by the tracepoints" state_of netif_receive_skb attached
check "… the same journeys" diff "$WORK/vlan-tc" "$WORK/vlan"
plan
