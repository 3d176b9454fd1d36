# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034,SC2317
# Calico: pods hang on cali* veths without a bridge, with /32 addresses and the gateway 169.254.1.1
# that the host's end answers for (proxy ARP); a node's addresses are a block, /26, and other nodes'
# blocks are reached over vxlan.calico. Chains are Felix's, shortened. calico-bgp and calico-ipip
# differ only in the way between nodes.

VARIANT_TEXT="Calico: cali* veths without a bridge, /32 routes, vxlan.calico"
VARIANT_FAULTS="netfilter-drop netfilter-drop-nft port-closed service-port-wrong ip-forward-disabled pod-to-node-drop node-to-pod-drop
	server-netfilter-drop server-netfilter-drop-nft server-nodeport-drop server-ip-forward server-route-missing server-overlay-down
	server-overlay-peer-missing server-mtu-blackhole server-port-closed server-service-port-wrong"
LAB_MTU=1450
CALICO_WAY=vxlan CALICO_DEVICE=vxlan.calico LAB_TUNNEL=vxlan.calico

# flannel wrote neither subnet.env nor a configuration here.
eval "flannel_$(declare -f node_files)"
node_files() {
	local root=$LAB_DIR/node$1
	flannel_node_files "$1"
	rm -r "$root/run/flannel" "$root/etc/cni/net.d/10-flannel.conflist"
	mkdir -p "$root/var/lib/calico"
	printf 'node%s' "$1" >"$root/var/lib/calico/nodename"
	cat >"$root/etc/cni/net.d/10-calico.conflist" <<-ENDCONF
		{
		  "name": "k8s-pod-network",
		  "cniVersion": "0.3.1",
		  "plugins": [
		    {
		      "type": "calico",
		      "log_level": "info",
		      "datastore_type": "kubernetes",
		      "nodename": "node$1",
		      "mtu": $LAB_MTU,
		      "ipam": { "type": "calico-ipam" },
		      "policy": { "type": "k8s" },
		      "kubernetes": { "kubeconfig": "/etc/cni/net.d/calico-kubeconfig" }
		    },
		    { "type": "portmap", "snat": true, "capabilities": { "portMappings": true } }
		  ]
		}
	ENDCONF
}

calico_block() { printf '10.244.%s.64/26' "$1"; }
pods_of() { calico_block "$1"; }
calico_name() { printf 'cali%s' "$(printf '%s' "${1/\//.}" | sha1sum | cut -c1-11)"; }

# The device of the way between nodes, with the address of the node's block.
calico_device_make() {
	local n=$1
	case $CALICO_WAY in
	vxlan) in_netns "node$n" ip link add vxlan.calico mtu "$LAB_MTU" type vxlan id 4096 dstport 4789 \
		local "192.168.1.1$n" dev eth0 nolearning ;;
	ipip) in_netns "node$n" sh -c 'ip link show tunl0 >/dev/null 2>&1 || ip link add tunl0 type ipip' ;;
	bgp) return 0 ;;
	esac
	in_netns "node$n" ip link set "$CALICO_DEVICE" mtu "$LAB_MTU" up
	in_netns "node$n" ip address replace "10.244.$n.64/32" dev "$CALICO_DEVICE"
}

calico_peer_make() {
	local n=$1 m=$2 mac
	case $CALICO_WAY in
	vxlan)
		mac=$(mac_of "node$m" vxlan.calico)
		in_netns "node$n" ip neighbour replace "10.244.$m.64" lladdr "$mac" dev vxlan.calico nud permanent
		in_netns "node$n" bridge fdb replace "$mac" dev vxlan.calico dst "192.168.1.1$m" self permanent
		in_netns "node$n" ip route replace "$(calico_block "$m")" via "10.244.$m.64" dev vxlan.calico onlink proto 80
		;;
	ipip) in_netns "node$n" ip route replace "$(calico_block "$m")" via "192.168.1.1$m" dev tunl0 onlink proto bird ;;
	bgp) in_netns "node$n" ip route replace "$(calico_block "$m")" via "192.168.1.1$m" dev eth0 proto bird ;;
	esac
}

