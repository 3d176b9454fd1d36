#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Who is who on a node: real processes in real cgroups of each runtime and driver, host-network pods, Calico's
# names, stale files; pods that come, go and leave their address to the next one while trace, monitor and probe run.
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/../faults/lib.sh"
# shellcheck source=tests/cli/pods.sh
. "$(dirname "$0")/pods.sh"

# shellcheck disable=SC2119
lab_start
root=$LAB_DIR/node1
pods() { in_netns node1 "$CNITRACE" pods --root "$root" "$@" >"$WORK/pods" 2>"$WORK/err" </dev/null; }
has() { jq -e -s "$1" "$WORK/pods" >/dev/null || { cat "$WORK/pods" "$WORK/err" && return 1; }; }
listed() { pods --json && has "$1"; }
has_not() { ! grep -q "$1" "$WORK/pods"; }
inode_of() { stat -Lc %i "/run/netns/$LAB_PREFIX-$1"; }

# What is listed of a pod with a CNI result: the table and the lines say the same.
check "all that is known of a pod" listed "
	any(.[]; .namespace == \"default\" and .name == \"busybox\" and .addresses == [\"$(address_of busybox)\"]
	and .device == \"$(pod_var busybox veth)\" and .ifname == \"eth0\" and .mtu == 1450 and .host_mtu == 1450
	and .netns == $(inode_of busybox) and .container_id == \"$(pod_var busybox id)\"
	and .uid == \"$(pod_var busybox uid)\" and .source == \"cni-results\" and (.host_network | not))"
pods
id=$(pod_var busybox id)
check "… also in the table" grep -qE "^default/busybox +$(address_of busybox) +$(pod_var busybox veth) +eth0 +1450 +$(inode_of busybox) +${id:0:12} " "$WORK/pods"
check "no pod of the other node" has_not default/web2

# named_by SOURCE NAMESPACE NAME UID ID: the only file that names it.
named_by() {
	local directory
	case $1 in
	logs)
		mkdir -p "$root/var/log/pods/$2_$3_$4"
		return
		;;
	containerd) directory=run/containerd/io.containerd.runtime.v2.task/k8s.io/$5 ;;
	crio) directory=var/lib/containers/storage/overlay-containers/$5/userdata ;;
	docker) directory=var/lib/docker/containers/$5 ;;
	esac
	mkdir -p "$root/$directory"
	case $1 in
	containerd) jq -n --arg n "$2" --arg p "$3" --arg u "$4" --arg i "$5" '{annotations: {"io.kubernetes.cri.sandbox-namespace": $n,
		"io.kubernetes.cri.sandbox-name": $p, "io.kubernetes.cri.sandbox-uid": $u, "io.kubernetes.cri.sandbox-id": $i}}' ;;
	crio) jq -n --arg n "$2" --arg p "$3" --arg u "$4" --arg i "$5" '{annotations: {"io.kubernetes.pod.namespace": $n,
		"io.kubernetes.pod.name": $p, "io.kubernetes.pod.uid": $u, "io.kubernetes.cri-o.SandboxID": $i}}' ;;
	docker) jq -n --arg n "$2" --arg p "$3" --arg u "$4" --arg i "$5" '{ID: $i, Config: {Labels: {"io.kubernetes.pod.namespace": $n,
		"io.kubernetes.pod.name": $p, "io.kubernetes.pod.uid": $u}}}' ;;
	esac >"$root/$directory/config$([[ $1 != docker ]] || printf .v2).json"
}

# cgroup_pod VERSION LAYOUT SOURCE: such a pod is found, with its container and namespace.
cgroup_pod() {
	local top name=$1-$2 uid id source=cri
	top=$(hierarchy "$1")
	if [[ -z $top ]]; then
		skip "cgroup $1, $2" "no such hierarchy is mounted"
		return
	fi
	uid=$(uid_new) id=$(id_new)
	sandbox "$name" "$top" "$(cgroup_path "$2" "$uid" "$id")"
	named_by "$3" shop "$name" "$uid" "$id"
	[[ $3 != logs ]] || source=cgroup
	check "cgroup $1, $2: named by $3" listed "any(.[]; .namespace == \"shop\" and .name == \"$name\"
		and .container_id == \"$id\" and .uid == \"$uid\" and .netns == $(inode_of "$name") and .source == \"$source\")"
	process_stop "cg-$name"
	check "… and no longer when its process is gone" listed "all(.[]; .name != \"$name\")"
}
for version in v1 v2; do
	cgroup_pod $version containerd-systemd logs
	cgroup_pod $version containerd-cgroupfs containerd
	cgroup_pod $version guaranteed-systemd containerd
	cgroup_pod $version guaranteed-cgroupfs logs
	cgroup_pod $version crio-systemd crio
	cgroup_pod $version crio-cgroupfs logs
	cgroup_pod $version docker-systemd docker
	cgroup_pod $version docker-cgroupfs logs
	cgroup_pod $version kind-systemd logs
	cgroup_pod $version kind-cgroupfs containerd
	cgroup_pod $version mismatch logs
done

