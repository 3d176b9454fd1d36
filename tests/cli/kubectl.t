#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# kubectl cnitrace with a stand-in kubectl that executes in the lab's nodes: both ends traced and
# merged, Services resolved, pods started where no DaemonSet is, and always removed again.
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/../faults/lib.sh"

# shellcheck disable=SC2119
lab_start
plugin=$SCRIPTS/kubectl-cnitrace
export CNITRACE_KUBECTL=$TESTS_DIR/../cli/fake-kubectl FAKE_PREFIX=$LAB_PREFIX FAKE_DIR=$LAB_DIR \
	FAKE_LOG=$WORK/calls FAKE_STATE=$WORK/state FAKE_DAEMONSET="node1 node2" CNITRACE
mkdir "$FAKE_STATE"

# plugin STATUS ARG…: its exit status; $WORK/out and $WORK/err.
plugin() {
	local expected=$1 got=0
	shift
	: >"$FAKE_LOG"
	timeout -k 5 60 "$plugin" "$@" >"$WORK/out" 2>"$WORK/err" </dev/null || got=$?
	((got == expected)) || { echo "exit status $got, expected $expected" && cat "$WORK/err" "$WORK/out" "$FAKE_LOG" && return 1; }
}
has() { jq -e -s "$1" "$WORK/out" >/dev/null; }
says() { grep -qE -- "$1" "$WORK/err" || { cat "$WORK/err" && return 1; }; }
text() { grep -qE -- "$1" "$WORK/out" || { cat "$WORK/out" && return 1; }; }
nothing_left() { [[ -z $(ls "$FAKE_STATE") ]]; }

web2=$(address_of web2)
check "trace from pod to pod, with a command" plugin 0 trace --json --from default/busybox --to default/web2 \
	--keep "$WORK/kept" -- ping -c 3 -i 0.2 "$web2"
check "it names the nodes it traces" says 'tracing node1 node2: '
check "both nodes in one picture" has '.[0].type == "merge" and ([.[0].nodes[].node] | sort) == ["node1", "node2"]'
check "whole journeys, both ways" has '[.[] | select(.type == "journey" and (.parts | length) == 2)] | length == 6'
check "only what was asked for" has 'all(.[] | select(.type == "journey"); .flow.proto == "ICMP")'
check "the command's output is shown" says '3 packets transmitted'
check "each node's lines are kept" "$TESTS_DIR/../cli/check-schema" "$WORK/kept/node1.json" "$WORK/kept/node2.json"
check "the traces ended in order: a summary each" sh -c "tail -qn 1 '$WORK'/kept/*.json | grep -c '\"type\":\"summary\"' | grep -qx 2"

check "trace to a Service's port, as text" plugin 0 trace --from default/busybox --to default/web:80 \
	-- sh -c 'for i in 1 2 3 4 5 6 7 8; do curl -s -m 2 http://10.96.0.20/; done'
check "DNAT and the other node's pod in one journey" text 'node2 veth.* to default/web2'
check "the filter holds Service, endpoints and port" says 'host 10.96.0.20 or host .*port 80'
check "a filter of one's own is added" plugin 0 trace --json --from default/busybox --to default/web2 --count 99 udp \
	-- ping -c 1 "$web2"
check "… and holds" has '[.[] | select(.type == "journey")] | length == 0'
check "--duration ends it" plugin 0 trace --from default/busybox --duration 1s

lab fault overlay-blocked >/dev/null 2>&1 || true
check "a fault between the nodes: exit status 10" plugin 10 trace --from default/busybox --to default/web2 \
	-- ping -c 3 -i 0.2 -W 1 "$web2"
check "… said to be lost between them" text 'lost between node1 and node2, in VXLAN'
lab heal >/dev/null 2>&1 || true

