# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# For the lab tests: a lab of this test's own, and the checks of one fault. A
# fault's finding must come out exactly as its definition in scripts/lib/faults says.

set -euo pipefail
TESTS_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
SCRIPTS=$TESTS_DIR/../../scripts
for part in lab pods services faults trace; do
	# shellcheck disable=SC1090
	. "$SCRIPTS/lib/$part.sh"
done

# shellcheck source=tests/tap.sh
. "$TESTS_DIR/../tap.sh"
WORK=$(mktemp -d)
lab_names "t$$"

tests_end() {
	local status=$?
	trap - EXIT INT TERM
	[[ -z ${TRACE_PID:-} ]] || kill -KILL "$TRACE_PID" 2>/dev/null || true
	lab_down
	rm -rf "$WORK"
	exit "$status"
}
trap tests_end EXIT
trap 'exit 130' INT TERM

# VARIANT is set by the tests of variants.
lab() { "$SCRIPTS/lab.sh" --prefix "$LAB_PREFIX" --variant "${VARIANT:-flannel}" "$@"; }

# shellcheck disable=SC2120 # options are optional
lab_start() {
	# "Bail out!" would end every other test too.
	lab up "$@" || { not_ok "the lab comes up" && plan && exit 1; }
	lab_load
}

# trace_run NODE COMMAND ARG…: to the end. TRACE_STATUS, $WORK/trace.json, $WORK/trace.err.
trace_run() {
	local node=$1 command=$2
	shift 2
	TRACE_STATUS=0
	timeout --signal=KILL "${TRACE_LIMIT:-60}" ip netns exec "$LAB_PREFIX-$node" "$CNITRACE" "$command" --json \
		--root "$LAB_DIR/$node" "$@" >"$WORK/trace.json" 2>"$WORK/trace.err" </dev/null ||
		TRACE_STATUS=$?
}

# trace_begin NODE COMMAND ARG…: returns when everything is attached (the "start" line is out).
trace_begin() {
	local node=$1 command=$2
	shift 2
	: >"$WORK/trace.json"
	ip netns exec "$LAB_PREFIX-$node" "$CNITRACE" "$command" --json --root "$LAB_DIR/$node" \
		"$@" >"$WORK/trace.json" 2>"$WORK/trace.err" </dev/null &
	TRACE_PID=$!
	wait_until 1000 trace_started || { not_ok "the trace starts" "$WORK/trace.err" && return 1; }
}

trace_started() { grep -qs '^{.*"type": *"start"' "$WORK/trace.json"; }

# Ends a trace of trace_begin as Ctrl-C does.
trace_end() {
	TRACE_STATUS=0
	kill -INT "$TRACE_PID" 2>/dev/null || true
	wait "$TRACE_PID" || TRACE_STATUS=$?
	TRACE_PID=
}

# trace_has FILTER: does jq's FILTER hold, given all lines of the trace as one array?
trace_has() {
	jq -e -s --arg id "${FAULT_ID:-}" --argjson expect "${EXPECT:-null}" "$1" "$WORK/trace.json" >/dev/null
}

# What is wrong with the run, a line each; nothing when all is as the definition says.
fault_complaints() {
	((TRACE_STATUS == 10)) || echo "exit status $TRACE_STATUS, expected 10"
	# One jq for all: starting it is what takes time in a guest.
	# shellcheck disable=SC2016
	jq -r -s --arg id "$FAULT_ID" --argjson expect "$EXPECT" '
		def wrong(right; text): if right then empty else text end;
		map(select(.type == "finding")) as $findings | map(select(.type == "summary")) as $summaries
		| ($findings | map(.severity + " " + .id) | join(",")) as $list | ($findings[0] | .where + .facts) as $known
		| wrong($findings | map(select(.severity == "error")) | length == 1;
			"not exactly one finding of severity error: " + $list),
		wrong($findings[0].id == $id; "first finding is not \($id): \($list)"),
		wrong($expect | to_entries | all($known[.key] == .value);
			"finding lacks \($expect): \($findings | map(.where + .facts))"),
		wrong(.[-1].type == "summary" or ($summaries | length) == 0; "the last line is not the summary")' \
		"$WORK/trace.json" || echo "the output is not JSON"
}