top=$(hierarchy v2)
top=${top:-$(hierarchy v1)}
if [[ -n $top ]]; then
	# A host-network pod is a pod, but its address is the node's and no traffic is called its own.
	uid=$(uid_new) id=$(id_new)
	sandbox agent "$top" "$(cgroup_path containerd-systemd "$uid" "$id")" node1
	named_by logs kube-system agent "$uid" "$id"
	check "a host-network pod is told from the node" listed "any(.[]; .name == \"agent\" and .host_network
		and .netns == $(inode_of node1) and .addresses == [] and .device == \"\" and .container_id == \"$id\")"
	pods
	check "… also in the table" grep -qE '^kube-system/agent .* host-network$' "$WORK/pods"
	trace_run node1 trace icmp -- ping -q -c 1 -W 1 "$(address_of web)"
	check "… and what the node sends is the node's" trace_has 'any(.[]; .type == "journey" and .packet.icmp_type == 8
		and .flow.src_pod == "node" and .flow.dst_pod == "default/web")'
	trace_run node1 trace --pod kube-system/agent --duration 1s
	check "--pod of a host-network pod: what to do instead" sh -c "test $TRACE_STATUS = 2 && grep -q 'no network namespace of its own: use a FILTER' '$WORK/trace.err'"
	trace_run node1 check
	check "check counts it apart from the pods" trace_has 'any(.[]; .type == "node" and any(.pods[]; .pod == "kube-system/agent" and .host_network))'

	# Calico: no result of libcni names the host's end, its name is made of the pod's.
	uid=$(uid_new) id=$(id_new)
	sandbox calico "$top" "$(cgroup_path containerd-cgroupfs "$uid" "$id")"
	named_by logs shop web-0 "$uid" "$id"
	ip -n "$LAB_PREFIX-node1" link add calia4fc3c48bd8 type veth peer name eth0 netns "$LAB_PREFIX-calico"
	node1 sysctl -qw net.ipv4.conf.calia4fc3c48bd8.proxy_arp=1
	ip -n "$LAB_PREFIX-node1" link set calia4fc3c48bd8 up
	in_netns calico ip -batch - <<-'END'
		link set eth0 up
		address add 10.244.1.77/32 dev eth0
		route add 169.254.1.1 dev eth0 scope link
		route add default via 169.254.1.1 dev eth0
	END
	ip -n "$LAB_PREFIX-node1" route add 10.244.1.77 dev calia4fc3c48bd8
	check "Calico's device by the hash of the pod's name" listed 'any(.[]; .namespace == "shop" and .name == "web-0" and .device == "calia4fc3c48bd8")'
	trace_run node1 trace --pod shop/web-0 -- ping -q -c 2 -i 0.1 -W 1 "$(address_of web)"
	check "a trace of it, with the device pair" trace_has 'any(.[]; .type == "journey" and .flow.src_pod == "shop/web-0"
		and .flow.dst_pod == "default/web" and .verdict.kind == "delivered"
		and .hops[0].device == "calia4fc3c48bd8" and .hops[0].pod == "shop/web-0" and .hops[0].peer_device == "eth0")'
	process_stop cg-calico
	ip -n "$LAB_PREFIX-node1" link del calia4fc3c48bd8
else
	skip "a host-network pod is told from the node" "no cgroup hierarchy is mounted"
fi

