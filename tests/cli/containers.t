#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Containers: pods of the lab whose processes are in cgroups as containerd makes them. A container is named where the
# process or the namespace tells which one it is; where a pod has several they are listed; what has ended names nobody.
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/../faults/lib.sh"
# shellcheck source=tests/cli/pods.sh
. "$(dirname "$0")/pods.sh"

TOP=$(hierarchy v2)
TOP=${TOP:-$(hierarchy v1)}
if [[ -z $TOP ]]; then
	echo "1..0 # SKIP no cgroup hierarchy is mounted"
	exit 0
fi
# shellcheck disable=SC2119
lab_start
root=$LAB_DIR/node1
mkdir -p "$root/var/log/containers"

# container POD ID PID…: these processes are of that container of the pod.
container() {
	local pid
	cgroup_make "$TOP" "$(cgroup_path containerd-systemd "$(pod_var "$1" uid)" "$2")"
	for pid in "${@:3}"; do echo "$pid" >"$CGROUP/cgroup.procs"; done
}
link_of() { printf '%s/var/log/containers/%s_default_%s-%s.log' "$root" "$1" "$2" "$3"; }
nginx=$(id_new) old=$(id_new) app=$(id_new) admin=$(id_new) nameless=$(id_new)
container web "$(pod_var web id)" "$(process_pid pod-web)"
container web "$nginx" "$(process_pid http-web-80)"
: >"$(link_of web nginx "$nginx")"
: >"$(link_of web stale "$old")" # kubelet keeps the log of the container before
: >"$(link_of busybox liar "$nginx")" # calls it another pod's
container local "$(pod_var local id)" "$(process_pid pod-local)"
container local "$app" "$(process_pid http-local-80)"
container local "$admin" "$(process_pid http-local-8081)"
: >"$(link_of local app "$app")"
mkdir -p "$root/run/containerd/io.containerd.runtime.v2.task/k8s.io/$admin"
printf '{"annotations": {"io.kubernetes.cri.container-type": "container", "io.kubernetes.cri.container-name": "admin"}}\n' \
	>"$root/run/containerd/io.containerd.runtime.v2.task/k8s.io/$admin/config.json"

text() { # NODE COMMAND…: as a person sees it
	ip netns exec "$LAB_PREFIX-$1" "$CNITRACE" "$2" --root "$root" "${@:3}" >"$WORK/text" 2>"$WORK/err" </dev/null || true
}
says() { grep -qE -- "$1" "$WORK/text" || { cat "$WORK/text" "$WORK/err" && return 1; }; }
no_stale() { ! grep -E 'stale|liar|'"${old:0:12}" "$WORK/text" "$WORK/trace.json"; }
has() { trace_has "$1" || { head -c 4000 "$WORK/trace.json" && cat "$WORK/trace.err" && return 1; }; }

