# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# For the tests of the lab's variants (VARIANT names it). A healthy one is silent, in packets and in
# state, and its journeys are whole; every fault of it is named, and silent again once mended.

# shellcheck source=tests/faults/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# variant_healthy NAMESPACE SCRIPT: neither `check` nor a trace of the script in pod busybox finds anything; every packet
# arrives, or leaves, and every record was kept.
variant_healthy() {
	trace_run node1 check
	variant_silent "check is silent"
	trace_run node1 trace --pod "$1/busybox" -- sh -ec "$2"
	variant_silent "a trace of healthy traffic is silent"
	check "$VARIANT: every packet arrives or leaves" trace_has \
		'[.[] | select(.type == "journey")] | length > 10 and
		all(.[]; .verdict.kind == "delivered" or .verdict.kind == "left-node")'
	jq -c 'select(.type == "journey" and .verdict.kind != "delivered" and .verdict.kind != "left-node")' \
		"$WORK/trace.json" | head -n 3 | sed 's/^/# /'
}

variant_silent() {
	{
		[[ $TRACE_STATUS == 0 ]] || echo "exit status $TRACE_STATUS"
		jq -c 'select(.type == "finding")' "$WORK/trace.json"
		trace_has '.[-1].type == "summary" and .[-1].complete != false' || echo "not complete"
		[[ $TRACE_STATUS == 0 ]] || tail -n 5 "$WORK/trace.err"
	} >"$WORK/complaints"
	if [[ -s $WORK/complaints ]]; then
		not_ok "$VARIANT: $1" "$WORK/complaints"
	else
		ok "$VARIANT: $1"
	fi
}

# way TEXT PROTO SRC DST PATTERN: the first journey of that protocol between those addresses in the trace just made,
# as text "in veth<pod> > out eth0 vxlan:192.168.1.12 > left-node", matches the pattern.
# shellcheck disable=SC2016
way() {
	local found
	found=$(jq -r -s --arg proto "$2" --arg src "$3" --arg dst "$4" '[.[] | select(.type == "journey" and
		.flow.proto == $proto and .flow.src == $src and .flow.dst == $dst)][0]
		| if . == null then "no such journey" else
		([.hops[] | .direction + " " + .device + (if .pod then "<" + .pod + ">" else "" end) +
		(if .encap.kind then " " + .encap.kind + ":" + .encap.dst else "" end)] | join(" > ")) +
		" > " + .verdict.kind + (if .verdict.pod then " " + .verdict.pod else "" end) end' "$WORK/trace.json")
	# shellcheck disable=SC2053 # a pattern
	if [[ $found == $5 ]]; then
		ok "$VARIANT: $1"
	else
		printf 'found:  %s\nwanted: %s\n' "$found" "$5" >"$WORK/complaints"
		not_ok "$VARIANT: $1" "$WORK/complaints"
	fi
}

# Every fault of the variant, and while it lasts what check says of it: the function check_says NAME prints that as
# findings_list does, or nothing where a trace alone can tell.
variant_faults_all() {
	local name
	while read -r name; do
		ALSO=variant_check trace_fault "$name"
	done < <(faults_names)
	trace_run node1 check
	variant_silent "check is silent again"
}

variant_check() {
	local expected status=$TRACE_STATUS
	expected=$(check_says "$1")
	[[ -n $expected ]] || return 0
	mv "$WORK/trace.json" "$WORK/traced.json"
	trace_run node1 check
	[[ $(findings_list) == "$expected" ]] || echo "check says \"$(findings_list)\", expected \"$expected\""
	mv "$WORK/traced.json" "$WORK/trace.json"
	TRACE_STATUS=$status
}

# From outside, to a port of the node: traced without a pod, for the packets come from none.
variant_node_port() {
	trace_begin node1 trace 'tcp port 80 or tcp port 30080 or tcp port 8080' || return 0
	underlay curl -sS --max-time 3 -o /dev/null "$1" 2>"$WORK/curl" || true
	trace_end
	variant_silent "a port of the node from outside"
}

# Calico's IPIP: what both its own test and the kernel matrix look at. Of a route that is gone check cannot know: an IPIP
# device names no other node, as the FDB of a VXLAN does.
ipip_check_says() {
	case $1 in
	mtu-exceeded) echo "error mtu-mismatch" ;;
	overlay-down) echo "error overlay-down" ;;
	esac
}

ipip_healthy() {
	local b web2 cali
	b=$(address_of busybox) web2=$(address_of web2) cali=$(veth_of busybox)
	variant_healthy default "ping -c 3 -i 0.1 -W 2 $web2; ping -c 1 -W 2 192.168.1.12
		curl -sSf --max-time 10 -o /dev/null http://$web2/
		for i in 1 2 3; do curl -sSf --max-time 10 -o /dev/null http://10.96.0.20/; done"
	way "other node, encapsulated" ICMP "$b" "$web2" \
		"in $cali<default/busybox> > out tunl0 > out eth0 ipip:192.168.1.12 > left-node"
	way "back from the other node" ICMP "$web2" "$b" \
		"in eth0 ipip:192.168.1.11 > in tunl0 > out $cali<default/busybox> > delivered default/busybox"
}

# variant_legacy NAMESPACE ADDRESS FAULT…: the same network where iptables is iptables-legacy: a healthy trace to the
# address and to the node is silent, and what filters is named.
variant_legacy() {
	local namespace=$1 to=$2 name
	shift 2
	trace_run node1 trace --pod "$namespace/busybox" -- sh -ec "ping -c 3 -i 0.1 -W 2 $to; ping -c 1 -W 2 192.168.1.11"
	variant_silent "legacy: a trace of healthy traffic is silent"
	trace_run node1 check
	variant_silent "legacy: check is silent"
	for name; do
		trace_fault "$name"
	done
	plan
}
