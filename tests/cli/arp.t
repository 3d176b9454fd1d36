#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Who asks for ARP sees it: questions and answers, each with its way and its end, once. Who does not, sees none.
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/../faults/lib.sh"

lab_start --ipv6
node=$LAB_PREFIX-node1
busybox=$(address_of busybox) web=$(address_of web) nobody=10.244.1.77
mac=$(ip -n "$LAB_PREFIX-busybox" -j link show eth0 | jq -r '.[0].address')
asks() { # TARGET…: the pod has forgotten every neighbour, then pings
	local target
	ip -n "$LAB_PREFIX-busybox" neigh flush all
	ip -n "$LAB_PREFIX-web" neigh flush all
	ip -n "$node" neigh flush all
	for target; do ip netns exec "$LAB_PREFIX-busybox" ping -q -c 1 -W 1 "$target" >/dev/null 2>&1 || true; done
}
traced() { # TARGETS FILTER OPTION…
	local targets=$1
	shift
	trace_begin node1 trace "$@" || return 1
	# shellcheck disable=SC2086 # one word each
	asks $targets
	sleep 0.3
	trace_end
}
# One journey: opcode, who asks or answers, whom, the devices on the way (a pod's veth by its pod), the verdict and its pod.
journeys() {
	jq -r 'select(.type == "journey" and .flow.proto == "ARP") | [.packet.arp_op, .flow.src, .flow.dst,
		(.hops | map((.pod // .device) + " " + .direction) | join(", ")), .verdict.kind, .verdict.pod // .verdict.device] | join(" | ")' \
		"$WORK/trace.json"
}
told() { journeys | grep -qxF "$1"; }
times() { (($(journeys | grep -cF "$1") == $2)); }
silent() { ((TRACE_STATUS == 0)) && trace_has 'all(.[]; .type != "finding")'; }
none() { trace_has 'all(.[]; .type != "journey" or .flow.proto != "ARP") and any(.[]; .type == "journey")'; }

for list in tc,kfree_skb netif_receive_skb,net_dev_queue,kfree_skb; do
	traced "$web 10.244.2.2" arp --pod default/busybox --probes "$list"
	check "arp, $list: the pod asks for another, by the one port where that is" \
		told "request | $busybox | $web | default/busybox in, default/web out | delivered | default/web"
	check "… and is answered" told "reply | $web | $busybox | default/web in, default/busybox out | delivered | default/busybox"
	check "… it asks for its gateway" told "request | $busybox | 10.244.1.1 | default/busybox in, cni0 in | delivered | cni0"
	check "… and is answered by the node" told "reply | 10.244.1.1 | $busybox | cni0 out, default/busybox out | delivered | default/busybox"
	check "… each once" times "request | $busybox" 2
	check "… nothing else is shown" trace_has 'all(.[]; .type != "journey" or .flow.proto == "ARP")'
	check "… nothing is wrong" silent
done
traced "$web" "arp host $web" --pod default/busybox
check "arp host: the question" times "request | $busybox | $web" 1
check "… the answer, and no other" times "| $web |" 2
check "… with the MAC address that is asked for" trace_has 'any(.[]; .type == "journey" and .packet.arp_op == "reply" and
	.packet.arp_sender_mac == "'"$(ip -n "$LAB_PREFIX-web" -j link show eth0 | jq -r '.[0].address')"'" and .packet.arp_target_mac == "'"$mac"'")'
traced "10.244.2.2" "arp host $web"
check "arp host: not of others" times request 0
traced "$web" "ether host $mac"
check "by the MAC address: ARP and what follows" trace_has 'any(.[]; .flow.proto == "ARP") and any(.[]; .flow.proto == "ICMP")'
check "… nothing is wrong" silent

# Unasked for it stays hidden, though it is seen.
traced "$web" 'not tcp' --pod default/busybox
check "a filter for IP packets shows none" none
traced "$web" '' --pod default/busybox
check "nor does no filter" none

# A question that nobody answers, of whom no kernel waits for (as the probes of address detection).
asks_for_nobody() {
	ip netns exec "$LAB_PREFIX-busybox" python3 - "$mac" "$busybox" "$nobody" <<-'END'
		import socket, sys
		mac = bytes.fromhex(sys.argv[1].replace(":", ""))
		s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
		s.bind(("eth0", 0))
		s.send(b"\xff" * 6 + mac + bytes.fromhex("08060001080006040001") + mac + socket.inet_aton(sys.argv[2])
		       + bytes(6) + socket.inet_aton(sys.argv[3]) + bytes(18))
	END
}
asks "$web"
trace_begin node1 trace arp --pod default/busybox
asks_for_nobody
sleep 0.3
trace_end
check "nobody has it: one journey says who got the question" trace_has '[.[] | select(.type == "journey" and .flow.dst == "'$nobody'")]
	| length == 1 and (.[0].hops | length > 3) and .[0].hops[0].pod == "default/busybox" and .[0].verdict.kind == "delivered"'
check "… and nothing is wrong" silent

# The pod's kernel waits for it: the fault is told as ever.
trace_run node1 trace arp --pod default/busybox -- ping -q -c 1 -W 1 "$nobody"
check "a pod that waits in vain: the questions" trace_has '[.[] | select(.type == "journey" and .flow.dst == "'$nobody'")] | length > 1'
check "… and neighbour-failed" trace_has 'any(.[]; .type == "finding" and .id == "neighbour-failed")'

# IPv6 asks with ICMPv6: a filter that matches it shows it.
traced "$(pod_var web address6)" 'icmp6 and (ip6[40] = 135 or ip6[40] = 136)' --pod default/busybox
check "neighbour discovery: the question" trace_has 'any(.[]; .packet.icmp_name == "neighbour solicitation" and .flow.src_pod == "default/busybox")'
check "… the answer" trace_has 'any(.[]; .packet.icmp_name == "neighbour advertisement" and .flow.dst_pod == "default/busybox" and .verdict.kind == "delivered")'
check "… nothing is wrong" silent
plan
