#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# The healthy lab on this kernel: traffic of each kind passes, every packet has a verdict, nothing is reported, and no
# witness speaks, by whichever way it is attached.
# shellcheck source=tests/kernels/lib.sh
. "$(dirname "$0")/lib.sh"

# shellcheck disable=SC2119
lab_start
cat >"$LAB_DIR/traffic" <<END
set -e
ping -c 3 -i 0.2 -W 2 $(address_of web)
ping -c 3 -i 0.2 -W 2 $(address_of web2)
curl -sSf --max-time 10 -o /dev/null http://10.96.0.20/
curl -sSf --max-time 10 -o /dev/null http://$(address_of web2)/
dig +time=5 @10.96.0.10 web.default.svc.cluster.local >/dev/null
END
trace_run node1 trace --pod default/busybox -- sh "$LAB_DIR/traffic"
if ((TRACE_STATUS == 0)); then ok "exit status 0"; else not_ok "exit status $TRACE_STATUS" "$WORK/trace.err"; fi
check "no finding: $(findings_list)" trace_has 'all(.[]; .type != "finding")'
check "journeys were seen" trace_has '[.[] | select(.type == "journey")] | length > 10'
check "pings to the other node crossed the tunnel" trace_has 'any(.[] | select(.type == "journey") | .hops[]?; .device == "flannel.1")'
check "the last line is a complete summary" trace_has '.[-1].type == "summary" and .[-1].complete == true'
check "no IPv6 address, no XDP program: what speaks of them alone is left out, and why is said" trace_has '[.[] | select(.type == "start") |
	.probes[]] | map(select(.name | IN("neighbour6", "icmp6-error", "xdp"))) as $idle
	| ($idle | length == 3 and all(.state == "off" and (.why | startswith("not needed: ")))) and any(.name == "xdp-veth" and
		((.state == "off" and (.why | startswith("not needed: "))) or (.state == "missing" and (.why | endswith("no BTF of module veth")))))'

# Nothing is dropped, so nobody is heard, and nothing is lost between entry and return.
for way in fentry kprobe; do
	trace_run node1 trace --probes "$way" --pod default/busybox -- sh -c "ping -c 3 -i 0.2 -W 2 $(address_of web2) && curl -sSf --max-time 10 -o /dev/null http://10.96.0.20/"
	check "$way: asked for by name, it is attached all the same" trace_has 'any(.[]; .type == "start" and any(.probes[]; .name == "neighbour6" and .state == "attached"))'
	check "$way: healthy traffic has no finding" trace_has 'all(.[]; .type != "finding")'
	check "$way: no witness speaks of healthy packets" trace_has '[.[] | select(.type == "journey" and .verdict.kind != "dropped") | .drop.witnesses[]?] | length == 0'
	check "$way: no send is refused" trace_has 'all(.[]; .type != "refusal")'
	check "$way: a listener with room is passed over" trace_has '(.[-1].records.hooks.listen.seen // 0) == 0'
	check "$way: every return found its entry" trace_has '.[-1].records.hooks.witness.lost == 0'
done
check "some way was used" trace_has '[.[] | select(.type == "start") | .probes[] | select(.explains != null and .state == "attached")] | length > 5'
plan
