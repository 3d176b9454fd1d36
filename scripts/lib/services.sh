# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Services: writes the iptables rules kube-proxy and flanneld write, chain names and comments
# included, for the table in the lab's file `services`. Its modes nftables and IPVS are in
# services_nft.sh and services_ipvs.sh. Knows no pod beyond its address.

# shellcheck source=scripts/lib/services_nft.sh
. "$(dirname "${BASH_SOURCE[0]}")/services_nft.sh"
# shellcheck source=scripts/lib/services_ipvs.sh
. "$(dirname "${BASH_SOURCE[0]}")/services_ipvs.sh"

# One Service port a line: NAME PROTOCOL CLUSTER-IP PORT NODE-PORT ENDPOINTS
# (NODE-PORT 0: none; ENDPOINTS: POD:PORT,… or - for none). Pods by lab name.
services_default() {
	cat <<-'END'
		default/web tcp 10.96.0.20 80 30080 web:80,web2:80
		default/empty tcp 10.96.0.30 80 0 -
		default/mismatch tcp 10.96.0.40 80 0 web:8080
		kube-system/kube-dns:dns udp 10.96.0.10 53 0 coredns:53
		kube-system/kube-dns:dns-tcp tcp 10.96.0.10 53 0 coredns:53
	END
}

# kube-proxy's chain suffix: the first 16 characters of base32(SHA-256(text)).
kube_hash() {
	local hex bytes='' i
	hex=$(printf '%s' "$1" | sha256sum)
	for ((i = 0; i < 20; i += 2)); do bytes+="\\x${hex:i:2}"; done
	# shellcheck disable=SC2059
	printf "$bytes" | base32
}

services_filter_rules() {
	cat <<-'END'
		*filter
		:INPUT ACCEPT [0:0]
		:FORWARD ACCEPT [0:0]
		:OUTPUT ACCEPT [0:0]
		:FLANNEL-FWD - [0:0]
		:KUBE-EXTERNAL-SERVICES - [0:0]
		:KUBE-FIREWALL - [0:0]
		:KUBE-FORWARD - [0:0]
		:KUBE-KUBELET-CANARY - [0:0]
		:KUBE-NODEPORTS - [0:0]
		:KUBE-PROXY-CANARY - [0:0]
		:KUBE-PROXY-FIREWALL - [0:0]
		:KUBE-SERVICES - [0:0]
		-A INPUT -m conntrack --ctstate NEW -m comment --comment "kubernetes load balancer firewall" -j KUBE-PROXY-FIREWALL
		-A INPUT -m comment --comment "kubernetes health check service ports" -j KUBE-NODEPORTS
		-A INPUT -m conntrack --ctstate NEW -m comment --comment "kubernetes externally-visible service portals" -j KUBE-EXTERNAL-SERVICES
		-A INPUT -j KUBE-FIREWALL
		-A FORWARD -m conntrack --ctstate NEW -m comment --comment "kubernetes load balancer firewall" -j KUBE-PROXY-FIREWALL
		-A FORWARD -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD
		-A FORWARD -m conntrack --ctstate NEW -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
		-A FORWARD -m conntrack --ctstate NEW -m comment --comment "kubernetes externally-visible service portals" -j KUBE-EXTERNAL-SERVICES
		-A FORWARD -m comment --comment "flanneld forward" -j FLANNEL-FWD
		-A OUTPUT -m conntrack --ctstate NEW -m comment --comment "kubernetes load balancer firewall" -j KUBE-PROXY-FIREWALL
		-A OUTPUT -m conntrack --ctstate NEW -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
		-A OUTPUT -j KUBE-FIREWALL
		-A KUBE-FIREWALL ! -s 127.0.0.0/8 -d 127.0.0.0/8 -m comment --comment "block incoming localnet connections" -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP
		-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP
		-A KUBE-FORWARD -m comment --comment "kubernetes forwarding rules" -m mark --mark 0x4000/0x4000 -j ACCEPT
		-A KUBE-FORWARD -m comment --comment "kubernetes forwarding conntrack rule" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
		-A FLANNEL-FWD -s 10.244.0.0/16 -m comment --comment "flanneld forward" -j ACCEPT
		-A FLANNEL-FWD -d 10.244.0.0/16 -m comment --comment "flanneld forward" -j ACCEPT
	END
	local name protocol address port node_port endpoints
	while read -r name protocol address port node_port endpoints; do
		[[ $endpoints == - ]] || continue
		printf -- '-A KUBE-SERVICES -d %s/32 -p %s -m comment --comment "%s has no endpoints" -m %s --dport %s -j REJECT --reject-with icmp-port-unreachable\n' \
			"$address" "$protocol" "$name" "$protocol" "$port"
		((node_port == 0)) ||
			printf -- '-A KUBE-EXTERNAL-SERVICES -p %s -m comment --comment "%s has no endpoints" -m addrtype --dst-type LOCAL -m %s --dport %s -j REJECT --reject-with icmp-port-unreachable\n' \
				"$protocol" "$name" "$protocol" "$node_port"
	done <"$LAB_DIR/services"
	echo COMMIT
}

