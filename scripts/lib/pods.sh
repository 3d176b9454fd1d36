# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Pods of the lab: made by the real CNI plugins in the node's namespace, with the arguments
# containerd passes and the result file libcni writes. Knows nothing of Services.

CNI_BIN=/usr/lib/cni
DNS_WEB_RECORD=--host-record=web.default.svc.cluster.local,10.96.0.20

# name namespace node
pods_table() {
	cat <<-'END'
		busybox default node1
		web default node1
		local default node1
		coredns kube-system node1
		web2 default node2
		busybox2 default node2
	END
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
	pod_serve_http local '8081' 8081
	udp_echo_start
	dns_start "$DNS_WEB_RECORD"
}

# pod NAME CMD…: in the pod's namespaces, its resolv.conf included.
pod() {
	local name=$1 pid
	shift
	pid=$(process_pid "pod-$name") || lab_die "no pod \"$name\" is running in lab \"$LAB_PREFIX\""
	nsenter --target "$pid" --net --mount -- "$@"
}

# pod_var NAME WHAT prints what lab.env knows: address, netns, node, veth, root …
pod_var() {
	local var=pod_$1_$2
	printf '%s' "${!var}"
}

pod_make() {
	local name=$1 namespace=$2 node=$3 id uid
	id=$(printf '%s' "$LAB_PREFIX/$namespace/$name" | sha256sum | cut -c1-64)
	uid=$(cat /proc/sys/kernel/random/uuid)
	netns_make "$name"
	in_netns "$name" ip link set lo up
	lab_set "pod_${name}_name" "$namespace/$name"
	lab_set "pod_${name}_netns" "$LAB_PREFIX-$name"
	lab_set "pod_${name}_node" "$node"
	lab_set "pod_${name}_id" "$id"
	lab_set "pod_${name}_uid" "$uid"
	pod_files "$name" "$namespace" "$node" "$id" "$uid"
	pod_pause "$name"
	pod_attach "$name"
}

# kubelet's and containerd's files about a pod, below the node's root.
pod_files() {
	local name=$1 namespace=$2 root=$LAB_DIR/$3 id=$4 uid=$5 sandbox
	sandbox=$root/var/lib/containerd/io.containerd.grpc.v1.cri/sandboxes/$id
	mkdir -p "$sandbox" "$root/var/log/pods/${namespace}_${name}_$uid/$name" \
		"$root/var/lib/kubelet/pods/$uid"
	: >"$root/var/log/pods/${namespace}_${name}_$uid/$name/0.log"
	printf '%s\n' "$name" >"$sandbox/hostname"
	lab_set "pod_${name}_resolv" "$sandbox/resolv.conf"
	resolv_conf_default "$namespace" >"$sandbox/resolv.conf"
}

resolv_conf_default() {
	printf 'search %s.svc.cluster.local svc.cluster.local cluster.local\n' "$1"
	printf 'nameserver 10.96.0.10\noptions ndots:5\n'
}

# The pause process holds the pod's mount namespace, where resolv.conf is the pod's own.
pod_pause() {
	# A machine without the file (a small guest) has nothing to mount over.
	# shellcheck disable=SC2016
	process_start "pod-$1" "$1" unshare --mount --propagation private sh -c \
		'[ ! -e /etc/resolv.conf ] || mount --bind "$1" /etc/resolv.conf || exit 1; exec sleep infinity' \
		pause "$(pod_var "$1" resolv)"
	wait_until 1500 pod_paused "$1" || process_failed "pod-$1"
}

pod_paused() {
	local pid
	pid=$(process_pid "pod-$1") && [[ $(cat "/proc/$pid/comm" 2>/dev/null) == sleep ]]
}

pod_cni_args() {
	local namespace=${1%%/*} name=${1#*/}
	printf 'IgnoreUnknown=1;K8S_POD_NAMESPACE=%s;K8S_POD_NAME=%s;K8S_POD_INFRA_CONTAINER_ID=%s;K8S_POD_UID=%s' \
		"$namespace" "$name" "$2" "$3"
}

