# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034,SC2317
# The plain bridge plugin with host-local, its bridge mynet0, and a bare VXLAN (vxlan7, id 7, UDP 4789)
# that somebody's script made. No flannel: no subnet.env; ip-masq-agent's rules masquerade.

VARIANT_TEXT="the CNI bridge plugin with bridge mynet0, and a bare VXLAN between nodes"
VARIANT_FAULTS="netfilter-drop port-closed service-endpoint-dead service-no-endpoints hairpin-off bridge-netfilter-off dns-error mtu-blackhole
	server-netfilter-drop server-route-missing server-overlay-down server-overlay-peer-missing server-mtu-blackhole server-port-closed"
LAB_BRIDGE=mynet0 LAB_MTU=1450 LAB_TUNNEL=vxlan7 LAB_AGENT=no

eval "flannel_$(declare -f node_files)"
node_files() {
	local root=$LAB_DIR/node$1
	flannel_node_files "$1"
	rm -r "$root/run/flannel" "$root/etc/cni/net.d/10-flannel.conflist" "$root/var/lib/cni/flannel"
	cat >"$root/etc/cni/net.d/10-mynet.conflist" <<-ENDCONF
		{
		  "name": "cbr0",
		  "cniVersion": "0.3.1",
		  "plugins": [
		    {
		      "type": "bridge", "bridge": "mynet0", "mtu": $LAB_MTU, "hairpinMode": true,
		      "isGateway": true, "isDefaultGateway": true, "ipMasq": false,
		      "ipam": { "type": "host-local", "ranges": [[{ "subnet": "10.244.$1.0/24" }]] }
		    },
		    { "type": "portmap", "capabilities": { "portMappings": true } }
		  ]
		}
	ENDCONF
}

# libcni's record carries the configuration.
eval "flannel_$(declare -f pod_result_write)"
pod_result_write() {
	ln -sf 10-mynet.conflist "$LAB_DIR/$2/etc/cni/net.d/10-flannel.conflist"
	flannel_pod_result_write "$@"
	rm "$LAB_DIR/$2/etc/cni/net.d/10-flannel.conflist"
}

overlay_make() {
	local n m mac
	for n in 1 2; do
		in_netns "node$n" ip link show dev vxlan7 >/dev/null 2>&1 ||
			in_netns "node$n" ip link add vxlan7 type vxlan id 7 dstport 4789 local "192.168.1.1$n" dev eth0 nolearning
		in_netns "node$n" ip link set vxlan7 mtu 1450 up
		in_netns "node$n" ip address replace "10.245.0.$n/24" dev vxlan7
		in_netns "node$n" ip route replace default via 192.168.1.1 dev eth0
	done
	for n in 1 2; do
		m=$((3 - n))
		mac=$(mac_of "node$m" vxlan7)
		in_netns "node$n" ip neighbour replace "10.245.0.$m" lladdr "$mac" dev vxlan7 nud permanent
		in_netns "node$n" bridge fdb replace "$mac" dev vxlan7 dst "192.168.1.1$m" self permanent
		in_netns "node$n" ip route replace "10.244.$m.0/24" via "10.245.0.$m" dev vxlan7
	done
}

variant_heal() {
	overlay_make
	pod_repair busybox
	pod_repair web
	services_apply node1
}

variant_rules() {
	local line table
	while IFS= read -r line; do
		case $line in
		*FLANNEL*) continue ;;
		'*'*) table=${line#\*} ;;
		COMMIT)
			[[ $table != nat ]] || cat <<-'ENDRULES'
				:IP-MASQ - [0:0]
				-A POSTROUTING -m comment --comment "ip-masq-agent: ensure nat POSTROUTING directs all non-LOCAL destination traffic to our custom IP-MASQ chain" -m addrtype ! --dst-type LOCAL -j IP-MASQ
				-A IP-MASQ -d 10.0.0.0/8 -m comment --comment "ip-masq-agent: local traffic is not subject to MASQUERADE" -j RETURN
				-A IP-MASQ -m comment --comment "ip-masq-agent: outbound traffic is subject to MASQUERADE (must be last in chain)" -j MASQUERADE
			ENDRULES
			;;
		esac
		printf '%s\n' "$line"
	done
}

variant_fault_route_missing() {
	FAULT_ID=overlay-route-missing FAULT_CLASS=unreachable EXPECT='{"subnet":"10.244.2.0/24"}'
	FAULT_TEXT="the route to the other node's pods is gone"
	inject() { node1 ip route delete 10.244.2.0/24; }
	traffic() { ping_to "$(address_of web2)"; }
}

variant_fault_overlay_down() {
	FAULT_ID=overlay-down FAULT_CLASS=cni EXPECT='{"device":"vxlan7"}'
	FAULT_TEXT="vxlan7 is down on this node"
	inject() { node1 ip link set vxlan7 down; }
	traffic() { ping_to "$(address_of web2)"; }
}

variant_fault_fdb_missing() {
	FAULT_ID=overlay-peer-missing FAULT_CLASS=cni EXPECT='{"device":"vxlan7"}'
	FAULT_TEXT="no FDB entry for the other node's vxlan7"
	inject() { node1 bridge fdb delete "$(mac_of node2 vxlan7)" dev vxlan7 self; }
	traffic() { ping_to "$(address_of web2)"; }
}

variant_fault_bridge_port() {
	FAULT_ID=bridge-port-detached FAULT_CLASS=unreachable EXPECT='{"bridge":"mynet0"}'
	FAULT_TEXT="the other pod's veth is not a port of mynet0"
	inject() { node1 ip link set "$(veth_of web)" nomaster; }
	traffic() { ping_to "$(address_of web)"; }
}

variant_fault_link_down_bridge() {
	FAULT_ID=link-down FAULT_CLASS=unreachable EXPECT='{"device":"mynet0"}'
	FAULT_TEXT="mynet0 is down"
	inject() { node1 ip link set mynet0 down; }
	heal() {
		node1 ip link set mynet0 up
		variant_heal
	}
	traffic() { ping_to "$(address_of web)"; }
}

variant_fault_masquerade_missing() {
	FAULT_ID=masquerade-missing FAULT_CLASS=cni
	FAULT_TEXT="pod traffic leaves the cluster with the pod's address"
	inject() { rule node1 -t nat -F IP-MASQ; }
	traffic() { ping_to 203.0.113.10; }
}

variant_fault_nodeport() {
	FAULT_ID=nodeport-refused FAULT_CLASS=service
	FAULT_TEXT="the NodePort is not open on this node"
	inject() { rule node1 -t nat -F KUBE-NODEPORTS; }
	traffic() { fetch 192.168.1.11:30080; }
}

variant_fault_ipam_exhausted() {
	FAULT_ID=ipam-exhausted FAULT_CLASS=cni FAULT_SILENT=yes FAULT_COMMAND=check
	FAULT_TEXT="no address is left: reservations of dead pods fill the range"
	inject() {
		local i
		for ((i = 2; i < 255; i++)); do
			[[ -e $LAB_DIR/node1/var/lib/cni/networks/cbr0/10.244.1.$i ]] ||
				printf '%064d\r\neth0' "$i" >"$LAB_DIR/node1/var/lib/cni/networks/cbr0/10.244.1.$i"
		done
	}
	heal() { grep -l '^0000' "$LAB_DIR"/node1/var/lib/cni/networks/cbr0/10.* | xargs -r rm; }
	traffic() { ping_to "$(address_of web)"; }
}
