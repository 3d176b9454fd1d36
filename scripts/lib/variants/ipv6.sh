# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034,SC2317
# Dual stack with IPv6 first: pods have an address of each family, flannel-v6.1 joins the nodes, Services
# and DNS have IPv6 addresses (fd00:10:96::N for 10.96.0.N) with ip6tables rules as kube-proxy writes them.
# Its faults are IPv6's.

VARIANT_TEXT="dual stack: pods, Services, DNS and flannel-v6.1 over IPv6"
VARIANT_FAULTS="node-to-pod-drop server-netfilter-drop server-route-missing server-overlay-down server-overlay-peer-missing
	server-mtu-blackhole server-port-closed"
LAB_IPV6=yes LAB_TUNNEL=flannel-v6.1
# VXLAN over IPv6 takes 70 bytes of 1500; flannel itself would leave 1450, and its packets would be fragmented.
LAB_MTU=1430
DNS_WEB_RECORD="--host-record=web.default.svc.cluster.local,10.96.0.20,fd00:10:96::20"

address6_of() { pod_var "$1" address6; }
target_of() { address6_of "$1"; }
url_of() { printf 'http://[%s]' "$(address6_of "$1")"; }
pods_of() { printf 'fd00:10:244:%s::/64' "$1"; }
rule_of() { rule6 "$@"; }
route_of() { in_netns "$1" ip -6 route "${@:2}"; }
too_big_unheard() { rule6 "$1" -I OUTPUT 1 -p icmpv6 --icmpv6-type packet-too-big -j DROP; }

resolv_conf_default() {
	printf 'search %s.svc.cluster.local svc.cluster.local cluster.local\n' "$1"
	printf 'nameserver fd00:10:96::10\noptions ndots:5\n'
}

# The same rules for IPv6: every address by its counterpart.
services_ipv6() {
	local name namespace node
	{
		while read -r name namespace node; do
			printf 's|%s:\\([0-9]\\)|[%s]:\\1|g;s|%s/32|%s/128|g\n' "$(address_of "$name")" "$(address6_of "$name")" \
				"$(address_of "$name")" "$(address6_of "$name")"
		done < <(pods_table)
		cat <<-'ENDSED'
			s|10\.244\.0\.0/16|fd00:10:244::/48|g
			s|10\.244\.\([0-9]\)\.0/24|fd00:10:244:\1::/64|g
			s|10\.244\.\([0-9]\)\.\([0-9]*\)/32|fd00:10:244:\1::\2/128|g
			s|10\.244\.\([0-9]\)\.\([0-9]*\):\([0-9]\)|[fd00:10:244:\1::\2]:\3|g
			s|10\.96\.0\.\([0-9]*\)/32|fd00:10:96::\1/128|g
			s|224\.0\.0\.0/4|ff00::/8|g
			s|127\.0\.0\.0/8|::1/128|g
			s|icmp-port-unreachable|icmp6-port-unreachable|g
		ENDSED
	} >"$LAB_DIR/to-ipv6.sed.$BASHPID"
	sed -f "$LAB_DIR/to-ipv6.sed.$BASHPID"
	rm "$LAB_DIR/to-ipv6.sed.$BASHPID"
}

variant_services() {
	{
		services_filter_rules
		services_nat_rules "$1"
	} | services_ipv6 | in_netns "$1" "${IPT/ip/ip6}-restore" -w
}

rule6() {
	local where=$1
	shift
	in_netns "$where" "${IPT/ip/ip6}" -w "$@"
}

# An IPv6 address and its routes go when a link goes down.
eval "flannel_$(declare -f overlay_make)"
overlay_make() {
	local n
	for n in 1 2; do
		in_netns "node$n" ip link show dev flannel.1 >/dev/null 2>&1 || continue
		in_netns "node$n" ip link set flannel.1 mtu 1450 up
		in_netns "node$n" ip link set flannel-v6.1 mtu 1430 up
		in_netns "node$n" ip address replace "fd00:10:244:$n::/128" dev flannel-v6.1 nodad
		in_netns "node$n" ip -6 route replace default via fd00:192:168::1 dev eth0
	done
	flannel_overlay_make
}

