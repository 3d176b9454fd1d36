# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# kube-proxy's nftables mode (pkg/proxy/nftables of Kubernetes 1.31): one table, verdict maps from a Service's address to
# its chain, chains named by a hash and by what they stand for. Part of services.sh, whose table of Services it reads.

# nft_chain_name service|external NAME PROTOCOL, or endpoint NAME PROTOCOL TO: "service-2QRHZV4L-default/web/tcp/".
nft_chain_name() {
	local kind=$1 service=${2%%:*} port='' to=${4:-} suffix=''
	[[ $2 != *:* ]] || port=${2#*:}
	[[ -z $to ]] || suffix=__${to%:*}/${to##*:}
	printf '%s-%s-%s/%s/%s%s' "$kind" "$(kube_hash "$2$3$to" | cut -c1-8)" "$service" "$3" "$port" "$suffix"
}

# services_nft_elements MAP: the elements of one of the maps, a line each, from the lab's Services.
services_nft_elements() {
	local name protocol address port node_port endpoints
	while read -r name protocol address port node_port endpoints; do
		case $1/$endpoints/$node_port in
		cluster-ips/*) printf '%s\n' "$address" ;;
		no-endpoint-services/-/*) printf '%s . %s . %s comment "%s" : goto reject-chain\n' "$address" "$protocol" "$port" "$name" ;;
		no-endpoint-nodeports/-/0 | service-*/-/*) ;;
		no-endpoint-nodeports/-/*) printf '%s . %s comment "%s" : goto reject-chain\n' "$protocol" "$node_port" "$name" ;;
		service-ips/*) printf '%s . %s . %s comment "%s" : goto %s\n' "$address" "$protocol" "$port" "$name" \
			"$(nft_chain_name service "$name" "$protocol")" ;;
		service-nodeports/*/0 | no-endpoint-*) ;;
		service-nodeports/*) printf '%s . %s comment "%s" : goto %s\n' "$protocol" "$node_port" "$name" \
			"$(nft_chain_name external "$name" "$protocol")" ;;
		esac
	done <"$LAB_DIR/services" | sort -u
}

# services_nft_map KIND NAME TYPE COMMENT
services_nft_map() {
	local elements
	elements=$(services_nft_elements "$2" | paste -sd, -)
	printf '\t%s %s {\n\t\ttype %s\n\t\tcomment "%s"\n' "$1" "$2" "$3" "$4"
	[[ -z $elements ]] || printf '\t\telements = { %s }\n' "$elements"
	printf '\t}\n'
}

# The chains of one Service, endpoints first: a jump needs its target.
services_nft_service() {
	local name=$1 protocol=$2 address=$3 port=$4 node_port=$5 list i to chain map=''
	IFS=, read -ra list <<<"$6"
	for ((i = 0; i < ${#list[@]}; i++)); do
		to=$(endpoint_address "${list[i]}")
		chain=$(nft_chain_name endpoint "$name" "$protocol" "$to")
		printf '\tchain %s {\n\t\tip saddr %s jump mark-for-masquerade\n\t\tmeta l4proto %s dnat to %s\n\t}\n' \
			"$chain" "${to%:*}" "$protocol" "$to"
		map+="${map:+, }$i : goto $chain"
	done
	chain=$(nft_chain_name service "$name" "$protocol")
	printf '\tchain %s {\n\t\tip daddr %s %s dport %s ip saddr != 10.244.0.0/16 jump mark-for-masquerade\n' \
		"$chain" "$address" "$protocol" "$port"
	printf '\t\tnumgen random mod %s vmap { %s }\n\t}\n' "${#list[@]}" "$map"
	((node_port == 0)) || printf '\tchain %s {\n\t\tjump mark-for-masquerade\n\t\tgoto %s\n\t}\n' \
		"$(nft_chain_name external "$name" "$protocol")" "$chain"
}

# The whole table, as one transaction in the place of what was there.
services_nft_rules() {
	local name protocol address port node_port endpoints
	printf 'table ip kube-proxy\ndelete table ip kube-proxy\ntable ip kube-proxy {\n\tcomment "rules for kube-proxy"\n'
	services_nft_map 'set' cluster-ips ipv4_addr "Active ClusterIPs"
	printf '\tset nodeport-ips {\n\t\ttype ipv4_addr\n\t\tcomment "IPs that accept NodePort traffic"\n\t\telements = { 192.168.1.11, 192.168.1.12 }\n\t}\n'
	printf '\tchain reject-chain {\n\t\tcomment "helper for @no-endpoint-services / @no-endpoint-nodeports"\n\t\treject\n\t}\n'
	printf '\tchain mark-for-masquerade {\n\t\tmeta mark set meta mark | 0x4000\n\t}\n'
	while read -r name protocol address port node_port endpoints; do
		[[ $endpoints == - ]] || services_nft_service "$name" "$protocol" "$address" "$port" "$node_port" "$endpoints"
	done <"$LAB_DIR/services"
	services_nft_map map firewall-ips 'ipv4_addr . inet_proto . inet_service : verdict' "destinations that are subject to LoadBalancerSourceRanges"
	services_nft_map map no-endpoint-services 'ipv4_addr . inet_proto . inet_service : verdict' "vmap to drop or reject packets to services with no endpoints"
	services_nft_map map no-endpoint-nodeports 'inet_proto . inet_service : verdict' "vmap to drop or reject packets to service nodeports with no endpoints"
	services_nft_map map service-ips 'ipv4_addr . inet_proto . inet_service : verdict' "ClusterIP, ExternalIP and LoadBalancer IP traffic"
	services_nft_map map service-nodeports 'inet_proto . inet_service : verdict' "NodePort traffic"
	cat <<-'END'
		chain cluster-ips-check {
			ip daddr @cluster-ips reject comment "Reject traffic to invalid ports of ClusterIPs"
		}
		chain firewall-check {
			ip daddr . meta l4proto . th dport vmap @firewall-ips
		}
		chain masquerading {
			meta mark & 0x4000 == 0 return
			meta mark set meta mark ^ 0x4000
			masquerade fully-random
		}
		chain nodeport-endpoints-check {
			ip daddr @nodeport-ips meta l4proto . th dport vmap @no-endpoint-nodeports
		}
		chain service-endpoints-check {
			ip daddr . meta l4proto . th dport vmap @no-endpoint-services
		}
		chain services {
			ip daddr . meta l4proto . th dport vmap @service-ips
			ip daddr @nodeport-ips meta l4proto . th dport vmap @service-nodeports
		}
		chain filter-forward {
			type filter hook forward priority -110; policy accept;
			ct state new jump service-endpoints-check
			ct state new jump cluster-ips-check
		}
		chain filter-input {
			type filter hook input priority -110; policy accept;
			ct state new jump nodeport-endpoints-check
			ct state new jump service-endpoints-check
		}
		chain filter-output {
			type filter hook output priority -110; policy accept;
			ct state new jump service-endpoints-check
			ct state new jump firewall-check
		}
		chain filter-output-post-dnat {
			type filter hook output priority -90; policy accept;
			ct state new jump cluster-ips-check
		}
		chain filter-prerouting {
			type filter hook prerouting priority -110; policy accept;
			ct state new jump firewall-check
		}
		chain nat-output {
			type nat hook output priority -100; policy accept;
			jump services
		}
		chain nat-postrouting {
			type nat hook postrouting priority 100; policy accept;
			jump masquerading
		}
		chain nat-prerouting {
			type nat hook prerouting priority -100; policy accept;
			jump services
		}
		}
	END
}