overlay_make() {
	local n
	for n in 1 2; do
		[[ $CALICO_WAY == bgp ]] || in_netns "node$n" ip link show dev "$CALICO_DEVICE" >/dev/null 2>&1 ||
			calico_device_make "$n"
		[[ $CALICO_WAY == bgp ]] || in_netns "node$n" ip link set "$CALICO_DEVICE" mtu "$LAB_MTU" up
		[[ $CALICO_WAY != ipip ]] || in_netns "node$n" ip address replace "10.244.$n.64/32" dev tunl0
		in_netns "node$n" ip route replace default via 192.168.1.1 dev eth0
		# What of the block no pod has goes nowhere: else it would leave by the default route.
		in_netns "node$n" ip route replace blackhole "$(calico_block "$n")" proto "$([[ $CALICO_WAY == vxlan ]] && echo 80 || echo bird)"
	done
	calico_peer_make 1 2
	calico_peer_make 2 1
}

# The Calico plugin: its veth, addresses and routes, and libcni's record of it.
pod_attach() {
	local name=$1 node n address veth mac known=pod_$1_address
	node=$(pod_var "$name" node)
	n=${node#node}
	address=${!known:-}
	[[ -n $address ]] || address=10.244.$n.$((66 + $(find "$LAB_DIR/$node/var/lib/cni/results" -type f | wc -l)))
	veth=$(calico_name "$(pod_var "$name" name)")
	in_netns "$node" ip link add "$veth" address ee:ee:ee:ee:ee:ee mtu "$LAB_MTU" type veth \
		peer name eth0 mtu "$LAB_MTU" netns "$LAB_PREFIX-$name"
	in_netns "$name" ip -batch - <<-ENDBATCH
		link set eth0 up
		address add $address/32 dev eth0
		route add 169.254.1.1 dev eth0 scope link
		route add default via 169.254.1.1 dev eth0
	ENDBATCH
	in_netns "$node" sysctl -qw "net.ipv4.conf.$veth.proxy_arp=1" "net.ipv4.conf.$veth.forwarding=1" \
		"net.ipv4.conf.$veth.rp_filter=1" "net.ipv4.neigh.$veth.proxy_delay=0"
	in_netns "$node" ip link set "$veth" up
	in_netns "$node" ip route replace "$address" dev "$veth" scope link
	mac=$(mac_of "$name" eth0)
	lab_set "pod_${name}_address" "$address"
	lab_set "pod_${name}_veth" "$veth"
	calico_result_write "$name" "$node" "$address" "$veth" "$mac"
}

calico_result_write() {
	local name=$1 node=$2 address=$3 veth=$4 id args
	id=$(pod_var "$name" id)
	args=$(pod_cni_args "$(pod_var "$name" name)" "$id" "$(pod_var "$name" uid)")
	args=${args//=/\",\"}
	cat >"$LAB_DIR/$node/var/lib/cni/results/k8s-pod-network-$id-eth0" <<-ENDRESULT
		{"kind":"cniCacheV1","containerId":"$id","config":"e30=","ifName":"eth0","networkName":"k8s-pod-network","netns":"/var/run/netns/$LAB_PREFIX-$name","cniArgs":[["${args//;/\"],[\"}"]],"result":{"cniVersion":"0.3.1","interfaces":[{"name":"$veth"}],"ips":[{"version":"4","address":"$address/32"}],"dns":{}}}
	ENDRESULT
}

pod_detach() {
	local name=$1
	undo in_netns "$(pod_var "$name" node)" ip link delete "$(veth_of "$name")"
	rm -f "$LAB_DIR/$(pod_var "$name" node)/var/lib/cni/results/k8s-pod-network-$(pod_var "$name" id)-eth0"
}

pod_repair() {
	local name=$1 node address veth
	node=$(pod_var "$name" node) address=$(address_of "$1") veth=$(veth_of "$1")
	in_netns "$node" ip link show dev "$veth" >/dev/null 2>&1 || pod_attach "$name"
	in_netns "$node" ip link set "$veth" mtu "$LAB_MTU" up
	in_netns "$name" ip link set eth0 mtu "$LAB_MTU" up
	in_netns "$node" sysctl -qw "net.ipv4.conf.$veth.proxy_arp=1" "net.ipv4.conf.$veth.rp_filter=1"
	in_netns "$node" ip route replace "$address" dev "$veth" scope link
	in_netns "$name" ip address replace "$address/32" dev eth0
	in_netns "$name" ip route replace 169.254.1.1 dev eth0 scope link
	in_netns "$name" ip route replace default via 169.254.1.1 dev eth0
	in_netns "$name" ip route flush cache
	in_netns "$name" ip neighbour flush dev eth0
}

variant_heal() {
	pod_repair busybox
	pod_repair web
	overlay_make
	services_apply node1
	services_apply node2
	[[ -e $LAB_DIR/pids/http-local-8081 ]] || pod_serve_http local 8081 8081
}

# Felix's chains in place of flannel's: policies of pods, and masquerading of what leaves the pools.
variant_rules() {
	local line table
	while IFS= read -r line; do
		case $line in
		*FLANNEL*) continue ;;
		'*'*) table=${line#\*} ;;
		COMMIT) "calico_rules_$table" "$1" ;;
		esac
		printf '%s\n' "$line"
	done
}