pod_mtu() {
	in_netns "$(pod_var "$1" node)" ip link set "$(veth_of "$1")" mtu "$2"
	in_netns "$1" ip link set eth0 mtu "$2"
}

# An IPv6 address and its routes go when a link goes down: the plugin's gateway is put back too.
variant_heal() {
	local name
	node1 sysctl -qw net.ipv6.conf.all.forwarding=1
	[[ ! -e /proc/sys/net/bridge ]] || node1 sysctl -qw net.bridge.bridge-nf-call-ip6tables=1
	overlay_make
	for name in busybox web; do
		pod_repair "$name"
		in_netns "$name" ip -6 address replace "$(address6_of "$name")/64" dev eth0 nodad
		in_netns "$name" ip -6 route replace default via fd00:10:244:1::1 dev eth0
		in_netns "$name" ip -6 route flush cache
		in_netns "$name" ip -6 neighbour flush dev eth0
	done
	services_reset
	[[ -e $LAB_DIR/pids/http-local-8081 ]] || pod_serve_http local 8081 8081
}

variant_fault_netfilter_drop() {
	FAULT_ID=netfilter-drop FAULT_CLASS=unreachable EXPECT='{"chain":"FORWARD","table":"filter"}'
	FAULT_TEXT="an ip6tables rule in FORWARD drops the pod's pings"
	inject() { rule6 node1 -I FORWARD 1 -s "$(address6_of busybox)" -p icmpv6 --icmpv6-type echo-request -j DROP; }
	traffic() { ping_to "$(address6_of web2)"; }
}

variant_fault_netfilter_reject() {
	FAULT_ID=netfilter-reject FAULT_CLASS=unreachable
	FAULT_TEXT="an ip6tables REJECT rule answers with ICMPv6 administratively prohibited"
	inject() { rule6 node1 -I FORWARD 1 -s "$(address6_of busybox)" -p tcp -j REJECT --reject-with icmp6-adm-prohibited; }
	traffic() { fetch "[$(address6_of web2)]"; }
}

variant_fault_policy() {
	FAULT_ID=network-policy-drop FAULT_CLASS=unreachable
	FAULT_TEXT="a kube-router NetworkPolicy chain drops IPv6 traffic to a pod"
	inject() {
		node1 "${IPT/ip/ip6}-restore" -w --noflush <<-ENDRULES
			*filter
			:KUBE-ROUTER-FORWARD - [0:0]
			:KUBE-POD-FW-ABCDEFGHIJKLMNOP - [0:0]
			-A KUBE-ROUTER-FORWARD -d $(address6_of web2)/128 -m comment --comment "rule to jump traffic destined to POD name:web2 namespace: default to chain KUBE-POD-FW-ABCDEFGHIJKLMNOP" -j KUBE-POD-FW-ABCDEFGHIJKLMNOP
			-A KUBE-POD-FW-ABCDEFGHIJKLMNOP -m comment --comment "default rule to REJECT traffic destined for POD name:web2 namespace: default" -m mark ! --mark 0x10000/0x10000 -j DROP
			-I FORWARD 1 -j KUBE-ROUTER-FORWARD
			COMMIT
		ENDRULES
	}
	traffic() { ping_to "$(address6_of web2)"; }
}

variant_fault_forward_policy() {
	FAULT_ID=forward-policy-drop FAULT_CLASS=unreachable EXPECT='{"chain":"FORWARD"}'
	FAULT_TEXT="ip6tables FORWARD has policy DROP and nothing accepts pod traffic"
	inject() {
		rule6 node1 -P FORWARD DROP
		rule6 node1 -F FLANNEL-FWD
	}
	traffic() { ping_to "$(address6_of web2)"; }
}

variant_fault_port_closed() {
	FAULT_ID=port-closed FAULT_CLASS=port EXPECT='{"port":8081}'
	FAULT_TEXT="nothing listens on the TCP port: RST"
	inject() { process_stop http-local-8081; }
	traffic() { fetch "[$(address6_of local)]:8081"; }
}

variant_fault_port_closed_udp() {
	FAULT_ID=dns-server-unreachable FAULT_CLASS=dns
	FAULT_TEXT="the DNS server is not running: ICMPv6 port unreachable"
	inject() { process_stop dns; }
	heal() { [[ -e $LAB_DIR/pids/dns ]] || dns_start "$DNS_WEB_RECORD"; }
	traffic() { dig_web fd00:10:96::10 AAAA; }
}

