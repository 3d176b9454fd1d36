#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# IPv6 makes room for a tunnel's header with another skb (skb_expand_head in ip6_finish_output2): a packet that only its
# MAC address or hop limit had matched before it was routed is still the same one there.
VARIANT=ipv6
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/../faults/lib.sh"

# shellcheck disable=SC2119
lab_start
web2=$(address6_of web2)
mac=$(ip -n "$LAB_PREFIX-busybox" -j link show eth0 | jq -r '.[0].address')
pings() { # from both pods at once, alike but for their addresses
	ip netns exec "$LAB_PREFIX-web" ping -6 -q -c 3 -i 0.1 -W 2 "$web2" >/dev/null 2>&1 &
	ip netns exec "$LAB_PREFIX-busybox" ping -6 -q -c 3 -i 0.1 -W 2 "$web2" >/dev/null 2>&1 || true
	wait $!
}
traced() { # FILTER OPTION…
	trace_begin node1 trace "$@"
	pings
	trace_end
}
echoes='[.[] | select(.type == "journey" and .packet.icmp_name == "echo")]'
through='all(.[]; .verdict.kind == "left-node" and ([.hops[].device[:4]] == ["veth", "cni0", "flan", "eth0"]))'
pings # neighbours are known

for list in tc,kfree_skb netif_receive_skb,net_dev_queue,kfree_skb; do
	traced "ether src $mac" --probes "$list"
	check "by the pod's MAC address, $list: each packet is one journey" trace_has "$echoes | length == 3 and $through"
	check "… and no other pod's is shown" trace_has "$echoes | all(.[]; .flow.src == \"$(address6_of busybox)\")"
done
traced 'ip6[7] = 64'
check "by the hop limit: each packet is one journey" trace_has "$echoes | length == 6 and $through"
traced "ip6[7] = 64 and src host $(address6_of busybox)"
check "by hop limit and source: no other pod's" trace_has "$echoes | length == 3 and $through"
plan