# Stale files: results of pods that are gone, with a living pod's address, namespace or name in them.
result_of() { printf '%s/var/lib/cni/results/cbr0-%s-eth0' "$root" "$1"; }
stale() { # SED-EXPRESSION…: web's result, changed
	local arguments=() expression
	for expression; do arguments+=(-e "$expression"); done
	sed "${arguments[@]}" "$(result_of "$(pod_var web id)")" >"$(result_of "$(printf stale | sha256sum | cut -c1-64)")"
}
right() {
	pods --json && has "([.[] | select(.addresses | index(\"$(address_of web)\"))] | length == 1 and .[0].name == \"web\")
		and ([.[] | select(.netns == $(inode_of web))] | length == 1 and .[0].name == \"web\") and all(.[]; .name != \"ghost\")"
}
stale 's/K8S_POD_NAME","web"/K8S_POD_NAME","ghost"/' "s,/netns/$LAB_PREFIX-web\",/netns/gone\",g"
check "a result whose namespace is gone names nobody" right
stale 's/K8S_POD_NAME","web"/K8S_POD_NAME","ghost"/' "s,/var/run/netns/$LAB_PREFIX-web\",/proc/4194303/ns/net\",g"
check "… by a process that is gone neither" right
stale 's/K8S_POD_NAME","web"/K8S_POD_NAME","ghost"/' "s,/var/run/netns/$LAB_PREFIX-web\",/proc/1/ns/net\",g"
check "… nor one whose process is now somebody else's" right
rm "$(result_of "$(printf stale | sha256sum | cut -c1-64)")"

# Pods that come and go while trace and monitor run. The result is written 0.8 s after the veth has come,
# as with a slow IPAM: what is named then is named later than the last device event.
eval "result_now() $(declare -f pod_result_write | sed 1d)"
# shellcheck disable=SC2317
pod_result_write() {
	sleep 0.8
	result_now "$@"
}
pod_end() { # as kubelet does it
	pod_detach "$1"
	process_stop "pod-$1"
	ip netns delete "$LAB_PREFIX-$1"
	rm -rf "$root/var/log/pods/default_$1_$(pod_var "$1" uid)"
}
monitor_has() { jq -e -s "$1" "$WORK/monitor.json" >/dev/null; }
now_ns() { date +%s%N; }

ip netns exec "$LAB_PREFIX-node1" "$CNITRACE" monitor --json --root "$root" --interval 500ms --all \
	>"$WORK/monitor.json" 2>"$WORK/monitor.err" </dev/null &
monitor_pid=$!
trace_begin node1 trace icmp or udp || { plan && exit 1; }
wait_until 1000 grep -qs '"type": *"start"' "$WORK/monitor.json"
lab_load
# A drop of a new kind makes cnitrace read the kernel's symbols, which takes its time on a busy machine: not while we measure.
pod web ping -q -c 1 -W 1 "$(address_of local)" >/dev/null || true
knock "$(address_of local)" 4440
wait_until 1000 trace_has 'any(.[]; .type == "journey" and .flow.dport == 4440)' || true

pod_make late default node1
sleep 1
named_ns=$(now_ns)
late=$(address_of late)
pod web ping -q -c 3 -i 0.1 -W 1 "$late" >/dev/null || true
knock "$late" 4445
sleep 1
late_ns=$(now_ns)
pod_end late

# The next pod gets the same address. Its veth is there a second before its name.
LAB_CNI_IP=$late pod_make next default node1
in_netns web ip neigh flush dev eth0 # the hardware address is another one
sleep 1
next_ns=$(now_ns)
check "the next pod has the same address" test "$(address_of next)" = "$late"
pod web ping -q -c 3 -i 0.1 -W 1 "$late" >/dev/null || true
knock "$late" 4446
sleep 1.5
trace_end
kill -TERM "$monitor_pid"
wait "$monitor_pid" || true
monitor_pid=

journeys() { # FROM TO POD: echo requests between these times, all of them to POD
	trace_has "[.[] | select(.type == \"journey\" and .packet.icmp_type == 8 and .time_ns >= $1 and .time_ns < $2)]
		| length == 3 and all(.[]; .flow.dst_pod == \"$3\" and .verdict.kind == \"delivered\" and .verdict.pod == \"$3\"
		and (.hops[-1] | .pod == \"$3\" and .peer_device == \"eth0\"))" ||
		{ jq -c 'select(.type == "journey" and .packet.icmp_type == 8) | [.time_ns, .flow, .verdict, [.hops[].pod]]' "$WORK/trace.json" && return 1; }
}
check "trace: a pod that came meanwhile is named within a second" journeys "$named_ns" "$late_ns" default/late
check "trace: a new pod with its address has its own name" journeys "$next_ns" 9999999999999999999 default/next
dropped() { # PORT POD: what is dropped there is that pod's, and nobody else's
	monitor_has "[.[] | select(.type == \"drops\" and .flow.dport == $1)] | length > 0 and all(.[]; .pod == \"$2\"
		and .flow.dst_pod == \"$2\") and ([.[].packets] | add) == 5" || { grep "\"dport\":$1" "$WORK/monitor.json" && return 1; }
}
check "monitor: drops in a pod that came meanwhile are that pod's" dropped 4445 default/late
check "monitor: drops in the next pod with its address are the next's" dropped 4446 default/next
check "monitor: the lines fit the schema" "$TESTS_DIR/../cli/check-schema" "$WORK/monitor.json"

# A pod seen before it was named: what it drops before and after is told, and the name comes.
trace_begin node1 monitor --interval 500ms --all && {
	# shellcheck disable=SC2317
	pod_result_write() { :; }
	pod_make slow default node1
	knock "$(address_of slow)" 4447
	sleep 1.2
	result_now slow node1 "$(jq -n --arg a "$(address_of slow)/24" --arg v "$(pod_var slow veth)" --arg n "/var/run/netns/$LAB_PREFIX-slow" \
		'{interfaces: [{name: "cni0"}, {name: $v}, {name: "eth0", sandbox: $n}], ips: [{address: $a, interface: 2}]}')"
	sleep 1
	knock "$(address_of slow)" 4447
	sleep 1.2
	trace_end
	check "monitor: a row that was there before the name gets it" trace_has '[.[] | select(.type == "drops" and .flow.dport == 4447)]
		| ([.[].packets] | add) == 10 and (.[0].pod // "") == "" and .[-1].pod == "default/slow"'
	pod_end slow
}
# shellcheck disable=SC2317
pod_result_write() { result_now "$@"; }

# probe: the target comes while it is being probed.
pod_end next
trace_begin node1 probe --pod default/web --count 60 --interval 100ms "icmp://$late" && {
	LAB_CNI_IP=$late pod_make third default node1
	wait "$TRACE_PID" || true
	TRACE_PID=
	check "probe: a target that came meanwhile is named at its device" trace_has 'any(.[]; .type == "hop_stats"
		and .device == "'"$(pod_var third veth)"'" and .pod == "default/third")'
}
plan