variant_fault_no_route() {
	FAULT_ID=no-route FAULT_CLASS=unreachable
	FAULT_TEXT="the node has no IPv6 route to the destination"
	inject() { node1 ip -6 route delete default; }
	traffic() { ping_to 2001:db8::10; }
}

variant_fault_no_route_unreachable() {
	FAULT_ID=no-route FAULT_CLASS=unreachable
	FAULT_TEXT="an unreachable route covers the destination"
	inject() { node1 ip -6 route add unreachable 2001:db8::/32; }
	heal() { undo node1 ip -6 route delete unreachable 2001:db8::/32; }
	traffic() { ping_to 2001:db8::10; }
}

variant_fault_route_missing() {
	FAULT_ID=overlay-route-missing FAULT_CLASS=unreachable EXPECT='{"subnet":"fd00:10:244:2::/64"}'
	FAULT_TEXT="the IPv6 route to the other node's pods is gone"
	inject() { node1 ip -6 route delete fd00:10:244:2::/64; }
	traffic() { ping_to "$(address6_of web2)"; }
}

variant_fault_overlay_down() {
	FAULT_ID=overlay-down FAULT_CLASS=cni EXPECT='{"device":"flannel-v6.1"}'
	FAULT_TEXT="flannel-v6.1 is down on this node"
	inject() { node1 ip link set flannel-v6.1 down; }
	traffic() { ping_to "$(address6_of web2)"; }
}

variant_fault_remote_overlay_down() {
	FAULT_ID=remote-overlay-down FAULT_CLASS=cni EXPECT='{"port":8472}'
	FAULT_TEXT="the other node's flannel-v6.1 is down: ICMPv6 port unreachable"
	inject() {
		node2 ip link set flannel-v6.1 down
		node2 ip link set flannel.1 down
	}
	traffic() { ping_to "$(address6_of web2)"; }
}

variant_fault_neighbour_missing() {
	FAULT_ID=overlay-peer-missing FAULT_CLASS=cni EXPECT='{"device":"flannel-v6.1"}'
	FAULT_TEXT="no neighbour entry for the other node's flannel-v6.1"
	inject() { node1 ip neighbour delete fd00:10:244:2:: dev flannel-v6.1; }
	traffic() { ping_to "$(address6_of web2)"; }
}

variant_fault_pod_address() {
	FAULT_ID=pod-config FAULT_CLASS=unreachable
	FAULT_TEXT="the other pod lost its IPv6 address: neighbour discovery gets no answer"
	inject() { in_netns web ip -6 address delete "$(address6_of web)/64" dev eth0; }
	traffic() { ping_to "$(address6_of web)"; }
}

variant_fault_neighbour() {
	FAULT_ID=neighbour-failed FAULT_CLASS=unreachable EXPECT='{"address":"fd00:192:168::77","device":"eth0"}'
	FAULT_TEXT="the node's IPv6 gateway is an address nobody has: neighbour discovery gets no answer"
	inject() { node1 ip -6 route replace default via fd00:192:168::77 dev eth0; }
	traffic() { ping_to 2001:db8::10; }
}

variant_fault_pod_route() {
	FAULT_ID=pod-config FAULT_CLASS=unreachable
	FAULT_TEXT="the pod has no IPv6 default route"
	inject() { in_netns busybox ip -6 route delete default; }
	traffic() { ping_to "$(address6_of web2)"; }
}

variant_fault_hop_limit() {
	FAULT_ID=ttl-exceeded FAULT_CLASS=unreachable
	FAULT_TEXT="a stale host route on the other node sends the packets back: a loop"
	inject() { node2 ip -6 route add "$(address6_of web2)/128" via fd00:10:244:1:: dev flannel-v6.1 onlink; }
	heal() { undo node2 ip -6 route delete "$(address6_of web2)/128" via fd00:10:244:1:: dev flannel-v6.1; }
	traffic() { ping_to "$(address6_of web2)"; }
}

