#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# A pod's series of /metrics ends with the pod, also when all its drops were at the host's end of its veth; and the place
# is free for the next. The look-back has an example of a short blip that a busy flow of the same row came after.
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"

# shellcheck disable=SC2119
lab_start
web=$(address_of web)
metrics() { in_netns node1 curl -sS --max-time 3 http://127.0.0.1:9435/metrics; }
series() { metrics | grep -F cnitrace_pod_drop_packets_total | grep -F "pod=\"$1\"} "; }
counts() { [[ $(series "$1") == *" $2" ]]; }
no_series() { ! series "$1" >/dev/null; }
overflow_is() { metrics | grep -qx "cnitrace_pod_drop_overflow_packets_total $1"; }
pods_are() { metrics | grep -qx "cnitrace_pods $1"; }
has() { trace_has "$1" 2>/dev/null; }
shot() { pod "$1" python3 "$TESTS_DIR/noise.py" datagrams "$web" "$2" "$3"; }
leave() {
	pod_detach "$1"
	process_stop "pod-$1"
	ip netns delete "$LAB_PREFIX-$1"
	rm -rf "$LAB_DIR/node1/var/log/pods/default_$1_$(pod_var "$1" uid)"
}

# Before the bridge, so that the device is the pod's veth.
node1 nft 'add table bridge t; add chain bridge t c { type filter hook prerouting priority 0; };
	add rule bridge t c udp dport 7000-8999 drop'
for name in early late; do pod_make "$name" default node1 >"$WORK/made" 2>&1; done
trace_begin node1 monitor --interval 300ms --listen 127.0.0.1:9435 --max-pods 2 udp dst portrange 7000-8999 || { plan && exit 1; }
for name in early late; do shot "$name" 7777 10; done
for name in early late; do
	check "drops of $name at the host's end of its veth are its series'" wait_until 1000 counts "$name" 10
done
shot busybox 7777 5
check "a pod beyond --max-pods is in the overflow" wait_until 1000 overflow_is 5
check "nothing was dropped in their namespaces" has '[.[] | select(.type == "drops") | .netns_name] | unique == ["node"]'
leave early
leave late
for name in early late; do check "the series of $name ends with it" wait_until 1000 no_series "$name"; done
check "what it counted is in the overflow" overflow_is 25
# What is dropped before the pod is known counts as nobody's.
check "they are no pods of the node any more" wait_until 1000 pods_are 4
pod_make next default node1 >"$WORK/made" 2>&1
check "the next one is" wait_until 1000 pods_are 5
shot next 7777 7
check "the place is the next pod's" wait_until 1000 counts next 7
shot busybox 7777 3
check "and one that had none" wait_until 1000 counts busybox 3
trace_end

# One row, two flows: to another node all of them are forwarded from the bridge.
node1 nft delete table bridge t
rule node1 -I FORWARD 1 -p udp --dport 7000:8999 -j DROP
away() { pod "$1" python3 "$TESTS_DIR/noise.py" datagrams 10.244.2.10 "$2" "$3"; }
trace_begin node1 monitor --interval 300ms --listen 127.0.0.1:9435 udp dst portrange 7000-8999 || { plan && exit 1; }
away busybox 8888 3
for ((second = 0; second < 4; second++)); do
	away local 7777 15
	sleep 1
done
dropped() { has '[.[] | select(.type == "drops") | .packets] | add == 63'; }
check "all are counted" wait_until 1000 dropped
check "they are of one row" has '[.[] | select(.type == "drops") | .device] | unique == ["cni0"]'
kill -USR1 "$TRACE_PID"
blip='.flow.dport == 8888 and .flow.src_pod == "default/busybox"'
check "SIGUSR1 has the short flow, which a busy one followed" wait_until 1000 has "any(.[]; .type == \"sample\" and $blip)"
check "and the busy one" has 'any(.[]; .type == "sample" and .flow.dport == 7777)'
check "/drops has it, too" sh -c "nsenter --net=/run/netns/$LAB_PREFIX-node1 curl -s http://127.0.0.1:9435/drops |
	jq -e 'any(.samples[]; $blip)'"
trace_end
check "the lines fit the schema" "$TESTS_DIR/../cli/check-schema" "$WORK/trace.json"
plan
