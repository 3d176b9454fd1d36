#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# What must not be shown: packets the filter excludes, other pods, other namespaces.
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"

if [[ ! -s $TESTS_DIR/built ]]; then
	skip "what must not show" "no finding is built yet"
	plan
	exit 0
fi
# shellcheck disable=SC2119
lab_start
web=$(address_of web)

# A filter keeps what it does not match out of journeys and findings, drops included.
trace_run node1 trace --pod default/busybox icmp -- \
	sh -c "ping -c 2 -i 0.1 -W 1 $web; curl -s --max-time 2 http://$web/; curl -s --max-time 2 http://$(address_of local)/; true"
check "filter icmp: pings are shown" trace_has 'any(.[]; .type == "journey" and .flow.proto == "ICMP")'
check "filter icmp: no TCP is shown" trace_has 'all(.[]; .type != "journey" or .flow.proto != "TCP")'
check "filter icmp: a refused TCP connection is no finding" trace_has 'all(.[]; .type != "finding")'
check "filter icmp: exit status 0" test "$TRACE_STATUS" -eq 0
trace_run node1 trace --pod default/busybox "dst host $(address_of web2)" -- \
	sh -c "ping -c 2 -i 0.1 -W 1 $web; ping -c 2 -i 0.1 -W 1 $(address_of web2)"
# shellcheck disable=SC2016
check "filter by host: the other host is not shown" \
	jq -e -s --arg web "$web" 'all(.[]; .type != "journey" or (.flow.src != $web and .flow.dst != $web))' "$WORK/trace.json"

# Filters that show one way of a conversation: what they hide is no silence. Of what they show, what is lost is told.
one_way() { # FILTER COMMAND…
	trace_run node1 trace --pod default/busybox "$@"
	check "one way, \"$1\": no finding" trace_has 'any(.[]; .type == "journey") and all(.[]; .type != "finding")'
	check "one way, \"$1\": it is said" grep -q 'does not match what answers' "$WORK/trace.err"
}
one_way "tcp dst port 80" -- curl -sSf -o /dev/null --max-time 5 http://10.96.0.20/
one_way "udp dst port 53" -- dig +time=3 +tries=1 @10.96.0.10 web.default.svc.cluster.local
one_way "icmp[icmptype] = icmp-echo" -- ping -q -c 2 -i 0.1 -W 1 "$web"
one_way "src host $(address_of busybox)" -- ping -q -c 2 -i 0.1 -W 1 "$(address_of web2)"
trace_run node1 trace --pod default/busybox "tcp[tcpflags] & tcp-syn != 0" -- curl -sSf -o /dev/null --max-time 5 http://10.96.0.20/
check "only SYNs: no finding" trace_has 'any(.[]; .type == "journey") and all(.[]; .type != "finding")'
check "only SYNs: both ways are shown" bash -c '! grep "does not match what answers" "$0"' "$WORK/trace.err"
rule node1 -I FORWARD 1 -d "$web" -p tcp --dport 81 -j DROP
trace_run node1 trace --pod default/busybox "tcp dst port 81" -- curl -sS -o /dev/null --max-time 1 "http://$web:81/"
services_apply node1
check "one way: a drop is told" trace_has '[.[] | select(.type == "finding") | .id] == ["netfilter-drop"]'
trace_run node1 trace --pod default/busybox icmp -- ping -q -c 2 -i 0.2 -W 1 10.96.0.20
check "a ping to a Service's address is no fault" trace_has '[.[] | select(.type == "finding") | .severity + " " + .id] == ["info no-reply"]'

# Another pod of this node fails loudly meanwhile; the traced one does not.
process_start noise web ping -q -i 0.1 203.0.113.99
trace_run node1 trace --pod default/busybox -- ping -c 5 -i 0.2 -W 1 "$(address_of web2)"
process_stop noise
# shellcheck disable=SC2016
check "another pod's packets are not shown" \
	jq -e -s --arg web "$web" 'all(.[]; .type != "journey" or (.flow.src != $web and .flow.dst != $web))' "$WORK/trace.json"
check "another pod's trouble is no finding" trace_has 'all(.[]; .type != "finding")'
check "another pod: exit status 0" test "$TRACE_STATUS" -eq 0

# While the devices are attached one after the other, packets are seen on some of them only: that is no loss.
process_start noise busybox2 ping -q -i 0.002 "$web"
trace_run node1 trace --pod default/web -- true
process_stop noise
check "packets on their way when the trace begins have not vanished" trace_has \
	'any(.[]; .type == "journey") and all(.[]; .type != "journey" or .verdict.kind != "vanished" or .evicted)'

# Drops in namespaces that are not this node's: the other node's, the network's between.
rule node2 -I FORWARD 1 -s "$(address_of busybox2)" -d 203.0.113.10 -j DROP
process_start noise busybox2 ping -q -i 0.1 203.0.113.10
trace_run node1 trace --duration 1
process_stop noise
check "another node's drops are not shown" trace_has 'all(.[]; .type != "finding" and (.type != "journey" or .verdict.kind != "dropped"))'
check "another node: exit status 0" test "$TRACE_STATUS" -eq 0
services_apply node2
plan