variant_fault_ip_forward() {
	FAULT_ID=ip-forward-disabled FAULT_CLASS=unreachable EXPECT='{"sysctl":"net.ipv6.conf.all.forwarding"}'
	FAULT_TEXT="net.ipv6.conf.all.forwarding is 0"
	inject() { node1 sysctl -qw net.ipv6.conf.all.forwarding=0; }
	traffic() { ping_to "$(address6_of web2)"; }
}

variant_fault_ip_conflict() {
	FAULT_ID=ip-conflict FAULT_CLASS=unreachable FAULT_SILENT=yes
	FAULT_TEXT="two pods of the node hold one IPv6 address"
	inject() {
		in_netns local ip -6 address add "$(address6_of web)/64" dev eth0 nodad
		in_netns busybox ip -6 neighbour flush dev eth0
	}
	heal() {
		undo in_netns local ip -6 address delete "$(address6_of web)/64" dev eth0
		in_netns busybox ip -6 neighbour flush dev eth0
	}
	traffic() { TRAFFIC=(sh -c "ip -6 neighbour flush dev eth0; ping -c 3 -i 0.2 -W 1 $(address6_of web)"); }
}

variant_fault_mtu_exceeded() {
	FAULT_ID=mtu-exceeded FAULT_CLASS=mtu EXPECT='{"mtu":1430}'
	FAULT_TEXT="the pod's MTU of 1450 is too large for VXLAN over IPv6: ICMPv6 packet too big"
	inject() { pod_mtu busybox 1450; }
	traffic() { TRAFFIC=(sh -c "ip -6 route flush cache; ping -c 1 -W 1 -s 1402 $(address6_of web2)"); }
}

variant_fault_mtu_blackhole() {
	FAULT_ID=mtu-blackhole FAULT_CLASS=mtu
	FAULT_TEXT="the tunnel is too small for the pod's packets, and ICMPv6 packet too big is filtered"
	inject() {
		pod_mtu busybox 1450
		rule6 node1 -I OUTPUT 1 -p icmpv6 --icmpv6-type packet-too-big -j DROP
	}
	traffic() { TRAFFIC=(sh -c "ip -6 route flush cache; ping -c 2 -i 0.2 -W 1 -s 56 $(address6_of web2) && ping -c 3 -i 0.2 -W 1 -s 1402 $(address6_of web2)"); }
}

variant_fault_bridge_netfilter() {
	FAULT_ID=bridge-netfilter-off FAULT_CLASS=cni EXPECT='{"sysctl":"net.bridge.bridge-nf-call-ip6tables"}'
	FAULT_TEXT="bridge-nf-call-ip6tables is 0: same-node Service replies are not translated back"
	inject() { node1 sysctl -qw net.bridge.bridge-nf-call-ip6tables=0; }
	traffic() { dig_web fd00:10:96::10 AAAA; }
}

variant_fault_service_rules() {
	FAULT_ID=service-rules-missing FAULT_CLASS=service
	FAULT_TEXT="kube-proxy wrote no IPv6 rules: the ClusterIP is not translated"
	inject() { rule6 node1 -t nat -F KUBE-SERVICES; }
	traffic() { fetch "[fd00:10:96::20]"; }
}

variant_fault_service_endpoints() {
	FAULT_ID=service-no-endpoints FAULT_CLASS=service EXPECT='{"service":"default/empty"}' FAULT_BROKEN=yes
	FAULT_TEXT="the IPv6 Service has no ready endpoint"
	inject() { services_reset; }
	heal() { service_endpoints default/empty web:80; }
	traffic() { fetch "[fd00:10:96::30]"; }
}

variant_fault_service_port() {
	FAULT_ID=service-port-wrong FAULT_CLASS=port EXPECT='{"target_port":8080}' FAULT_BROKEN=yes
	FAULT_TEXT="the IPv6 Service's target port is one nobody listens on"
	inject() { services_reset; }
	heal() { service_endpoints default/mismatch web:80; }
	traffic() { fetch "[fd00:10:96::40]"; }
}

variant_fault_endpoint_dead() {
	FAULT_ID=service-endpoint-dead FAULT_CLASS=service
	FAULT_TEXT="the IPv6 Service leads to a pod of this node that is gone"
	inject() { service_endpoints default/web 10.244.1.99:80; }
	traffic() { fetch "[fd00:10:96::20]"; }
}