findings_list() { jq -r 'select(.type == "finding") | .severity + " " + .id' "$WORK/trace.json" | paste -sd, -; }

healthy_complaints() {
	((TRACE_STATUS == 0)) || echo "after healing: exit status $TRACE_STATUS, expected 0"
	trace_has 'all(.[]; .type != "finding" or .severity != "error")' && return
	echo "after healing: findings $(findings_list)"
	jq -c 'select(.type == "finding" or (.type == "journey" and .verdict.kind != "delivered" and .verdict.kind != "left-node"))' \
		"$WORK/trace.json" | sed -n 1,5p
}

# Each kind of journey once, with where its packets stopped: what a wrong finding was made of.
journeys_brief() {
	jq -r 'select(.type == "journey") | [.flow.proto, .flow.src, ">", .flow.dst, .packet.tcp_flags // .packet.icmp_name // "",
		"len", .packet.len, (.hops | map(.device + ":" + .direction) | join(" ")), "|", .verdict.kind, .verdict.answer // "",
		(.drop // {} | [.device, .reason, .function, .hook, (.callers // [] | join("<")), .qdisc, .route_error, .socket.state
		| select(. != null) | tostring] | join(" "))] | map(tostring) | join(" ")' "$WORK/trace.json" | sort | uniq -c | sed -n 1,40p
	jq -c 'select(.type == "finding") | [.severity, .id, .where, .facts]' "$WORK/trace.json"
	jq -c 'select(.type == "summary")' "$WORK/trace.json"
}

# The remedy of the first finding, a line each; what is not a command starts with '#'.
remedy_lines() { jq -r -s '[.[] | select(.type == "finding")][0].remedy[]' "$WORK/trace.json"; }

# Runs the remedy as it was printed, on the node it was printed on: in its namespace, under its name, with its
# CNI files where they belong. kubectl is the lab's own, which does nothing unless the cluster is to mend it.
remedy_run() {
	local node=$1 line commands=0
	if remedy_lines | grep -v '^#' | grep -E '<[^>]*>'; then
		echo "the remedy holds a placeholder"
	fi
	while read -r line <&3; do
		[[ $line != '#'* ]] || continue
		[[ $REMEDY == cluster || $line != kubectl* ]] || continue
		commands=$((commands + 1))
		# shellcheck disable=SC2016 # the inner shell's
		nsenter --net="/run/netns/$LAB_PREFIX-$node" -- unshare --uts --mount bash -c 'hostname "$1"
			mount --bind "$2/var/lib" /var/lib || exit 1
			eval "$3"' remedy "$node" "$LAB_DIR/$node" "$line" >"$WORK/remedy" 2>&1 </dev/null ||
			{ echo "the remedy \"$line\" fails:" && cat "$WORK/remedy"; }
	done 3< <(remedy_lines)
	((commands)) || echo "the remedy has no command for $REMEDY: $(remedy_lines | paste -sd'|')"
}

# The remedy, or where it is not a command the lab's own way of mending it.
fault_remedy() {
	if [[ $REMEDY == operator ]]; then
		lab heal 2>&1
	else
		LAB_CLUSTER=$REMEDY LAB_PREFIX=$LAB_PREFIX PATH="$TESTS_DIR:$PATH" remedy_run "$CNITRACE_NODE"
	fi
}