# The configuration the flannel plugin hands to the bridge plugin, from subnet.env; only
# dataDir is added, so that each node keeps its own reservations.
pod_bridge_conf() {
	local node=$1 n=${1#node} ranges
	ranges="[{\"subnet\":\"10.244.$n.0/24\"}]"
	[[ $LAB_IPV6 == no ]] || ranges+=",[{\"subnet\":\"fd00:10:244:$n::/64\"}]"
	cat <<-END
		{"cniVersion":"0.3.1","name":"cbr0","type":"bridge","bridge":"$LAB_BRIDGE","mtu":${LAB_POD_MTU:-$LAB_MTU},
		 "hairpinMode":true,"ipMasq":false,"isGateway":true,"isDefaultGateway":true,
		 "ipam":{"type":"host-local","dataDir":"$LAB_DIR/$node/var/lib/cni/networks",
		 "ranges":[$ranges],"routes":[{"dst":"10.244.0.0/16"}]}}
	END
}

# cni_run NODE COMMAND POD PLUGIN: the plugin in the node's namespace, its configuration on stdin.
cni_run() {
	local node=$1 command=$2 name=$3 plugin=$4
	CNI_COMMAND=$command CNI_CONTAINERID=$(pod_var "$name" id) CNI_IFNAME=eth0 \
		CNI_NETNS=/var/run/netns/$LAB_PREFIX-$name CNI_PATH=$CNI_BIN \
		CNI_ARGS="$(pod_cni_args "$(pod_var "$name" name)" "$(pod_var "$name" id)" "$(pod_var "$name" uid)")${LAB_CNI_IP:+;IP=$LAB_CNI_IP}" \
		in_netns "$node" "$CNI_BIN/$plugin"
}

# As containerd does it: loopback, then the plugins of the list one after the other.
pod_attach() {
	local name=$1 node conf result address address6 veth
	node=$(pod_var "$name" node)
	conf=$(pod_bridge_conf "$node")
	result=$(cni_run "$node" ADD "$name" bridge <<<"$conf") ||
		lab_die "bridge plugin, pod $name: $result"
	result=$(cni_run "$node" ADD "$name" portmap <<-END
		{"cniVersion":"0.3.1","name":"cbr0","type":"portmap","capabilities":{"portMappings":true},
		 "runtimeConfig":{"portMappings":[]},"prevResult":$result}
	END
	) || lab_die "portmap plugin, pod $name: $result"
	pod_result_write "$name" "$node" "$result"
	read -r address address6 veth < <(jq -r --arg bridge "$LAB_BRIDGE" '[(.ips[0], .ips[1]) | (.address // "none/") | split("/")[0]] +
		[.interfaces[] | select((.sandbox // "") == "" and .name != $bridge) | .name] | join(" ")' <<<"$result")
	lab_set "pod_${name}_address" "$address"
	lab_set "pod_${name}_veth" "$veth"
	[[ $LAB_IPV6 == no ]] || lab_set "pod_${name}_address6" "$address6"
}

# libcni's cache file (kind cniCacheV1), as its api.go writes it.
pod_result_write() {
	local name=$1 node=$2 result=$3 id args conf
	id=$(pod_var "$name" id)
	args=$(pod_cni_args "$(pod_var "$name" name)" "$id" "$(pod_var "$name" uid)")
	args=${args//=/\",\"}
	conf=$(base64 -w0 "$LAB_DIR/$node/etc/cni/net.d/10-flannel.conflist")
	cat >"$LAB_DIR/$node/var/lib/cni/results/cbr0-$id-eth0" <<-END
		{"kind":"cniCacheV1","containerId":"$id","config":"$conf","ifName":"eth0","networkName":"cbr0","netns":"/var/run/netns/$LAB_PREFIX-$name","cniArgs":[["${args//;/\"],[\"}"]],"capabilityArgs":{"dns":{},"portMappings":[]},"result":$result}
	END
}

# Takes the pod from the network as a CNI DEL does; its namespace and processes stay.
pod_detach() {
	local name=$1 node
	node=$(pod_var "$name" node)
	pod_bridge_conf "$node" | cni_run "$node" DEL "$name" bridge
	rm -f "$LAB_DIR/$node/var/lib/cni/results/cbr0-$(pod_var "$name" id)-eth0"
}

# pod_serve_http POD ADDRESS-AND-PORT PORT
pod_serve_http() {
	process_start "http-$1-$3" "$1" busybox httpd -f -p "$2" -h "$LAB_DIR/www"
	wait_until 1500 listens "$1" tcp "$3" || process_failed "http-$1-$3"
}

# A UDP echo server on port 9999 of pod web. UDP_ECHO_CLIENT HOST COUNT sends COUNT datagrams of
# 1000 bytes, reads what comes back meanwhile (so that no buffer fills in a healthy network), and
# succeeds when one came back at the latest a second after the last was sent.
udp_echo_start() {
	process_start udp-echo web perl -MIO::Socket::INET -e "$UDP_ECHO" 0.0.0.0
	wait_until 1500 listens web udp 9999 || process_failed udp-echo
}

# shellcheck disable=SC2016
UDP_ECHO='my $s = IO::Socket::INET->new(Proto => "udp", LocalAddr => $ARGV[0], LocalPort => 9999) or die "$!";
	while (defined(my $from = $s->recv(my $data, 2000))) { $s->send($data, 0, $from) }'

# shellcheck disable=SC2016,SC2034 # Perl's variables; the faults use it
UDP_ECHO_CLIENT='my $s = IO::Socket::INET->new(Proto => "udp", PeerAddr => $ARGV[0], PeerPort => 9999) or die "$!";
	my ($bits, $got) = ("", 0);
	vec($bits, fileno($s), 1) = 1;
	sub take { return select(my $ready = $bits, undef, undef, $_[0]) && defined($s->recv(my $data, 2000)) }
	for (1 .. $ARGV[1]) { $s->send("x" x 1000); $got += take(0.002) ? 1 : 0 }
	exit($got || take(1) ? 0 : 1)'

# Opens COUNT TCP connections to HOST PORT and holds them; a sink for ports and queues.
# shellcheck disable=SC2016,SC2034
TCP_HOLD='my @held; for (1 .. $ARGV[2]) {
	my $s = IO::Socket::INET->new(PeerAddr => $ARGV[0], PeerPort => $ARGV[1], Timeout => 1);
	push @held, $s if $s }
	$| = 1; print "held\n"; sleep 1 while 1'

# TCP_HALF_OPEN HOST PORT COUNT: connects as often without waiting for an answer.
# shellcheck disable=SC2016,SC2034 # as above
TCP_HALF_OPEN='my @held; for (1 .. $ARGV[2]) {
	my $s = IO::Socket::INET->new(PeerAddr => $ARGV[0], PeerPort => $ARGV[1], Blocking => 0);
	push @held, $s if $s }
	sleep 1 while 1'

# dns_start OPTION…: the cluster's DNS server, in pod coredns (on DNS_PORT, else 53).
dns_start() {
	local port=${DNS_PORT:-53}
	process_start dns coredns dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv \
		--no-hosts --user=root --group=root --pid-file= --log-facility=- --log-queries \
		--port="$port" --local=/cluster.local/ \
		--host-record=empty.default.svc.cluster.local,10.96.0.30 \
		--host-record=mismatch.default.svc.cluster.local,10.96.0.40 \
		--host-record=kube-dns.kube-system.svc.cluster.local,10.96.0.10 \
		--host-record=www.example.org,203.0.113.10 "$@"
	wait_until 1500 listens coredns udp "$port" || process_failed dns
}
