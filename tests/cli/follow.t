#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Packets keep their identity through what the kernel does to them: clones, copies, segmentation and
# merging, fragments, translation, encapsulation. A journey that breaks in two shows up here as one
# that vanished, or that began in the middle.
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/../faults/lib.sh"

# shellcheck disable=SC2119
lab_start
node=$LAB_PREFIX-node1
web=$(address_of web) web2=$(address_of web2)
whole() { # FILTER of journeys: there are some, and none vanished or began in the middle
	jq -e -s "[.[] | select(.type == \"journey\") | select($1)] | length > 0
		and all(.[]; .verdict.kind != \"vanished\")" "$WORK/trace.json" >/dev/null && return
	jq -c "select(.type == \"journey\") | select($1) | select(.verdict.kind == \"vanished\")
		| [.flow, .packet.len, [.hops[] | .device + \" \" + .direction], .verdict]" "$WORK/trace.json" | head -5
	return 1
}
offload() { # on|off
	for device in eth0 flannel.1 cni0; do ethtool -K "$device" gso "$1" gro "$1" tso "$1" >/dev/null 2>&1 || true; done
}
BURST=$(dirname "$CNITRACE")/scripts/bench/burst
make -s -C "$TESTS_DIR/../.." BUILD="$(dirname "$CNITRACE")" "$BURST" >"$WORK/make" 2>&1 ||
	{ not_ok "the sender builds" "$WORK/make" && plan && exit 1; }
bulk=(sh -c "head -c 2000000 /dev/zero | nc -N -w 2 $web2 8099")

# TCP over the tunnel: GSO packets of many segments, cut and merged or not.
ip netns exec "$LAB_PREFIX-web2" sh -c 'while :; do nc -l -p 8099 >/dev/null 2>&1 || sleep 0.1; done' &
server=$!
for state in on off; do
	ip netns exec "$node" bash -c "$(declare -f offload); offload $state"
	trace_run node1 trace --pod default/busybox "tcp port 8099" -- "${bulk[@]}"
	check "TCP over the tunnel, segmentation offload of the node $state" whole '.flow.proto == "TCP"'
done
kill "$server" 2>/dev/null || true
ip netns exec "$node" bash -c "$(declare -f offload); offload on"

# The other way: the segments come one by one out of the tunnel and are merged at its end (gro_cells of vxlan).
merges() { # a packet of several segments behind the tunnel that were single ones before it
	trace_has 'any(.[] | select(.type == "journey").hops[]; .device == "flannel.1" and .direction == "in" and (.gso_segs // 0) > 1)'
}
offload_of() { # NODE on|off DEVICE
	ip netns exec "$LAB_PREFIX-$1" ethtool -K "$3" gso "$2" gro "$2" tso "$2" tx-udp_tnl-segmentation "$2" >/dev/null 2>&1 || true
}
ip netns exec "$LAB_PREFIX-busybox" sh -c 'while :; do nc -l -p 8098 >/dev/null 2>&1 || sleep 0.1; done' &
server=$!
offload_of node2 off eth0 && offload_of node2 off flannel.1 && offload_of node1 off eth0
for ((try = 0; try < 5; try++)); do
	trace_begin node1 trace "tcp port 8098"
	ip netns exec "$LAB_PREFIX-web2" sh -c "head -c 2000000 /dev/zero | nc -N -w 2 $(address_of busybox) 8098" || true
	trace_end
	! merges || break
done
check "segments out of the tunnel are merged: seen so" merges
check "… and each goes on in the packet that took it" whole '.flow.proto == "TCP"'
kill "$server" 2>/dev/null || true
offload_of node2 on eth0 && offload_of node2 on flannel.1 && offload_of node1 on eth0

# One packet of many datagrams, cut by the kernel where the pod's device cannot (UDP_SEGMENT).
ip netns exec "$LAB_PREFIX-web2" "$BURST" -l 4003 >"$WORK/listens" 2>&1 &
sink=$!
wait_until 500 grep -qs listening "$WORK/listens"
for state in on off; do
	ip netns exec "$LAB_PREFIX-busybox" ethtool -K eth0 tx-udp-segmentation "$state" >/dev/null 2>&1 || true
	trace_run node1 trace --pod default/busybox "udp dst port 4003" -- "$BURST" -a -g 10 "$web2" 4003 100 1000
	check "packets of ten datagrams, the pod's device cuts them: $state" whole '.flow.proto == "UDP"'
done
ip netns exec "$LAB_PREFIX-busybox" ethtool -K eth0 tx-udp-segmentation on >/dev/null 2>&1 || true

# A raw socket leaves room for an Ethernet header only (raw_send_hdrinc), the tunnel needs 50 bytes more: the packet gets
# a new head on its way (skb_cow in ip_forward).
trace_run node1 trace --pod default/busybox "udp dst port 4003" -- "$BURST" -a -i 9 "$web2" 4003 100 1000
check "a new head under way: one journey for each packet" trace_has '[.[] | select(.type == "journey")] | length == 100 and
	all(.[]; .verdict.kind == "left-node" and ([.hops[] | .device[:4]] == ["veth", "cni0", "flan", "eth0"]))'
kill "$sink" 2>/dev/null || true

# Fragments: cut by the sender, carried by the tunnel, put together again where conntrack looks.
trace_run node1 trace --pod default/busybox icmp -- ping -q -c 3 -i 0.1 -W 1 -s 4000 "$web2"
check "fragments and their reassembly" whole '.flow.proto == "ICMP"'
check "fragments: every part was seen at the tunnel" trace_has '[.[] | select(.type == "journey") | .hops[] | select(.device == "flannel.1")] | length >= 6'

# … and cut anew, smaller, for the tunnel behind a bridge that takes more: each new one goes on from one that came.
sized() { # MTU of the pod's link
	ip -n "$LAB_PREFIX-busybox" link set eth0 mtu "$1"
	ip -n "$node" link set "$(pod_var busybox veth)" mtu "$1"
	ip -n "$node" link set cni0 mtu "$1"
}
sized 1500
trace_run node1 trace --pod default/busybox icmp -- ping -q -c 3 -i 0.1 -W 1 -s 4000 "$web2"
check "fragments cut anew to other sizes: each is one journey" trace_has '[.[] | select(.type == "journey" and .flow.dst == "'"$web2"'")]
	| length == 9 and all(.[]; .verdict.kind == "left-node" and (.hops[0].device | startswith("veth")) and .hops[-1].device == "eth0")
	and all(.[]; [.hops[] | [.device, .direction]] | length == (unique | length))'
check "… the sizes did change" trace_has '[.[] | select(.type == "journey" and .flow.dst == "'"$web2"'") | select(.hops[0].len > 1450 and .hops[-1].len < 1501)] | length == 6'
check "… and nothing is wrong" trace_has 'all(.[]; .type != "finding")'
sized 1450

# A tap takes a clone of every packet; a flood of the bridge copies it to every port.
ip netns exec "$node" timeout 20 tcpdump -i any -w /dev/null >/dev/null 2>"$WORK/tap" &
tap=$!
wait_until 250 grep -qs listening "$WORK/tap" || true
trace_run node1 trace --pod default/busybox -- ping -q -c 5 -i 0.05 -W 1 "$web2"
check "clones of a tap" whole '.flow.proto == "ICMP"'
check "clones of a tap: no hop is told twice" trace_has '[.[] | select(.type == "journey") | [.hops[] | [.device, .direction]] | length == (unique | length)] | length > 0 and all'
kill "$tap" 2>/dev/null || true
bridge -n "$node" fdb show br cni0 >/dev/null
ip -n "$node" link set cni0 type bridge ageing_time 0
trace_run node1 trace --pod default/busybox -- ping -q -c 5 -i 0.05 -W 1 "$web"
check "copies of a flooding bridge" whole '.flow.proto == "ICMP"'
check "copies: one journey for each packet" trace_has '[.[] | select(.type == "journey" and .flow.proto == "ICMP")] | length == 10'
ip -n "$node" link set cni0 type bridge ageing_time 30000

# Translation both ways, and the way through the tunnel needs a larger head (skb_cow in ip_forward).
trace_run node1 trace --pod default/busybox "host 10.96.0.20" -- sh -c "for i in 1 2 3; do curl -s --max-time 2 -o /dev/null http://10.96.0.20/; done"
check "DNAT: the filter names the Service, the packets are followed behind it" whole 'any(.hops[]; .nat != null)'
check "DNAT: and so are the answers" trace_has 'any(.[]; .type == "journey" and .flow.dst_pod == "default/busybox")'
check "nothing was put out of the sets" trace_has '.[-1].records | (has("tracked_evicted") or has("followed_evicted")) | not'

# Who else asks the same address from behind the same masquerade is another conversation.
far=192.168.1.12
trace_run node1 trace --pod default/busybox icmp -- sh -c "ping -q -c 1 -W 1 $far
	nsenter --net=/run/netns/$LAB_PREFIX-web ping -q -c 3 -i 0.1 -W 1 $far"
check "another pod's pings to the same address are not shown" trace_has '[.[] | select(.type == "journey")] | length == 2
	and all(.[]; [.hops[].pod // empty] | unique == ["default/busybox"])'

# Fragments to a Service: put together for the translation, cut again behind it.
ip netns exec "$LAB_PREFIX-coredns" "$BURST" -l 4004 >/dev/null 2>&1 &
sink=$!
trace_run node1 trace --pod default/busybox "host 10.96.0.10" -- sh -c "head -c 4000 /dev/zero | nc -u -w 1 10.96.0.10 53"
kill "$sink" 2>/dev/null || true
check "fragments to a Service" whole '.flow.proto == "UDP"'
check "fragments to a Service: what asks no name is owed no answer" trace_has 'all(.[]; .type != "finding")'
check "fragments to a Service are followed behind the translation" trace_has 'any(.[] | select(.type == "journey"); any(.hops[]; .nat != null))'

# The set of what is followed has its bound. A socket that reads nothing keeps thousands of packets at once.
ip netns exec "$LAB_PREFIX-web" "$BURST" -k 4005 >"$WORK/listens" 2>&1 &
sink=$!
wait_until 500 grep -qs listening "$WORK/listens"
ip netns exec "$LAB_PREFIX-busybox" ethtool -K eth0 tx-udp-segmentation off >/dev/null 2>&1 || true
trace_begin node1 trace --ring 33554432 "udp dst port 4005"
for ((try = 0; try < 10; try++)); do ip netns exec "$LAB_PREFIX-busybox" "$BURST" -g 64 "$web" 4005 12800 >/dev/null; done
trace_end
kill "$sink" 2>/dev/null || true
ip netns exec "$LAB_PREFIX-busybox" ethtool -K eth0 tx-udp-segmentation on >/dev/null 2>&1 || true
check "more packets at once than the set holds: it is said how many were put out early" trace_has '.[-1].records.tracked_evicted > 0'

# Addresses are used again within microseconds.
trace_begin node1 trace "icmp"
for _ in 1 2 3 4; do ip netns exec "$LAB_PREFIX-busybox" ping -q -f -c 3000 "$web" >/dev/null 2>&1 || true; done
trace_end
check "one slab, thousands of packets: every journey is one packet's" \
	trace_has '[.[] | select(.type == "journey" and .flow.proto == "ICMP" and (.hops | length) > 0) | [.hops[] | [.device, .direction]] | length == (unique | length)] | length > 1000 and all'
plan