trace_run node1 pods
check "pods: the only container, by kubelet's link" has "any(.[]; .name == \"web\" and .container_id == \"$(pod_var web id)\"
	and .containers == [{name: \"nginx\", id: \"$nginx\"}])"
check "pods: two, one by the runtime's file; the sandbox is none" has "any(.[]; .name == \"local\"
	and .containers == [{name: \"admin\", id: \"$admin\"}, {name: \"app\", id: \"$app\"}])"
check "pods: of others nothing is known" has 'all(.[] | select(.name == "busybox" or .name == "coredns"); .containers == [])'
check "pods: the lines fit the schema" "$TESTS_DIR/../cli/check-schema" "$WORK/trace.json"
text node1 pods
check "pods: in the table" says "^default/local .* admin,app +cni-results"
check "pods: what has ended names nobody, nor a link of another pod" no_stale

trace_run node1 check
check "check: a pod's containers" has "any(.[] | select(.type == \"node\") | .pods[]; .pod == \"default/web\"
	and .containers == [{name: \"nginx\", id: \"$nginx\"}])"
text node1 check
check "check: in the tree, with the device pair" says "$(pod_var web veth) .*default/web +$(address_of web) ↔ eth0 \\[nginx\\]"

# Who sends and who receives. The busybox that the command runs in is nobody's container.
trace_run node1 trace --pod default/web -- ping -q -c 1 -W 2 "$(address_of local)"
check "trace: the pod's container at the start" has 'any(.[]; .type == "start" and .pod == "default/web" and .container == "nginx")'
check "trace: one container is named, of two both" has 'any(.[]; .type == "journey" and .packet.icmp_type == 8
	and .flow.src_container == "nginx" and .flow.dst_containers == ["admin", "app"] and (.flow | has("dst_container") | not)
	and .verdict.containers == ["admin", "app"] and (.hops[0] | .container == "nginx" and .peer_device == "eth0"))'
check "trace: the lines fit the schema" "$TESTS_DIR/../cli/check-schema" "$WORK/trace.json"
text node1 trace --pod default/web -- ping -q -c 1 -W 2 "$(address_of local)"
check "trace: in text" says "^ICMP echo $(address_of web) \\(default/web \\[nginx\\]\\) → $(address_of local) \\(default/local \\[admin,app\\]\\)"
check "trace: … from the first line on" says '· pod default/web \[nginx\] ·'
check "trace: nobody else's name" no_stale
trace_run node1 trace --pod default/busybox -- ping -q -c 1 -W 2 "$(address_of web)"
check "trace: of a pod without known containers none is told" has 'all(.[]; .type != "journey" or .flow.src_pod != "default/busybox"
	or (.flow | has("src_container") or has("src_containers") | not)) and all(.[]; .type != "start" or (has("container") | not))'

# A listener on loopback: of the pod's two containers it is the process that tells which.
trace_run node1 trace --pod default/busybox -- curl -s -m 5 -o "$WORK/page" "http://$(address_of local)/"
check "a finding about a socket names its process and container" has "any(.[]; .type == \"finding\" and .id == \"listen-loopback\"
	and .where.pod == \"default/local\" and .where.container == \"app\" and .facts.container == \"app\"
	and .facts.pid == $(process_pid http-local-80) and .facts.process == \"busybox\"
	and any(.evidence[]; test(\"^fact the socket is held by process [0-9]+, busybox, container app\$\")))"
text node1 trace --pod default/busybox -- curl -s -m 5 -o "$WORK/page" "http://$(address_of local)/"
check "… in text" says '^  at +default/local \[app\] · node '
# A port that nobody listens on: what does listen, and whose it is.
trace_run node1 trace --pod default/busybox -- curl -s -m 5 -o "$WORK/page" "http://$(address_of web):81/"
check "a closed port: what listens instead, in which container" has 'any(.[]; .type == "finding" and .id == "port-closed"
	and .where.container == "nginx" and (.facts.listening | test("busybox \\[nginx\\]")))'

# A send that the kernel refuses: the process tells, whatever the namespace.
process_start talk web sh -c 'echo $$ >"$0/cgroup.procs" && exec ping -q -M do -s 3000 -i 0.3 "$1"' \
	"$TOP/cnitrace-$LAB_PREFIX/$(cgroup_path containerd-systemd "$(pod_var web uid)" "$nginx")" "$(address_of local)"
wait_until 500 grep -qs "$nginx" "/proc/$(process_pid talk)/cgroup" || true
talker=$(process_pid talk)
trace_begin node1 trace --pod default/web && {
	sleep 1
	pod web ping -q -M "do" -s 3000 -c 2 -i 0.3 "$(address_of local)" >/dev/null 2>&1 || true
	sleep 0.5
	trace_end
	check "a refused send of the container's process" has "any(.[]; .type == \"refusal\" and .pid == $talker and .container == \"nginx\")"
	check "… and of one that only visits the pod's network" has "[.[] | select(.type == \"refusal\" and .pid != $talker)]
		| length > 0 and all(.[]; has(\"container\") | not)"
	check "… in the evidence" has 'any(.[]; .type == "finding" and .id == "mtu-local" and any(.evidence[]; test("process ping, container nginx$")))'
}
process_stop talk

# Drops, while containers come and go in the pod.
row() { # PORT FILTER: the last row of drops at that port
	trace_has "[.[] | select(.type == \"drops\" and .flow.dport == $1)] | length > 0 and (.[-1] | $2)"
}
trace_begin node1 monitor --interval 500ms --all && {
	knock "$(address_of local)" 4451
	check "monitor: drops in a pod with two containers" wait_until 1000 row 4451 '.pod == "default/local" and .containers == ["admin", "app"]
		and .device == "eth0" and .peer_device == "'"$(pod_var local veth)"'"'
	process_stop http-local-8081
	# A container that no file names is told by its id.
	process_start sidecar local sh -c 'echo $$ >"$0/cgroup.procs" && exec sleep infinity' \
		"$(container local "$nameless" && printf %s "$CGROUP")"
	process_stop http-local-80
	: >"$(link_of local another "$old")" # kubelet links what starts; this one never did
	settled() {
		knock "$(address_of local)" 4452
		row 4452 '.container == "'"${nameless:0:12}"'" and (has("containers") | not)'
	}
	check "monitor: those that are there now, not those that were" wait_until 1000 settled
	trace_end
	check "monitor: the lines fit the schema" "$TESTS_DIR/../cli/check-schema" "$WORK/trace.json"
	check "monitor: nobody else's name" no_stale
}

trace_run node1 probe --pod default/busybox --count 2 "icmp://$(address_of web)"
check "probe: the container at the pod's device" has 'any(.[]; .type == "hop_stats" and .pod == "default/web" and .container == "nginx")'
plan
