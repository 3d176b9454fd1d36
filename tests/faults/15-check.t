#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# What cnitrace check finds without a packet: every fault whose injection shows in the
# node's state, and silence after it is healed. A fault that shows in traffic alone is not here.
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"

# FAULT SEVERITY FINDING, as check names it: it sees the cause, not which packets suffer.
visible() {
	cat <<-'END'
		bridge-netfilter-off error bridge-netfilter-off
		bridge-port-detached error bridge-port-detached
		bridge-port-detached-disabled error bridge-port-detached
		cni-subnet-mismatch error cni-subnet-mismatch
		dns-config warning dns-config
		forward-policy-drop error forward-policy-drop
		hairpin-off warning hairpin-off
		ip-conflict error ip-conflict
		ip-forward-disabled error ip-forward-disabled
		ip-forward-disabled-device error ip-forward-disabled
		ipam-exhausted error ipam-exhausted
		link-down error link-down
		link-down-bridge error link-down
		link-down-carrier error link-down
		link-down-nic error link-down
		link-down-pod error link-down
		masquerade-missing error masquerade-missing
		mtu-blackhole warning mtu-mismatch
		mtu-blackhole-bridge-port warning mtu-mismatch
		mtu-exceeded error mtu-mismatch
		mtu-mismatch error mtu-mismatch
		neighbour-wrong error neighbour-failed
		neighbour-wrong-gateway error neighbour-failed
		netfilter-drop warning netfilter-drop
		netfilter-drop-legacy warning netfilter-drop
		netfilter-drop-mangle warning netfilter-drop
		netfilter-drop-nft warning netfilter-drop
		netfilter-drop-output warning netfilter-drop
		netfilter-drop-pod warning netfilter-drop
		netfilter-drop-raw warning netfilter-drop
		netfilter-reject warning netfilter-reject
		network-policy-drop info network-policy-drop
		network-policy-drop-calico info network-policy-drop
		no-route warning no-route
		no-route-blackhole warning no-route
		no-route-rule warning no-route
		overlay-down error overlay-down
		overlay-down-missing error overlay-down
		overlay-peer-missing error overlay-peer-missing
		overlay-peer-missing-fdb error overlay-peer-missing
		overlay-route-missing error overlay-route-missing
		pod-config error pod-config
		pod-config-prefix error pod-config
		pod-config-route error pod-config
		rp-filter error rp-filter
		service-endpoint-dead error service-endpoint-dead
		service-rules-missing error service-rules-missing
	END
}

# check_found NAME SEVERITY ID: one finding, this one; none after healing.
check_found() {
	local name=$1 severity=$2 id=$3 status=0 why
	fault_load "$name"
	why=$(possible)
	if [[ -n $why ]]; then
		skip "check finds $name" "$why"
		return
	fi
	if ! lab fault "$name" >"$WORK/complaints" 2>&1; then
		not_ok "$name: cannot be injected" "$WORK/complaints"
		lab heal >&2 || true
		return
	fi
	[[ $severity == error ]] && status=10
	trace_run node1 check
	: >"$WORK/complaints"
	((TRACE_STATUS == status)) || echo "exit status $TRACE_STATUS, expected $status" >>"$WORK/complaints"
	[[ $(findings_list) == "$severity $id" ]] || echo "found: $(findings_list)" >>"$WORK/complaints"
	lab heal >>"$WORK/complaints" 2>&1 || true
	trace_run node1 check
	[[ -z $(findings_list) ]] || echo "after healing: $(findings_list)" >>"$WORK/complaints"
	if [[ -s $WORK/complaints ]]; then
		not_ok "check finds $name as $severity $id" "$WORK/complaints" "$WORK/trace.err"
	else
		ok "check finds $name as $severity $id"
	fi
}

# check_told TEXT SEVERITY ID INJECT HEAL: what only check tells; it breaks no traffic, so it is no fault of the lab.
check_told() {
	local text=$1 severity=$2 id=$3 status=0
	[[ $severity != error ]] || status=10
	"$4"
	trace_run node1 check
	{
		((TRACE_STATUS == status)) || echo "exit status $TRACE_STATUS, expected $status"
		[[ $(findings_list) == "$severity $id" ]] || echo "found: $(findings_list)"
	} >"$WORK/complaints"
	"$5"
	trace_run node1 check
	[[ -z $(findings_list) ]] || echo "afterwards: $(findings_list)" >>"$WORK/complaints"
	if [[ -s $WORK/complaints ]]; then
		not_ok "$text: $severity $id" "$WORK/complaints" "$WORK/trace.err"
	else
		ok "$text: $severity $id"
	fi
}

