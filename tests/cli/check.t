#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# The command line of check: a healthy node is silent and drawn as a tree, text and JSON say
# the same, bad input gets one sentence, and what cannot be read is said.
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/../faults/lib.sh"

# shellcheck disable=SC2119
lab_start
node=$LAB_PREFIX-node1
root=$LAB_DIR/node1
run() { ip netns exec "$node" "$CNITRACE" check "$@"; }

# refused STATUS TEXT ARG…: exit status, and one line on standard error that holds TEXT.
refused() {
	local status=$1 text=$2 got=0
	shift 2
	run "$@" >"$WORK/out" 2>"$WORK/err" </dev/null || got=$?
	if ((got == status && $(wc -l <"$WORK/err") == 1)) && grep -qF -- "$text" "$WORK/err"; then
		return 0
	fi
	echo "exit status $got, expected $status"
	cat "$WORK/out" "$WORK/err"
	return 1
}

check "takes no words" refused 2 'takes no "now"' now
check "takes no command" refused 2 'takes no' -- true
check "root that does not exist" refused 2 '/no/such/root' --root /no/such/root
check "colour word" refused 2 'auto, always or never' --color pink
check "--help" sh -c "'$CNITRACE' check --help | grep -q '^usage: cnitrace check'"

healthy() {
	if run --root "$root" >"$WORK/out" 2>"$WORK/err" && [[ ! -s $WORK/err ]] &&
		grep -q '^nothing wrong found · exit 0$' "$WORK/out"; then
		return 0
	fi
	cat "$WORK/out" "$WORK/err"
	return 1
}
LC_ALL=C.UTF-8
export LC_ALL
check "a healthy node: nothing found, exit status 0" healthy
check "the tree begins with the node and its NIC" grep -q '^node1 192.168.1.11/24 eth0 1500$' "$WORK/out"
check "the tunnel with its peer" grep -q '─ flannel.1 .*VXLAN 1, UDP 8472, 1450 = 1500 − 50 ✓ .*10.244.2.0/24 → 192.168.1.12 route ✓ neighbour ✓ FDB ✓' "$WORK/out"
check "the bridge fits flannel's subnet" grep -q '─ cni0 .*10.244.1.1/24 1450 ✓ matches subnet.env' "$WORK/out"
check "a pod under its bridge" grep -q "^   [├└]─ $(veth_of busybox) 1450  *default/busybox  *$(address_of busybox) ↔ eth0$" "$WORK/out"
check "the line of the tables" grep -qE '^conntrack .* · addresses [0-9]+ of 253 · Services iptables, 5 \(1 without endpoints\) · dns 10.96.0.10$' "$WORK/out"
ascii() { LC_ALL=C run --root "$root" | LC_ALL=C grep -q '[^ -~]' && return 1 || return 0; }
check "nothing but ASCII where the locale is C" ascii
check "no colour in a pipe" sh -c "! grep -q '$(printf '\033')' '$WORK/out'"
run --root "$root" --color always >"$WORK/colour" || true
check "colour when asked" grep -q "$(printf '\033')" "$WORK/colour"

run --json --root "$root" >"$WORK/trace.json" || true
check "JSON fits the schema" "$TESTS_DIR/../cli/check-schema" "$WORK/trace.json"
check "a node line, then the summary" trace_has '[.[].type] == ["node", "summary"]'
check "JSON has every pod with its device, address and MTUs" trace_has \
	'.[0].pods | length >= 4 and all(.device != "" and (.addresses | length) == 1 and .mtu == 1450 and .host_mtu == 1450 and .bridge == "cni0")'
check "JSON has the peer" trace_has \
	'.[0].peers == [{"tunnel": "flannel.1", "subnet": "10.244.2.0/24", "gateway": "10.244.2.0", "node": "192.168.1.12", "route": true, "neighbour": true, "fdb": true}]'
check "JSON has the largest MTU that fits" trace_has '.[0].need_mtu == 1450'
check "what could be read is complete" trace_has '.[0].gaps == [] and .[1].complete'

# With two things wrong, both are said, the error first, and the tree marks them.
ip netns exec "$node" ip link set "$(veth_of web)" down
in_netns local ip link set eth0 mtu 1400
two() {
	local got=0
	run --json --root "$root" >"$WORK/trace.json" || got=$?
	((got == 10)) || { echo "exit status $got" && return 1; }
	trace_has '[.[] | select(.type == "finding").id] == ["link-down", "mtu-mismatch"]
		and (.[0].pods[] | select(.pod == "default/web") | .faulty and .findings == ["link-down"])' ||
		{ cat "$WORK/trace.json" && return 1; }
}
check "two faults: both found, the error first, exit status 10" two
check "JSON with findings fits the schema" "$TESTS_DIR/../cli/check-schema" "$WORK/trace.json"
in_netns local ip link set eth0 mtu 1450
ip netns exec "$node" ip link set "$(veth_of web)" up
wait_until 500 port_forwards node1 "$(veth_of web)"
check "mended: silent again" healthy

# Nobody may look: what could not be read is said, and not taken for healthy.
unprivileged() {
	ip netns exec "$node" setpriv --reuid 65534 --regid 65534 --clear-groups "$CNITRACE" check --json \
		>"$WORK/trace.json" 2>"$WORK/err" || true
	if trace_has '(.[0].gaps | length > 0) and .[-1].complete == false'; then
		return 0
	fi
	cat "$WORK/trace.json" "$WORK/err"
	return 1
}
check "no privileges: what could not be read is said" unprivileged
plan