# services_nat_rules NODE
services_nat_rules() {
	local subnet=10.244.${1#node}.0/24 name protocol address port node_port endpoints
	cat <<-END
		*nat
		:PREROUTING ACCEPT [0:0]
		:INPUT ACCEPT [0:0]
		:OUTPUT ACCEPT [0:0]
		:POSTROUTING ACCEPT [0:0]
		:FLANNEL-POSTRTG - [0:0]
		:KUBE-KUBELET-CANARY - [0:0]
		:KUBE-MARK-MASQ - [0:0]
		:KUBE-NODEPORTS - [0:0]
		:KUBE-POSTROUTING - [0:0]
		:KUBE-PROXY-CANARY - [0:0]
		:KUBE-SERVICES - [0:0]
		-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
		-A OUTPUT -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
		-A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING
		-A POSTROUTING -m comment --comment "flanneld masq" -j FLANNEL-POSTRTG
		-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000
		-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
		-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0
		-A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully
	END
	services_masquerade_rules "$subnet"
	while read -r name protocol address port node_port endpoints; do
		[[ $endpoints == - ]] || service_nat_rules "$name" "$protocol" "$address" "$port" "$node_port" "$endpoints"
	done <"$LAB_DIR/services"
	printf -- '-A KUBE-SERVICES -m comment --comment "kubernetes service nodeports; NOTE: this must be the last rule in this chain" -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS\nCOMMIT\n'
}

service_nat_rules() {
	local name=$1 protocol=$2 address=$3 port=$4 node_port=$5 list i hash svc sep to
	hash=$(kube_hash "$name$protocol")
	svc=KUBE-SVC-$hash
	IFS=, read -ra list <<<"$6"
	printf -- ':%s - [0:0]\n' "$svc"
	if ((node_port != 0)); then
		printf -- ':KUBE-EXT-%s - [0:0]\n' "$hash"
		printf -- '-A KUBE-NODEPORTS -p %s -m comment --comment "%s" -m %s --dport %s -j KUBE-EXT-%s\n' \
			"$protocol" "$name" "$protocol" "$node_port" "$hash"
		printf -- '-A KUBE-EXT-%s -m comment --comment "masquerade traffic for %s external destinations" -j KUBE-MARK-MASQ\n' "$hash" "$name"
		printf -- '-A KUBE-EXT-%s -j %s\n' "$hash" "$svc"
	fi
	printf -- '-A KUBE-SERVICES -d %s/32 -p %s -m comment --comment "%s cluster IP" -m %s --dport %s -j %s\n' \
		"$address" "$protocol" "$name" "$protocol" "$port" "$svc"
	printf -- '-A %s ! -s 10.244.0.0/16 -d %s/32 -p %s -m comment --comment "%s cluster IP" -m %s --dport %s -j KUBE-MARK-MASQ\n' \
		"$svc" "$address" "$protocol" "$name" "$protocol" "$port"
	for ((i = 0; i < ${#list[@]}; i++)); do
		to=$(endpoint_address "${list[i]}")
		sep=KUBE-SEP-$(kube_hash "$name$protocol$to")
		printf -- ':%s - [0:0]\n' "$sep"
		printf -- '-A %s -m comment --comment "%s -> %s"' "$svc" "$name" "$to"
		((i == ${#list[@]} - 1)) ||
			printf -- ' -m statistic --mode random --probability %s' \
				"$(one_of $((${#list[@]} - i)))"
		printf -- ' -j %s\n' "$sep"
		printf -- '-A %s -s %s/32 -m comment --comment "%s" -j KUBE-MARK-MASQ\n' "$sep" "${to%:*}" "$name"
		printf -- '-A %s -p %s -m comment --comment "%s" -m %s -j DNAT --to-destination %s\n' \
			"$sep" "$protocol" "$name" "$protocol" "$to"
	done
}

# POD:PORT or ADDRESS:PORT → ADDRESS:PORT
endpoint_address() {
	case $1 in
	[0-9]*) printf '%s' "$1" ;;
	*) printf '%s:%s' "$(pod_var "${1%:*}" address)" "${1#*:}" ;;
	esac
}

# 1/N as kube-proxy writes it, with eleven digits after the point; N is 2 or more.
one_of() { printf '0.%011d' $(((100000000000 + $1 / 2) / $1)); }

# What was written for the same Services and pods is kept: the chains' hashes take some twenty processes.
services_iptables_rules() {
	local node=$1 key name file=$LAB_DIR/rules-$1
	key=$(<"$LAB_DIR/services")
	for name in "${!pod_@}"; do
		[[ $name != *_address ]] || key+=" ${!name}"
	done
	if [[ ! -e $file || $(<"$file.key") != "$key" ]]; then
		{ services_filter_rules && services_nat_rules "$node"; } >"$file"
		printf '%s' "$key" >"$file.key"
	fi
	variant_rules "$node" <"$file" | in_netns "$node" "$IPT-restore" -w
}

# Replaces the node's filter and nat tables as a whole; nothing of a fault stays in them.
services_apply() {
	case $LAB_PROXY in
	iptables) services_iptables_rules "$1" ;;
	nftables)
		services_flannel_rules "$1" | in_netns "$1" "$IPT-restore" -w
		services_nft_rules | in_netns "$1" nft -f -
		;;
	ipvs)
		services_ipvs_sets "$1"
		services_ipvs_rules "$1" | in_netns "$1" "$IPT-restore" -w
		services_ipvs_servers "$1"
		;;
	esac
	variant_services "$1"
}

# What is left of a node's Services when kube-proxy never wrote them.
services_remove() {
	case $LAB_PROXY in
	iptables)
		rule "$1" -t nat -F KUBE-SERVICES
		rule "$1" -t filter -F KUBE-SERVICES
		;;
	nftables) in_netns "$1" nft delete table ip kube-proxy ;;
	ipvs)
		in_netns "$1" ipvsadm -C
		in_netns "$1" ip address flush dev kube-ipvs0
		;;
	esac
}