reservations=$LAB_DIR/node1/var/lib/cni/networks/cbr0
stale_make() {
	local i
	for i in {100..150}; do
		printf 'dead%060d\r\neth0' "$i" >"$reservations/10.244.1.$i"
	done
}
stale_remove() { rm -f "$reservations"/10.244.1.1[0-5][0-9]; }

conflists=$LAB_DIR/node1/etc/cni/net.d
conflist_second() { echo '{"cniVersion":"0.3.1","name":"old","type":"bridge","bridge":"old0","ipam":{"type":"host-local"}}' >"$conflists/20-old.conf"; }
conflist_broken() { echo '{"name":' >"$conflists/00-new.conflist"; }
conflist_remove() { rm -f "$conflists"/{20-old.conf,00-new.conflist}; }

# A kubelet, by its port, and nothing at kube-proxy's.
kubelet_start() {
	# shellcheck disable=SC2016
	process_start kubelet node1 perl -MIO::Socket::INET -e \
		'my $s = IO::Socket::INET->new(Listen => 1, LocalPort => 10250) or die "$!"; $s->accept() while 1'
	wait_until 1000 listens node1 tcp 10250
}
kubelet_stop() { process_stop kubelet; }

# Nearly all addresses, by reservations of the dead.
range_fill() {
	local i
	for i in {10..245}; do
		printf 'dead%060d\r\neth0' "$i" >"$reservations/10.244.1.$i"
	done
}
range_empty() { grep -l '^dead' "$reservations"/10.* | xargs -r rm; }

# Connections that were never answered, to as many ports as it takes; they stay for as long as that takes.
table_fill() {
	node1 sysctl -qw net.netfilter.nf_conntrack_udp_timeout=600
	node1 python3 -c 'import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range(int(sys.argv[1])):
	try:
		s.sendto(b"x", ("203.0.113.%d" % (100 + i // 60000), 1 + i % 60000))
	except OSError:
		pass' "$((conntrack_max * 85 / 100))"
}
table_empty() {
	node1 sysctl -qw net.netfilter.nf_conntrack_udp_timeout=30
	node1 conntrack -F 2>/dev/null
}

# A second uplink whose default route is not the preferred one, and a strict filter on it.
uplink_second() {
	node1 ip link add second type veth peer name second0 netns "$LAB_PREFIX-underlay"
	underlay ip link set second0 up
	node1 ip address add 198.51.100.2/24 dev second
	node1 ip link set second up
	node1 sysctl -qw net.ipv4.conf.second.rp_filter=1
	node1 ip route add default via 198.51.100.1 dev second metric 500
}
uplink_remove() { node1 ip link delete second; }

# The default route leads to an address nobody has, and the kernel has found that out.
gateway_lose() {
	node1 ip route replace default via 192.168.1.77 dev eth0
	node1 ping -q -c 1 -W 1 203.0.113.10 >/dev/null || true
	wait_until 1000 gateway_failed
}
gateway_failed() { [[ $(node1 ip neighbour show 192.168.1.77 dev eth0) == *FAILED* ]]; }
gateway_find() {
	node1 ip route replace default via 192.168.1.1 dev eth0
	node1 ip neighbour delete 192.168.1.77 dev eth0
}

# shellcheck disable=SC2119
lab_start
while read -r name severity id; do
	check_found "$name" "$severity" "$id"
done < <(visible)
check_told "a range that is nearly used up" warning ipam-exhausted range_fill range_empty
conntrack_max=$(sysctl -n net.netfilter.nf_conntrack_max)
if ((conntrack_max > 300000)); then
	skip "a connection table that is nearly full" "room for $conntrack_max connections"
else
	check_told "a connection table that is nearly full" warning conntrack-full table_fill table_empty
fi
check_told "a strict filter on the second uplink" warning rp-filter uplink_second uplink_remove
check_told "a gateway that does not answer" warning neighbour-failed gateway_lose gateway_find
check_told "addresses of dead pods" warning ipam-stale stale_make stale_remove
check_told "a second CNI configuration" info cni-conflists conflist_second conflist_remove
check_told "a CNI configuration cut short" error cni-config conflist_broken conflist_remove
check_told "rules without kube-proxy" warning kube-proxy-absent kubelet_start kubelet_stop
plan