# Ctrl-C: the traces end in order, the picture is shown.
setsid "$plugin" trace --json --from default/busybox --to default/web2 >"$WORK/out" 2>"$WORK/err" </dev/null &
TRACE_PID=$!
wait_until 1500 grep -qs 'Ctrl-C ends it' "$WORK/err" || true
in_netns busybox ping -c 2 -i 0.2 "$web2" >/dev/null 2>&1 || true
kill -TERM "$TRACE_PID"
wait "$TRACE_PID" || true
TRACE_PID=
check "ended by a signal: the picture is shown" has '.[-1].type == "summary" and ([.[] | select(.type == "journey")] | length) >= 4'

# No DaemonSet on node 2, then on none.
export FAKE_DAEMONSET=node1
check "a node without the DaemonSet gets a pod" plugin 0 trace --json --from default/busybox --to default/web2 \
	-- ping -c 1 "$web2"
check "… which is said" says 'no DaemonSet pod runs on node2'
check "… made once, of the DaemonSet's image, and deleted" sh -c "grep -c '^create' '$FAKE_LOG' | grep -qx 1 && grep -q '^delete pod -n cnitrace cnitrace-node2-' '$FAKE_LOG'"
check "… and the picture is whole" has '[.[] | select(.type == "journey" and (.parts | length) == 2)] | length == 2'
export FAKE_DAEMONSET=
check "no DaemonSet at all" plugin 0 trace --json --from default/busybox --to default/web2 -- ping -c 1 "$web2"
check "no pod is left" nothing_left
check "a trace that cannot start" plugin 1 trace --from default/busybox --count none
check "… says which node and why" says 'node1: cnitrace: .*count'
check "no pod is left then either" nothing_left

# The pod it starts is the manifest's.
cat >"$WORK/keep" <<-'END'
	#!/bin/sh
	[ "$1" != create ] || { tee "$KEEP" | "$REAL" "$@"; exit; }
	exec "$REAL" "$@"
END
chmod +x "$WORK/keep"
export REAL=$CNITRACE_KUBECTL KEEP=$WORK/made
CNITRACE_KUBECTL=$WORK/keep "$plugin" trace --from default/busybox \
	-- true >"$WORK/out" 2>"$WORK/err" || true
/usr/bin/python3 -c 'import json, yaml; print(json.dumps(yaml.safe_load(open("'"$SCRIPTS"'/k8s/pod.yaml"))))' >"$WORK/pod.json"
same_pod() {
	local shape='.spec | del(.nodeName, .serviceAccountName, .activeDeadlineSeconds) | del(.containers[0] | .args, .stdin)'
	diff <(jq -S "$shape" "$WORK/made") <(jq -S "$shape" "$WORK/pod.json")
}
check "the pod it starts asks for what pod.yaml does" same_pod
export FAKE_DAEMONSET="node1 node2"

for command in check monitor; do
	if "$CNITRACE" --help | grep -q "^  $command "; then
		options=()
		[[ $command == check ]] || options=(--duration 1s)
		check "$command on all nodes" plugin 0 "$command" --json ${options[@]+"${options[@]}"}
		check "$command: lines of both nodes" has '[.[].node // .[].where.node] | unique | contains(["node1", "node2"])'
		check "$command on one node" plugin 0 "$command" --node node2 ${options[@]+"${options[@]}"}
	else
		skip "$command" "no \"$command\" in this build"
	fi
done
if "$CNITRACE" --help | grep -q '^  probe '; then
	check "probe from a pod" plugin 0 probe --from default/busybox --count 2 "tcp://$web2:80"
	check "probe ran on the pod's node only" sh -c "grep -c '^exec' '$FAKE_LOG' | grep -qx 1 && grep -q '^exec.*cnitrace-ds-node1 .*--pod default/busybox' '$FAKE_LOG'"
else
	skip "probe" "no \"probe\" in this build"
fi

check "unknown pod" plugin 2 trace --from default/nobody
check "… says so" says 'no pod "default/nobody"'
check "unknown Service" plugin 2 trace --to default/nothing:80
check "nothing to trace" plugin 2 trace
check "… says what to do" says '--from, --to or --node'
check "a command without a pod" plugin 2 trace --to default/web2 -- true
check "unknown command" plugin 2 trase
check "hostile names are no shell" plugin 2 trace --node 'a;touch b'
check "--help" plugin 0 trace --help
plan