# flanneld's rules alone, where kube-proxy keeps its own elsewhere.
services_flannel_rules() {
	cat <<-'END'
		*filter
		:INPUT ACCEPT [0:0]
		:FORWARD ACCEPT [0:0]
		:OUTPUT ACCEPT [0:0]
		:FLANNEL-FWD - [0:0]
		-A FORWARD -m comment --comment "flanneld forward" -j FLANNEL-FWD
		-A FLANNEL-FWD -s 10.244.0.0/16 -m comment --comment "flanneld forward" -j ACCEPT
		-A FLANNEL-FWD -d 10.244.0.0/16 -m comment --comment "flanneld forward" -j ACCEPT
		COMMIT
		*nat
		:PREROUTING ACCEPT [0:0]
		:INPUT ACCEPT [0:0]
		:OUTPUT ACCEPT [0:0]
		:POSTROUTING ACCEPT [0:0]
		:FLANNEL-POSTRTG - [0:0]
		-A POSTROUTING -m comment --comment "flanneld masq" -j FLANNEL-POSTRTG
	END
	services_masquerade_rules "10.244.${1#node}.0/24"
	echo COMMIT
}

# services_masquerade_rules SUBNET: flanneld's, in table nat.
services_masquerade_rules() {
	cat <<-END
		-A FLANNEL-POSTRTG -m mark --mark 0x4000/0x4000 -m comment --comment "flanneld masq" -j RETURN
		-A FLANNEL-POSTRTG -s $1 -d 10.244.0.0/16 -m comment --comment "flanneld masq" -j RETURN
		-A FLANNEL-POSTRTG -s 10.244.0.0/16 -d $1 -m comment --comment "flanneld masq" -j RETURN
		-A FLANNEL-POSTRTG ! -s 10.244.0.0/16 -d $1 -m comment --comment "flanneld masq" -j RETURN
		-A FLANNEL-POSTRTG -s 10.244.0.0/16 ! -d 224.0.0.0/4 -m comment --comment "flanneld masq" -j MASQUERADE --random-fully
		-A FLANNEL-POSTRTG ! -s 10.244.0.0/16 -d 10.244.0.0/16 -m comment --comment "flanneld masq" -j MASQUERADE --random-fully
	END
}

# service_endpoints NAME ENDPOINTS: changes one Service on both nodes.
service_endpoints() {
	sed -i "s|^\($1 .* \)[^ ]*\$|\1$2|" "$LAB_DIR/services"
	services_apply_all
}

services_apply_all() {
	local first
	services_apply node1 &
	first=$!
	services_apply node2
	wait "$first"
}

services_reset() {
	services_default >"$LAB_DIR/services"
	services_apply_all
}