calico_pods() {
	local name namespace node
	while read -r name namespace node; do
		[[ $node != "$1" ]] || printf '%s %s\n' "$namespace" "$(calico_name "$namespace/$name")"
	done < <(pods_table)
}

calico_rules_nat() {
	cat <<-ENDRULES
		:cali-POSTROUTING - [0:0]
		:cali-nat-outgoing - [0:0]
		-I POSTROUTING 1 -m comment --comment "cali:O3lYWMrLQYEMJtB5" -j cali-POSTROUTING
		-A cali-POSTROUTING -m comment --comment "cali:nYKhEzDlr11Jccal" -j cali-nat-outgoing
		-A cali-nat-outgoing -s 10.244.0.0/16 ! -d 10.244.0.0/16 -m comment --comment "cali:flqWnvo8yq4ULQLa" -j MASQUERADE --random-fully
	ENDRULES
}

calico_rules_filter() {
	local namespace veth
	cat <<-ENDRULES
		:cali-FORWARD - [0:0]
		:cali-INPUT - [0:0]
		:cali-from-wl-dispatch - [0:0]
		:cali-to-wl-dispatch - [0:0]
		:cali-wl-to-host - [0:0]
		-I FORWARD 1 -m comment --comment "cali:wUHhoiAYhphO9Mso" -j cali-FORWARD
		-A FORWARD -m comment --comment "cali:S93hcgKJrXEqnTfs" -m comment --comment "Policy explicitly accepted packet." -m mark --mark 0x10000/0x10000 -j ACCEPT
		-I INPUT 1 -m comment --comment "cali:Cz_u1IQiXIMmKD4c" -j cali-INPUT
		-A cali-FORWARD -m comment --comment "cali:vjrMJCRpqwy5oRoX" -j MARK --set-xmark 0x0/0xe0000
		-A cali-FORWARD -i cali+ -m comment --comment "cali:8ZoYfO5HKXWbB3pk" -j cali-from-wl-dispatch
		-A cali-FORWARD -o cali+ -m comment --comment "cali:jdEuaPBe14V2hutn" -j cali-to-wl-dispatch
		-A cali-INPUT -i cali+ -m comment --comment "cali:zGYNNtZDZTXg8-Ch" -g cali-wl-to-host
		-A cali-wl-to-host -m comment --comment "cali:Ee9Sbo10IpVujdIY" -j cali-from-wl-dispatch
		-A cali-wl-to-host -m comment --comment "cali:nSZbcOoG1xPONxb8" -m comment --comment "Configured DefaultEndpointToHostAction" -j ACCEPT
	ENDRULES
	while read -r namespace veth; do
		printf -- ':cali-pri-kns.%s - [0:0]\n' "$namespace"
		printf -- '-A cali-pri-kns.%s -m comment --comment "cali:FmqStqVBWOr1yQBV" -m comment --comment "Profile kns.%s ingress" -j MARK --set-xmark 0x10000/0x10000\n' "$namespace" "$namespace"
		printf -- '-A cali-pri-kns.%s -m mark --mark 0x10000/0x10000 -j RETURN\n' "$namespace"
	done < <(calico_pods "$1" | sort -u -k1,1)
	while read -r namespace veth; do
		calico_endpoint_rules cali-tw "$namespace" "$veth"
		calico_endpoint_rules cali-fw "$namespace" "$veth"
		printf -- '-A cali-from-wl-dispatch -i %s -m comment --comment "cali:zjyMuWNvQyw6uHqL" -g cali-fw-%s\n' "$veth" "$veth"
		printf -- '-A cali-to-wl-dispatch -o %s -m comment --comment "cali:qZdOpJtYtfkE5C1D" -g cali-tw-%s\n' "$veth" "$veth"
	done < <(calico_pods "$1")
	printf -- '-A cali-%s-wl-dispatch -m comment --comment "cali:zTj6P0TIgYvgz-md" -m comment --comment "Unknown interface" -j DROP\n' from to
}

