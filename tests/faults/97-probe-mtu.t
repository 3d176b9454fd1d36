#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# The MTU search: each verdict with its number, whatever the devices' MTUs are. 1500 is nothing special: the
# same faults are found between jumbo frames and on a cloud's 1460.
# shellcheck source=tests/faults/probe.sh
. "$(dirname "$0")/probe.sh"

# shellcheck disable=SC2119
lab_start
web=$(address_of web) web2=$(address_of web2)

# mtus NIC TUNNEL: of every device of both nodes and their pods.
mtus() {
	local nic=$1 tunnel=$2 n name
	underlay ip link set lan mtu "$nic"
	for n in 1 2; do
		underlay ip link set "port$n" mtu "$nic"
		in_netns "node$n" ip link set eth0 mtu "$nic"
		in_netns "node$n" ip link set flannel.1 mtu "$tunnel"
	done
	for name in busybox web local coredns web2 busybox2; do
		in_netns "$(pod_var "$name" node)" ip link set "$(veth_of "$name")" mtu "$tunnel"
		in_netns "$name" ip link set eth0 mtu "$tunnel"
		in_netns "$name" ip route flush cache
	done
	for n in 1 2; do
		in_netns "node$n" ip link set cni0 mtu "$tunnel"
		in_netns "node$n" ip route flush cache
	done
}
mtu() { result "$1" ".mtu | $2"; }
exact() {
	# The largest that ping gets through: this size, and not a byte more.
	pod busybox ping -q -M "do" -c 1 -W 1 -s $(($2 - 28)) "$1" >/dev/null &&
		! pod busybox ping -q -M "do" -c 1 -W 1 -s $(($2 - 27)) "$1" >/dev/null 2>&1
}

for pair in "9000 8950" "1460 1410" "1500 1450"; do
	read -r nic tunnel <<<"$pair"
	mtus "$nic" "$tunnel"
	probe "mtu://$web2" "mtu://$web"
	mtu "NIC $nic: $tunnel passes to the other node, two packets" '.verdict == "fine" and .passed == '"$tunnel"' and .packets == 2 and (has("lost") | not)'
	holds "NIC $nic: … and within the node" '[.[] | select(.type == "probe")][1].mtu | .verdict == "fine" and .passed == '"$tunnel"
	no_finding "NIC $nic: no finding"
	check "NIC $nic: ping agrees to the byte" exact "$web2" "$tunnel"

	# 1. Too big at a routed hop, and the sender is told.
	node1 ip link set flannel.1 mtu $((tunnel - 100))
	probe "mtu://$web2"
	mtu "NIC $nic, tunnel 100 too small: told by ICMP, with the number and where to set it" \
		".verdict == \"exceeded\" and .passed == $((tunnel - 100)) and .icmp_mtu == $((tunnel - 100)) and .icmp_from == \"10.244.1.1\" and
		.packets <= 12 and .remedy == \"set mtu $tunnel on flannel.1 (it has $((tunnel - 100)))\""
	only_finding "NIC $nic, tunnel 100 too small: mtu-exceeded" mtu-exceeded ".facts.mtu == $((tunnel - 100))"

	# 4. The same, and the ICMP error is filtered.
	node1 ip route flush cache
	in_netns busybox ip route flush cache
	node1 iptables-nft -I OUTPUT -p icmp --icmp-type fragmentation-needed -j DROP
	probe "mtu://$web2"
	node1 iptables-nft -D OUTPUT -p icmp --icmp-type fragmentation-needed -j DROP
	node1 ip link set flannel.1 mtu "$tunnel"
	mtu "NIC $nic, ICMP filtered: found by silence, the ICMP's place named" \
		".verdict == \"icmp-lost\" and .passed == $((tunnel - 100)) and (.summary | test(\"lost at\")) and .packets <= 24"
	only_finding "NIC $nic, ICMP filtered: mtu-blackhole" mtu-blackhole
	in_netns busybox ip route flush cache
	node1 ip route flush cache

	# 2. Silent: a pod's own device is smaller than its host end.
	in_netns web ip link set eth0 mtu $((tunnel - 200))
	probe "mtu://$web"
	in_netns web ip link set eth0 mtu "$tunnel"
	mtu "NIC $nic, silent drop at a veth: which device to mend" \
		".verdict == \"silent-drop\" and .passed >= $((tunnel - 200)) and .passed <= $((tunnel - 196)) and
		.remedy == \"set mtu $tunnel on default/web eth0 (it has $((tunnel - 200)))\""
	only_finding "NIC $nic, silent drop at a veth: mtu-blackhole" mtu-blackhole

	# 2. Silent: the bridge port.
	node1 ip link set "$(veth_of web)" mtu $((tunnel - 200))
	probe "mtu://$web"
	node1 ip link set "$(veth_of web)" mtu "$tunnel"
	mtu "NIC $nic, silent drop at a bridge port" \
		".verdict == \"silent-drop\" and .passed >= $((tunnel - 200)) and .passed <= $((tunnel - 196)) and (.remedy | test(\"set mtu $tunnel on veth\"))"
	only_finding "NIC $nic, silent drop at a bridge port: mtu-blackhole" mtu-blackhole

	# 5. Beyond: a switch passes less, both ways; then on the way back alone.
	drop_some underlay bridge "ip length > $((nic - 90)) drop"
	probe "mtu://$web2"
	drop_none underlay bridge
	mtu "NIC $nic, a switch 90 too small: lost beyond, on the way there" \
		".verdict == \"beyond\" and .passed == $((tunnel - 90)) and .narrow_way == \"request\" and .packets <= 30"
	only_finding "NIC $nic, a switch 90 too small: mtu-blackhole" mtu-blackhole
	drop_some underlay bridge "iifname port2 ip length > $((nic - 90)) drop"
	probe "mtu://$web2"
	drop_none underlay bridge
	mtu "NIC $nic, small on the way back alone: told apart" \
		".verdict == \"beyond\" and .narrow_way == \"reply\" and .forward_passed == $tunnel and .passed == $((tunnel - 90))"
	# 2. The NIC is a veth, as in a node that is a container: its other end belongs to nobody here.
	underlay ip link set port1 mtu $((nic - 90))
	probe "mtu://$web2"
	underlay ip link set port1 mtu "$nic"
	mtu "NIC $nic, smaller behind the NIC, which is a veth: dropped there" \
		".verdict == \"silent-drop\" and .passed >= $((tunnel - 90)) and .passed <= $((tunnel - 86)) and .narrow_way == \"request\""
	only_finding "NIC $nic, smaller behind the NIC: which device" mtu-blackhole \
		".facts.device == \"eth0\" and (.summary | test(\"Packets over $((tunnel - 86)) bytes vanish at the other end of eth0\"))"
