# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034,SC2317
# Plain Docker, no Kubernetes: bridge docker0 172.17.0.1/16 on each machine, containers without CNI files,
# Docker's own chains with FORWARD's policy DROP, and port 8080 of each machine published for its web server.

VARIANT_TEXT="plain Docker: docker0, its chains and published ports, no CNI files"
VARIANT_FAULTS="netfilter-drop-nft no-route-blackhole pod-to-node-drop node-to-pod-drop server-netfilter-drop server-netfilter-drop-nft
	server-ip-forward server-no-route server-mtu-blackhole server-port-closed"
LAB_BRIDGE=docker0 LAB_MTU=1500 LAB_TUNNEL=
# Containers of another machine have no way to this one's: all comes by the published port.
LAB_CLIENT=outside
published_url() { printf 'http://192.168.1.11:8080/'; }
web_url() { published_url; }
far() { printf 203.0.113.10; }

pods_table() {
	cat <<-'ENDTABLE'
		busybox docker node1
		web docker node1
		local docker node1
		web2 docker node2
	ENDTABLE
}

eval "flannel_$(declare -f node_files)"
node_files() {
	local root=$LAB_DIR/node$1
	flannel_node_files "$1"
	rm -r "$root/run" "$root/etc/cni" "$root/var/lib/cni" "$root/var/lib/kubelet" "$root/var/log/pods" "$root/var/log/containers"
}

overlay_make() {
	local n
	for n in 1 2; do
		in_netns "node$n" ip route replace default via 192.168.1.1 dev eth0
		in_netns "node$n" ip link show dev docker0 >/dev/null 2>&1 && continue
		in_netns "node$n" ip link add docker0 type bridge
		in_netns "node$n" ip link set docker0 up
		in_netns "node$n" ip address add 172.17.0.1/16 dev docker0
	done
}

pods_make() {
	local name namespace node
	printf 'hello from the lab\n' >"$LAB_DIR/www/index.html"
	truncate -s 4M "$LAB_DIR/www/big"
	while read -r name namespace node; do
		pod_make "$name" "$namespace" "$node"
	done < <(pods_table)
	pod_serve_http web '80' 80
	pod_serve_http web2 '80' 80
	pod_serve_http local '127.0.0.1:80' 80
}

pod_files() {
	mkdir -p "$LAB_DIR/resolv"
	lab_set "pod_$1_resolv" "$LAB_DIR/resolv/$1"
	printf 'nameserver 203.0.113.10\n' >"$LAB_DIR/resolv/$1"
}

# dockerd's: addresses in order, a veth named after random bits.
pod_attach() {
	local name=$1 node veth address
	node=$(pod_var "$name" node)
	address=172.17.0.$((2 + $(in_netns "$node" ip -o link show master docker0 | wc -l)))
	veth=veth$(printf '%s' "$LAB_PREFIX$name" | sha1sum | cut -c1-7)
	in_netns "$node" ip link add "$veth" mtu "$LAB_MTU" type veth peer name eth0 mtu "$LAB_MTU" netns "$LAB_PREFIX-$name"
	in_netns "$node" ip link set "$veth" master docker0 up
	in_netns "$name" ip -batch - <<-ENDBATCH
		link set eth0 up
		address add $address/16 dev eth0
		route add default via 172.17.0.1 dev eth0
	ENDBATCH
	lab_set "pod_${name}_address" "$address"
	lab_set "pod_${name}_veth" "$veth"
	docker_file "$name" "$LAB_DIR/$node/var/lib/docker/containers/$(pod_var "$name" id)" "$address"
}

# What dockerd keeps of a container.
docker_file() {
	mkdir -p "$2"
	cat >"$2/config.v2.json" <<-ENDJSON
		{"StreamConfig":{},"State":{"Running":true,"Pid":0},"ID":"${2##*/}","Name":"/$1","Config":{"Hostname":"$1","Labels":{}},"NetworkSettings":{"SandboxKey":"/var/run/netns/$LAB_PREFIX-$1","Networks":{"bridge":{"Gateway":"172.17.0.1","IPAddress":"$3","IPPrefixLen":16,"IPv6Gateway":"","GlobalIPv6Address":"","GlobalIPv6PrefixLen":0}}}}
	ENDJSON
}

pod_repair() {
	local name=$1 node
	node=$(pod_var "$name" node)
	in_netns "$node" ip link set docker0 up
	in_netns "$node" ip link set "$(veth_of "$name")" mtu "$LAB_MTU" master docker0 up
	in_netns "$name" ip link set eth0 mtu "$LAB_MTU" up
	in_netns "$name" ip route replace default via 172.17.0.1 dev eth0
	in_netns "$name" ip route flush cache
	in_netns "$name" ip neighbour flush dev eth0
	wait_until 1000 port_forwards "$node" "$(veth_of "$name")" || lab_die "port $(veth_of "$name") does not forward"
}