# calico_endpoint_rules CHAIN NAMESPACE VETH: what one pod may send (cali-fw) or get (cali-tw).
calico_endpoint_rules() {
	local chain=$1-$3
	printf -- ':%s - [0:0]\n' "$chain"
	printf -- '-A %s -m comment --comment "cali:lnXKVzVBSpgPIzeg" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n' "$chain"
	printf -- '-A %s -m comment --comment "cali:LdWnSaAJFA6eJRVK" -m conntrack --ctstate INVALID -j DROP\n' "$chain"
	printf -- '-A %s -m comment --comment "cali:ONL8DyzrSzRqGcAD" -j MARK --set-xmark 0x0/0x10000\n' "$chain"
	[[ $1 != cali-fw ]] ||
		printf -- '-A %s -p udp -m comment --comment "cali:tQ_xMUFKyGxsEsXl" -m comment --comment "Drop VXLAN encapped packets originating in workloads" -m multiport --dports 4789 -j DROP\n' "$chain"
	printf -- '-A %s -m comment --comment "cali:RaAyGqWDnXDvmtmj" -j cali-pri-kns.%s\n' "$chain" "$2"
	printf -- '-A %s -m comment --comment "cali:SOwFr77xKs1NVAyU" -m comment --comment "Return if profile accepted" -m mark --mark 0x10000/0x10000 -j RETURN\n' "$chain"
	printf -- '-A %s -m comment --comment "cali:_OBIAITiIRNxRk-A" -m comment --comment "Drop if no profiles matched" -j DROP\n' "$chain"
}

# A policy selects the pod and lets only port 80 in: Felix's chain of the pod, rewritten.
calico_policy_deny() {
	local chain
	chain=cali-tw-$(veth_of "$1")
	node1 "$IPT-restore" -w --noflush <<-ENDRULES
		*filter
		:cali-pi-_$2 - [0:0]
		-A cali-pi-_$2 -p tcp -m comment --comment "cali:7L0Zc4h3fG8VxJ6T" -m comment --comment "Policy default/knp.default.only-http ingress" -m multiport --dports 80 -j MARK --set-xmark 0x10000/0x10000
		-I $chain 4 -m comment --comment "cali:Wn5p1Qd1K3j1qX2w" -m comment --comment "Start of policies" -j MARK --set-xmark 0x0/0x20000
		-I $chain 5 -m comment --comment "cali:pQZ8mV2Jc7uR1s4K" -m mark --mark 0x0/0x20000 -j cali-pi-_$2
		-I $chain 6 -m comment --comment "cali:H4c2vT1s9LkQpWzE" -m comment --comment "Return if policy accepted" -m mark --mark 0x10000/0x10000 -j RETURN
		-I $chain 7 -m comment --comment "cali:oZr8Yk3n5BtMxDqA" -m comment --comment "Drop if no policies passed packet" -m mark --mark 0x0/0x20000 -j DROP
		COMMIT
	ENDRULES
}

variant_fault_policy_ingress() {
	FAULT_ID=network-policy-drop FAULT_CLASS=unreachable
	FAULT_TEXT="a NetworkPolicy lets only port 80 into the pod" EXPECT='{"engine":"Calico"}'
	inject() { calico_policy_deny web 8Zg2mJvFhP2rEdVb; }
	traffic() { ping_to "$(address_of web)"; }
}

variant_fault_server_policy() {
	variant_fault_policy_ingress
	FAULT_TEXT="the same, from another node, seen from the pod that the policy selects"
	FAULT_POD=busybox2 FAULT_SERVER=web
}

