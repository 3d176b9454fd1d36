#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Everything loads and attaches on this kernel, or says why it does not, and nothing stays behind.
# shellcheck source=tests/kernels/lib.sh
. "$(dirname "$0")/lib.sh"

# Modules and features that faults need: facts for whoever reads a failure.
for module in ip_vs sch_netem ipip geneve dummy vxlan br_netfilter nf_tables ip_tables; do
	[[ -d /sys/module/$module ]] || absent+=" $module"
done
printf '# kernel %s, absent modules:%s\n' "$(uname -r)" "${absent:- none}"
printf '# kprobes %s, BTF of modules %s\n' "$([[ -e /sys/kernel/tracing/kprobe_events ]] && echo yes || echo no)" \
	"$([[ -e /sys/kernel/btf/vxlan ]] && echo yes || echo no)"

started=$(date +%s%N)
status=0
timeout 60 "$CNITRACE" trace --duration 1s --json >"$WORK/trace.json" 2>"$WORK/trace.err" || status=$?
printf '# trace --duration 1s took %s ms\n' $((($(date +%s%N) - started) / 1000000))
if ((status == 0)); then ok "trace runs"; else not_ok "trace runs: exit status $status" "$WORK/trace.err"; fi
jq -r 'select(.type == "start") | .probes[]? | "# probe \(.name): \(.way // "-") \(.state) \(.why // "")"' "$WORK/trace.json"
check "the start line names the kernel" trace_has 'any(.[]; .type == "start" and (.kernel // "" | length) > 0)'
check "a drop probe is attached" trace_has '[.[] | select(.type == "start") | .probes[]? | select(.name | test("kfree|drop"))
	| select(.state | test("attached|active|ok|on"))] | length > 0'
check "the last line is the summary" trace_has '.[-1].type == "summary"'

# Devices by the tracepoints instead of tc, by each of their ways, with a filter for each kind of header.
for way in tp_btf raw_tp; do
	for filter in 'host 192.0.2.1 and tcp port 80' 'ether host 02:00:00:00:00:01 and udp'; do
		status=0
		timeout 60 "$CNITRACE" trace "$filter" --duration 100ms --json --probes "netif_receive_skb,net_dev_queue,$way" \
			>"$WORK/trace.json" 2>"$WORK/trace.err" || status=$?
		check "devices by $way, $filter: runs" test "$status" -eq 0
		check "… both tracepoints are attached" trace_has '[.[0].probes[] | select(.name == ("netif_receive_skb", "net_dev_queue"))
			| select(.state == "attached" and .way == "'"$way"'")] | length == 2'
		check "… nothing by tc" trace_has 'any(.[0].probes[]; .name == "tc" and .state == "off")'
	done
done

status=0
timeout 60 "$CNITRACE" doctor --json >"$WORK/doctor.json" 2>"$WORK/doctor.err" || status=$?
if ((status == 2)); then
	skip "doctor" "no such command yet"
elif ((status == 0)) && jq -e . "$WORK/doctor.json" >/dev/null; then
	ok "doctor answers in JSON"
else
	not_ok "doctor answers in JSON: exit status $status" "$WORK/doctor.err" "$WORK/doctor.json"
fi

# A killed trace leaves at most what the next one removes.
if trace_begin_here=$("$CNITRACE" trace --json --duration 60s >"$WORK/trace.json" 2>"$WORK/trace.err" & echo $!) &&
	wait_until 1000 trace_started; then
	kill -KILL "$trace_begin_here"
	timeout 60 "$CNITRACE" trace --duration 1s --json >/dev/null 2>"$WORK/trace.err" || true
	check "nothing is left of a killed trace" bash -c '! tc filter show dev lo ingress 2>/dev/null | grep -q cnitrace'
else
	not_ok "a trace that can be killed starts" "$WORK/trace.err"
fi
plan
