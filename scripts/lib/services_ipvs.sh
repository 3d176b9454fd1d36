# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# kube-proxy's IPVS mode (pkg/proxy/ipvs of Kubernetes): every ClusterIP on kube-ipvs0, a virtual server for each Service
# port, ipsets and a few iptables rules that only mark and accept. Part of services.sh, whose table of Services it reads.

services_ipvs_possible() {
	[[ -e /proc/net/ip_vs ]] || modprobe ip_vs 2>/dev/null || { echo "the kernel has no IPVS" && return; }
	command -v ipvsadm >/dev/null || { echo "needs ipvsadm" && return; }
	command -v ipset >/dev/null || echo "needs ipset"
}

# services_ipvs_sets NODE: the ipsets, filled anew.
services_ipvs_sets() {
	local protocol address port node_port endpoints list one to
	{
		printf 'create -exist KUBE-CLUSTER-IP hash:ip,port family inet\nflush KUBE-CLUSTER-IP\n'
		printf 'create -exist KUBE-LOOP-BACK hash:ip,port,ip family inet\nflush KUBE-LOOP-BACK\n'
		printf 'create -exist KUBE-NODE-PORT-TCP bitmap:port range 0-65535\nflush KUBE-NODE-PORT-TCP\n'
		while read -r _ protocol address port node_port endpoints; do
			printf 'add -exist KUBE-CLUSTER-IP %s,%s:%s\n' "$address" "$protocol" "$port"
			((node_port == 0)) || printf 'add -exist KUBE-NODE-PORT-TCP %s\n' "$node_port"
			[[ $endpoints != - ]] || continue
			IFS=, read -ra list <<<"$endpoints"
			for one in "${list[@]}"; do
				to=$(endpoint_address "$one")
				printf 'add -exist KUBE-LOOP-BACK %s,%s:%s,%s\n' "${to%:*}" "$protocol" "${to##*:}" "${to%:*}"
			done
		done <"$LAB_DIR/services"
	} | in_netns "$1" ipset restore
}

# services_ipvs_rules NODE
services_ipvs_rules() {
	services_flannel_rules "$1" | sed -e '/^:FLANNEL-FWD/a :KUBE-FORWARD - [0:0]' -e '/^-A FORWARD/i \
-A FORWARD -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD\
-A KUBE-FORWARD -m comment --comment "kubernetes forwarding rules" -m mark --mark 0x4000/0x4000 -j ACCEPT\
-A KUBE-FORWARD -m comment --comment "kubernetes forwarding conntrack rule" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT' \
		-e '/^:FLANNEL-POSTRTG/a :KUBE-SERVICES - [0:0]\
:KUBE-NODE-PORT - [0:0]\
:KUBE-MARK-MASQ - [0:0]\
:KUBE-POSTROUTING - [0:0]\
-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES\
-A OUTPUT -m comment --comment "kubernetes service portals" -j KUBE-SERVICES\
-A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING\
-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000\
-A KUBE-SERVICES ! -s 10.244.0.0/16 -m comment --comment "Kubernetes service cluster ip + port for masquerade purpose" -m set --match-set KUBE-CLUSTER-IP dst,dst -j KUBE-MARK-MASQ\
-A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODE-PORT\
-A KUBE-SERVICES -m set --match-set KUBE-CLUSTER-IP dst,dst -j ACCEPT\
-A KUBE-NODE-PORT -p tcp -m comment --comment "Kubernetes nodeport TCP port for masquerade purpose" -m set --match-set KUBE-NODE-PORT-TCP dst -j KUBE-MARK-MASQ\
-A KUBE-POSTROUTING -m comment --comment "Kubernetes endpoints dst ip:port, source ip for solving hairpin purpose" -m set --match-set KUBE-LOOP-BACK dst,dst,src -j MASQUERADE\
-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN\
-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0\
-A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully'
}

# services_ipvs_server NODE ADDRESS:PORT PROTOCOL ENDPOINTS
services_ipvs_server() {
	local list one flag=-t
	[[ $3 == tcp ]] || flag=-u
	printf -- '-A %s %s -s rr\n' "$flag" "$2"
	[[ $4 != - ]] || return 0
	IFS=, read -ra list <<<"$4"
	for one in "${list[@]}"; do
		printf -- '-a %s %s -r %s -m -w 1\n' "$flag" "$2" "$(endpoint_address "$one")"
	done
}

# services_ipvs_servers NODE: the virtual servers and the addresses they answer at.
services_ipvs_servers() {
	local node=$1 protocol address port node_port endpoints
	in_netns "$node" sysctl -qw net.ipv4.vs.conntrack=1
	in_netns "$node" ip link show dev kube-ipvs0 >/dev/null 2>&1 ||
		in_netns "$node" ip link add kube-ipvs0 type dummy
	in_netns "$node" ipvsadm -C
	while read -r _ protocol address port node_port endpoints; do
		in_netns "$node" ip address replace "$address/32" dev kube-ipvs0
		services_ipvs_server "$node" "$address:$port" "$protocol" "$endpoints"
		((node_port == 0)) || services_ipvs_server "$node" "$(pod_node_address "$node"):$node_port" "$protocol" "$endpoints"
	done <"$LAB_DIR/services" | in_netns "$node" ipvsadm -R
}

pod_node_address() {
	local var=$1_address
	printf '%s' "${!var}"
}