done

# 3. The sender's own kernel refuses: a route with an mtu, and one it learned long ago.
in_netns busybox ip route add "$web2" via 10.244.1.1 mtu 1300
probe "mtu://$web2"
pod busybox ping -M "do" -c 1 -W 1 -s 1400 "$web2" >"$WORK/ping" 2>&1 || true
in_netns busybox ip route del "$web2"
mtu "a route's mtu: the kernel refuses what would pass" '.verdict == "local" and .passed == 1450 and (.remedy | test("1300 bytes"))'
check "… ping -M do meets it" grep -qE 'too long, mtu[=: ]+1300' "$WORK/ping"
only_finding "… mtu-local" mtu-local '.facts.mtu == 1300'
node1 ip link set flannel.1 mtu 1400
pod busybox ping -q -M "do" -c 2 -i 0.2 -W 1 -s 1422 "$web2" >/dev/null 2>&1 || true
node1 ip link set flannel.1 mtu 1450
node1 ip route flush cache
probe "mtu://$web2"
in_netns busybox ip route flush cache
mtu "what was learned and is past: how to forget it" '.verdict == "local" and .passed == 1450 and (.remedy | test("1400 bytes.*flush cache"))'

# 6. Everything passes, but not as it should.
for n in 1 2; do in_netns "node$n" ip link set eth0 mtu 1480; done
probe "mtu://$web2"
for n in 1 2; do in_netns "node$n" ip link set eth0 mtu 1500; done
mtu "a NIC too small for the tunnel: fragments, and the MTU it needs" \
	'.verdict == "mismatch" and .passed == 1450 and .remedy == "set mtu 1500 on eth0 (it has 1480)"'
check "… a warning, exit status 0" trace_has '[.[] | select(.type == "finding")] | length == 1 and .[0].id == "mtu-mismatch" and .[0].severity == "warning"'
check "… exit status 0" test "$TRACE_STATUS" -eq 0
fits_schema "the last search"

probe --timeout 300ms mtu://203.0.113.77
mtu "nobody answers: no verdict about sizes" '.verdict == "no-answer"'
plan
