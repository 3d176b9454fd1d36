#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Faults that a monitor, which sees drops alone, is to call by the same name as a trace: each is injected, its traffic
# is sent, and when the monitor ends right behind it, that is its one error.
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"

# shellcheck disable=SC2119
lab_start

# fault NAME ID: what the monitor calls it.
fault() {
	local name=$1 id=$2
	if ! lab fault "$name" >"$WORK/complaints" 2>&1; then
		not_ok "$name cannot be injected" "$WORK/complaints"
		return
	fi
	lab_load
	eval "$(lab show "$name" | grep -E '^(TRAFFIC|FAULT_POD)=')"
	trace_begin node1 monitor --interval 500ms || { plan && exit 1; }
	pod "${FAULT_POD#default/}" "${TRAFFIC[@]}" >/dev/null 2>&1 || true
	sleep 0.5
	trace_end
	lab heal >/dev/null 2>&1 || true
	jq -c 'select(.type == "finding" or .type == "drops")' "$WORK/trace.json" >"$WORK/complaints"
	if trace_has "[.[] | select(.type == \"finding\" and .severity == \"error\" and .state == \"new\") | .id] == [\"$id\"]"; then
		ok "$name: $id, and no other error"
	else
		not_ok "$name: $id, and no other error" "$WORK/complaints"
	fi
}

fault bridge-netfilter-off bridge-netfilter-off
fault bridge-netfilter-off-tcp bridge-netfilter-off
fault port-closed port-closed
fault mtu-exceeded mtu-exceeded
fault conntrack-invalid conntrack-invalid
plan