# fault_mended: the loaded fault: inject, trace, compare; mend, trace, compare. What is wrong goes to $WORK/complaints; ALSO
# may name a command that complains of more while the fault lasts.
fault_mended() {
	if ! lab fault "$FAULT" >"$WORK/complaints" 2>&1; then
		echo "cannot be injected" >>"$WORK/complaints"
		lab heal >&2 || true
		return
	fi
	: >"$WORK/complaints"
	lab_load
	cnitrace_arguments
	trace_run "$CNITRACE_NODE" "${CNITRACE_ARGS[@]}"
	fault_complaints >"$WORK/complaints"
	[[ ! -s $WORK/complaints ]] || { cat "$WORK/trace.err" && journeys_brief; } >>"$WORK/complaints"
	${ALSO:-:} "$FAULT" >>"$WORK/complaints"
	fault_remedy >>"$WORK/complaints"
	lab_load
	cnitrace_arguments
	trace_run "$CNITRACE_NODE" "${CNITRACE_ARGS[@]}"
	healthy_complaints >>"$WORK/complaints"
	# What the remedy left of the fault goes as well, and the lab must be whole for the next.
	if [[ $REMEDY != operator ]]; then
		lab heal >>"$WORK/complaints" 2>&1 || echo "what is left cannot be healed" >>"$WORK/complaints"
		lab_load
		[[ -n $(possible) ]] || fault_traffic || echo "the traffic fails in the mended lab" >>"$WORK/complaints"
	fi
}

# trace_fault NAME: one test.
trace_fault() {
	local name=$1 why
	fault_load "$name"
	why=$(possible)
	if [[ -n $why ]]; then
		skip "$name" "$why"
		return
	fi
	fault_mended
	if [[ -s $WORK/complaints ]]; then
		not_ok "$name is reported as $FAULT_ID" "$WORK/complaints"
	else
		ok "$name is reported as $FAULT_ID"
	fi
}

# service_mode_healthy MODE: the Services work in the lab, a trace of them is silent, and check names the mode.
service_mode_healthy() {
	local mode=$1
	cat >"$LAB_DIR/traffic" <<-END
		set -e
		for i in 1 2 3 4 5 6; do curl -sSf --max-time 10 -o /dev/null http://10.96.0.20/; done
		curl -sSf --max-time 10 -o /dev/null http://192.168.1.11:30080/
		dig +time=5 @10.96.0.10 web.default.svc.cluster.local >/dev/null
		dig +tcp +time=5 @10.96.0.10 web.default.svc.cluster.local >/dev/null
	END
	trace_run node1 trace --pod default/busybox -- sh "$LAB_DIR/traffic"
	check "$mode: a healthy trace exits with 0" test "$TRACE_STATUS" -eq 0
	check "$mode: no finding: $(findings_list)" trace_has 'all(.[]; .type != "finding")'
	check "$mode: translations are seen" trace_has 'any(.[] | select(.type == "journey") | .hops[]?; .nat != null)'
	trace_run node1 check
	check "$mode: check is silent: $(findings_list)" trace_has 'all(.[]; .type != "finding")'
	check "$mode: check names the mode" grep -q "\"mode\": *\"$mode\"" "$WORK/trace.json"
	check "$mode: a NodePort answers from outside" underlay curl -sSf --max-time 10 -o /dev/null http://192.168.1.11:30080/
}

# BUILT may name another list than `built`, to see how far an unfinished diagnosis is.
# class_faults CLASS [REGEX]: every fault of the class (with such a name). Those named in `built` must be diagnosed; of
# the others the injector is proved to break the traffic, and heal to mend it.
class_faults() {
	local class=$1 pattern=${2:-.} name why
	# shellcheck disable=SC2119
	lab_start
	while read -r name; do
		fault_load "$name"
		[[ $FAULT_CLASS == "$class" && $name =~ $pattern ]] || continue
		if grep -qxF "$name" "${BUILT:-$TESTS_DIR/built}"; then
			trace_fault "$name"
			continue
		fi
		why=$(possible)
		if [[ -n $why ]]; then
			skip "injector of $name" "$why"
		elif why=$(fault_verify "$name" 2>"$WORK/complaints"); then
			ok "injector of $name (its finding is not built yet)"
		else
			not_ok "injector of $name: $why" "$WORK/complaints" "$LAB_DIR/log/traffic"
		fi
	done < <(faults_names)
	plan
}