variant_fault_pod_route_missing() {
	FAULT_ID=no-route FAULT_CLASS=unreachable
	FAULT_TEXT="the node lost the /32 route to a pod"
	inject() { node1 ip route delete "$(address_of web)"; }
	traffic() { ping_to "$(address_of web)"; }
}

variant_fault_proxy_arp_off() {
	FAULT_ID=neighbour-failed FAULT_CLASS=unreachable
	FAULT_TEXT="proxy ARP is off: nobody answers for the pod's gateway" EXPECT='{"address":"169.254.1.1"}'
	inject() {
		node1 sysctl -qw "net.ipv4.conf.$(veth_of busybox).proxy_arp=0"
		in_netns busybox ip neighbour flush dev eth0
	}
	traffic() { ping_to "$(address_of web)"; }
}

variant_fault_pod_config() {
	FAULT_ID=pod-config FAULT_CLASS=unreachable
	FAULT_TEXT="the pod has no default route"
	inject() { in_netns busybox ip route delete default; }
	traffic() { ping_to "$(address_of web)"; }
}

variant_fault_link_down() {
	FAULT_ID=link-down FAULT_CLASS=unreachable
	FAULT_TEXT="the host's end of the other pod's veth is down"
	inject() { node1 ip link set "$(veth_of web)" down; }
	traffic() { ping_to "$(address_of web)"; }
}

variant_fault_mtu_blackhole() {
	FAULT_ID=mtu-blackhole FAULT_CLASS=mtu
	FAULT_TEXT="the other pod's eth0 has a smaller MTU than its host end: silent loss" EXPECT='{"mtu":1400}'
	inject() { in_netns web ip link set eth0 mtu 1400; }
	traffic() { TRAFFIC=(sh -c "ping -c 2 -i 0.2 -W 1 -s 56 $(address_of web) && ping -c 3 -i 0.2 -W 1 -s 1400 $(address_of web)"); }
}

variant_fault_service_endpoint_dead() {
	FAULT_ID=service-endpoint-dead FAULT_CLASS=service
	FAULT_TEXT="the Service leads to a pod of this node that is gone"
	inject() { service_endpoints default/web 10.244.1.120:80; }
	traffic() { fetch 10.96.0.20; }
	heal() { services_reset; }
}

variant_fault_route_missing() {
	FAULT_ID=overlay-route-missing FAULT_CLASS=unreachable
	FAULT_TEXT="the route to the other node's block is gone" EXPECT='{"subnet":"10.244.2.64/26"}'
	inject() { node1 ip route delete "$(calico_block 2)"; }
	traffic() { ping_to "$(address_of web2)"; }
}

if [[ $CALICO_WAY == vxlan ]]; then
	variant_fault_overlay_down() {
		FAULT_ID=overlay-down FAULT_CLASS=cni EXPECT='{"device":"vxlan.calico"}'
		FAULT_TEXT="vxlan.calico is down on this node"
		inject() { node1 ip link set vxlan.calico down; }
		traffic() { ping_to "$(address_of web2)"; }
	}

	variant_fault_remote_overlay_down() {
		FAULT_ID=remote-overlay-down FAULT_CLASS=cni EXPECT='{"port":4789}'
		FAULT_TEXT="vxlan.calico is down on the other node"
		inject() { node2 ip link set vxlan.calico down; }
		traffic() { ping_to "$(address_of web2)"; }
	}

	variant_fault_fdb_missing() {
		FAULT_ID=overlay-peer-missing FAULT_CLASS=cni EXPECT='{"device":"vxlan.calico"}'
		FAULT_TEXT="no FDB entry for the other node's vxlan.calico"
		inject() { node1 bridge fdb delete "$(mac_of node2 vxlan.calico)" dev vxlan.calico self; }
		traffic() { ping_to "$(address_of web2)"; }
	}

	variant_fault_mtu_exceeded() {
		FAULT_ID=mtu-exceeded FAULT_CLASS=mtu EXPECT='{"mtu":1450}'
		FAULT_TEXT="the pod's MTU is 1500, too large for VXLAN"
		inject() {
			node1 ip link set "$(veth_of busybox)" mtu 1500
			in_netns busybox ip link set eth0 mtu 1500
			in_netns busybox ip route flush cache
		}
		traffic() { TRAFFIC=(sh -c "ip route flush cache; ping -c 1 -W 1 -s 1472 $(address_of web2)"); }
	}
fi
