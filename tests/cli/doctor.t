#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# doctor says what the kernel it runs on allows, and --probes gives what doctor says there is: on a kernel without
# kprobes and fentry the reason is told and a trace still finds the fault.
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/../faults/lib.sh"
root=$TESTS_DIR/../..

"$CNITRACE" doctor --json >"$WORK/doctor.json" 2>"$WORK/doctor.err" || true
"$CNITRACE" doctor >"$WORK/doctor.txt" 2>>"$WORK/doctor.err" || true
doctor_has() { jq -e "$1" "$WORK/doctor.json" >/dev/null; }

check "one object that fits the schema" bash -c "test \$(wc -l <'$WORK/doctor.json') = 1 && '$root/tests/cli/check-schema' '$WORK/doctor.json'"
check "the tracer's own probes are there" doctor_has '[.probes[].name] | contains(["tc", "kfree_skb", "sys_exit"])'
check "witnesses say what they are for" doctor_has '[.probes[] | select(.explains)] | length > 20 and all(.[]; .explains | length > 10)'
check "what is not attached says why" doctor_has 'all(.probes[]; .state == "attached" or .state == "usable" or (.why | length) > 5)'
check "what is attached says by which way" doctor_has 'all(.probes[] | select(.state == "attached"); .way | IN("tp_btf", "raw_tp", "fentry", "kprobe"))'
check "no name twice" doctor_has '[.probes[].name] | length == (unique | length)'
check "every fault is told in some way" doctor_has '(.faults | length) > 45 and all(.faults[]; .told | IN("full", "weaker", "not at all"))'
check "a fault's witness is one that is attached" doctor_has '[.probes[] | select(.state == "attached") | .name] as $on | all(.faults[] | .witness // empty; IN($on[]))'
check "text and JSON name the same witnesses" bash -c "jq -r '.probes[] | [.name, .state] | join(\" \")' '$WORK/doctor.json' | while read -r name state; do grep -qE \"^  \$name +[a-z_-]+ +\$state\" '$WORK/doctor.txt' || exit 1; done"
check "the counts of the text add up" bash -c "test \$(sed -nE 's/^([0-9]+) faults: ([0-9]+) told in full, ([0-9]+) with weaker detail, ([0-9]+) not at all\$/\1 \2 \3 \4/p' '$WORK/doctor.txt' | awk '{print \$1 - \$2 - \$3 - \$4}') = 0"
if doctor_has '.kprobes == false and .fentry == false'; then
	check "without kprobes and fentry: said, with what to change" doctor_has '[.advice[] | select(test("kprobe"))] | length == 1'
	check "… and a race in conntrack has weaker detail" doctor_has '.faults[] | select(.id == "conntrack-race") | .told == "weaker"'
else
	check "functions have a way" doctor_has '[.probes[] | select(.way == "fentry" or .way == "kprobe")] | length > 10'
fi

# refused STATUS TEXT ARG…
refused() {
	local status=$1 text=$2 got=0
	shift 2
	"$CNITRACE" "$@" >"$WORK/out" 2>"$WORK/err" </dev/null || got=$?
	((got == status)) && grep -qF -- "$text" "$WORK/err" && [[ ! -s $WORK/out ]]
}
check "an unknown probe is refused, with those there are" refused 2 'no probe or way "nonsense"; known: tc, kfree_skb' trace --probes nonsense
check "… among others that are known" refused 2 '"kprob"' trace --probes tcx,kprob
check "… by probe" refused 2 '"kprob"' probe --probes kprob 10.0.0.1
check "… by monitor" refused 2 '"kprob"' monitor --probes kprob
# shellcheck disable=SC1091
. "$root/user/completion.bash"
PATH=$(dirname "$CNITRACE"):$PATH
COMP_WORDS=(cnitrace trace --probes nft) COMP_CWORD=3
_cnitrace
check "completion knows their names" test "${COMPREPLY[*]}" = nft-chain

# shellcheck disable=SC2119
lab_start
# started: the probes of the start line.
for way in kprobe fentry tracepoint; do
	trace_run node1 trace --probes "$way" --pod default/busybox -- ping -c 1 -W 1 10.244.1.99
	check "--probes $way: the fault is found" trace_has 'any(.[]; .type == "finding" and .id == "neighbour-failed" and .severity == "error")'
	check "… by the tracer's own probes as ever" trace_has '[.[0].probes[] | select(.explains == null and .state == "attached")] | length == 3'
	check "… witnesses by no other way" trace_has '[.[0].probes[] | select(.explains and .state == "attached") | .way] | all(.[]; . == "'"${way/tracepoint/raw_tp}"'")'
done
trace_run node1 trace --probes tc,kfree_skb --pod default/busybox -- true
check "a list of the tracer's own leaves witnesses out" trace_has '[.[0].probes[] | select(.explains and .state == "attached")] | length == 0'
check "… and says so" trace_has 'any(.[0].probes[]; .name == "nft-chain" and .why == "left out by --probes")'
if doctor_has '.kprobes == false'; then
	trace_run node1 trace --probes kprobe --pod default/busybox -- true
	check "no kprobes: each witness says so" trace_has 'any(.[0].probes[]; .name == "nf-hook" and .state == "missing" and (.why | test("kprobe: this kernel has none")))'
	ip netns exec "$LAB_PREFIX-node1" "$CNITRACE" trace --root "$LAB_DIR/node1" --probes kprobe --pod default/busybox -- true >"$WORK/text" 2>/dev/null || true
	check "… and the text does, in one line" test "$(grep -c 'without witnesses: kprobe: this kernel has none' "$WORK/text")" = 1
fi
if doctor_has 'any(.probes[]; .name == "icmp-error" and .state == "attached")'; then
	trace_run node1 trace --pod default/busybox -- ping -c 1 -W 1 10.244.1.99
	check "what a witness said is in the journey" trace_has 'any(.[]; .type == "journey" and any(.drop.witnesses[]?; .name == "icmp-error" and (.says | test("ICMP type 3 code 1"))))'
	check "… and among the evidence" trace_has 'any(.[]; .type == "finding" and any(.evidence[]; test("^seen it was answered with ICMP type 3 code 1")))'
	trace_run node1 trace --pod default/busybox -- ping -c 2 -i 0.2 -W 1 "$(address_of web2)"
	check "nothing is said of healthy packets" trace_has '[.[] | select(.type == "journey") | .drop.witnesses[]?] | length == 0'
fi
plan