# Kubernetes' Services do not exist; these are dockerd's rules.
services_apply() {
	local web=web
	[[ $1 == node1 ]] || web=web2
	in_netns "$1" "$IPT-restore" -w <<-ENDRULES
		*filter
		:INPUT ACCEPT [0:0]
		:FORWARD DROP [0:0]
		:OUTPUT ACCEPT [0:0]
		:DOCKER - [0:0]
		:DOCKER-ISOLATION-STAGE-1 - [0:0]
		:DOCKER-ISOLATION-STAGE-2 - [0:0]
		:DOCKER-USER - [0:0]
		-A FORWARD -j DOCKER-USER
		-A FORWARD -j DOCKER-ISOLATION-STAGE-1
		-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
		-A FORWARD -o docker0 -j DOCKER
		-A FORWARD -i docker0 ! -o docker0 -j ACCEPT
		-A FORWARD -i docker0 -o docker0 -j ACCEPT
		-A DOCKER -d $(address_of "$web")/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT
		-A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
		-A DOCKER-ISOLATION-STAGE-1 -j RETURN
		-A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
		-A DOCKER-ISOLATION-STAGE-2 -j RETURN
		-A DOCKER-USER -j RETURN
		COMMIT
		*nat
		:PREROUTING ACCEPT [0:0]
		:INPUT ACCEPT [0:0]
		:OUTPUT ACCEPT [0:0]
		:POSTROUTING ACCEPT [0:0]
		:DOCKER - [0:0]
		-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
		-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
		-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
		-A POSTROUTING -s $(address_of "$web")/32 -d $(address_of "$web")/32 -p tcp -m tcp --dport 80 -j MASQUERADE
		-A DOCKER -i docker0 -j RETURN
		-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination $(address_of "$web"):80
		COMMIT
	ENDRULES
}

variant_heal() {
	overlay_make
	pod_repair busybox
	pod_repair web
	services_apply node1
	services_apply node2
	node1 ip link set eth0 mtu 1500
	node1 sysctl -qw net.ipv4.ip_forward=1
	[[ -e $LAB_DIR/pids/http-web-80 ]] || pod_serve_http web 80 80
}

variant_fault_user_chain() {
	FAULT_ID=netfilter-drop FAULT_CLASS=unreachable EXPECT='{"chain":"DOCKER-USER"}'
	FAULT_TEXT="a rule in DOCKER-USER drops the container's pings"
	inject() { rule node1 -I DOCKER-USER 1 -s "$(address_of busybox)" -p icmp -j DROP; }
	traffic() { ping_to 203.0.113.10; }
}

variant_fault_forward_policy() {
	FAULT_ID=forward-policy-drop FAULT_CLASS=unreachable
	FAULT_TEXT="Docker's accept rules were flushed, its FORWARD policy DROP was not"
	inject() { rule node1 -F FORWARD; }
	traffic() { ping_to 203.0.113.10; }
}

variant_fault_port_closed() {
	FAULT_ID=port-closed FAULT_CLASS=port EXPECT='{"port":8081}'
	FAULT_TEXT="nothing listens on the port"
	heal() { [[ -e $LAB_DIR/pids/http-local-8081 ]] || pod_serve_http local 8081 8081; }
	FAULT_BROKEN=yes
	inject() { process_stop http-local-8081; }
	traffic() { fetch "$(address_of local):8081"; }
}

variant_fault_ip_forward() {
	FAULT_ID=ip-forward-disabled FAULT_CLASS=unreachable
	FAULT_TEXT="net.ipv4.ip_forward is 0" EXPECT='{"sysctl":"net.ipv4.ip_forward"}'
	inject() { node1 sysctl -qw net.ipv4.ip_forward=0; }
	traffic() { ping_to 203.0.113.10; }
}

variant_fault_masquerade() {
	FAULT_ID=masquerade-missing FAULT_CLASS=cni
	FAULT_TEXT="the rule that masquerades docker0's subnet is gone"
	inject() { rule node1 -t nat -D POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE; }
	traffic() { ping_to 203.0.113.10; }
}

variant_fault_mtu_exceeded() {
	FAULT_ID=mtu-exceeded FAULT_CLASS=mtu EXPECT='{"mtu":1400}'
	FAULT_TEXT="the NIC's MTU is smaller than docker0's"
	inject() { node1 ip link set eth0 mtu 1400; }
	traffic() { TRAFFIC=(sh -c "ip route flush cache; ping -c 1 -W 1 -M do -s 1472 203.0.113.10"); }
}

variant_fault_bridge_port() {
	FAULT_ID=bridge-port-detached FAULT_CLASS=unreachable EXPECT='{"bridge":"docker0"}'
	FAULT_TEXT="the other container's veth is not a port of docker0"
	inject() { node1 ip link set "$(veth_of web)" nomaster; }
	traffic() { ping_to "$(address_of web)"; }
}

variant_fault_link_down() {
	FAULT_ID=link-down FAULT_CLASS=unreachable
	FAULT_TEXT="eth0 inside the other container is down"
	inject() { in_netns web ip link set eth0 down; }
	traffic() { ping_to "$(address_of web)"; }
}
