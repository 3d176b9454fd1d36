# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# For the tests of the kernel matrix, which run inside a guest: the lab tests' functions, and what only a guest
# needs to know. Emulated CPUs are some twenty times slower, so a fault is traced once here, not twice.

# shellcheck source=tests/faults/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../faults/lib.sh"
# Everything in a guest is ours.
[[ ! -e /guest/command ]] || export LAB_OWN_KERNEL=yes

# Each kind of journey once, with where its packets stopped: what a wrong finding was made of.
journeys_brief() {
	jq -r 'select(.type == "journey") | [.flow.proto, .flow.src, ">", .flow.dst, .packet.tcp_flags // .packet.icmp_name // "",
		"len", .packet.len, (.hops | map(.device + ":" + .direction) | join(" ")), "|", .verdict.kind, .verdict.answer // "",
		(.drop // {} | [.device, .reason, .function, .hook, (.callers // [] | join("<")), .qdisc, .route_error, .socket.state
		| select(. != null) | tostring] | join(" "))] | map(tostring) | join(" ")' "$WORK/trace.json" | sort | uniq -c | head -40
	jq -c 'select(.type == "finding") | [.severity, .id, .where, .facts]' "$WORK/trace.json"
	jq -c 'select(.type == "summary")' "$WORK/trace.json"
}

# kernel_fault NAME: inject, trace, compare, heal. One test.
kernel_fault() {
	local name=$1 why started=$SECONDS

	fault_load "$name"
	why=$(possible)
	if [[ -n $why ]]; then
		skip "$name" "$why"
		return
	fi
	if ! lab fault "$name" >"$WORK/complaints" 2>&1; then
		not_ok "$name: cannot be injected" "$WORK/complaints"
		lab heal >&2 || true
		return
	fi
	lab_load
	cnitrace_arguments
	trace_run "$CNITRACE_NODE" "${CNITRACE_ARGS[@]}"
	fault_complaints >"$WORK/complaints"
	[[ ! -s $WORK/complaints ]] || { cat "$WORK/trace.err" && journeys_brief; } >>"$WORK/complaints"
	if [[ -s $WORK/complaints ]]; then
		not_ok "$name is reported as $FAULT_ID" "$WORK/complaints"
	else
		ok "$name is reported as $FAULT_ID"
	fi
	if ! lab heal >"$WORK/complaints" 2>&1; then
		not_ok "$name: cannot be healed" "$WORK/complaints"
	fi
	lab_load
	printf '# %s took %s s\n' "$name" $((SECONDS - started))
}
