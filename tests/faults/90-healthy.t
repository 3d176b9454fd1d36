#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# A healthy network under mixed traffic: nothing is reported.
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"

# shellcheck disable=SC2119
lab_start
cat >"$WORK/traffic" <<END
set -e
ping -c 5 -i 0.1 -W 1 $(address_of web)
ping -c 5 -i 0.1 -W 1 $(address_of web2)
ping -c 2 -i 0.1 -W 1 203.0.113.10
ping -c 2 -i 0.1 -W 1 192.168.1.12
for i in 1 2 3; do curl -sSf --max-time 10 -o /dev/null http://10.96.0.20/big; done
head -c 3000000 /dev/zero | curl -sS --max-time 10 -o /dev/null --data-binary @- -H Expect: http://$(address_of web2)/
for i in 1 2 3 4 5 6 7 8 9 10; do
	curl -sSf --max-time 3 -o /dev/null http://10.96.0.20/
	curl -sSf --max-time 3 -o /dev/null http://$(address_of web2)/
	dig +time=2 @10.96.0.10 web.default.svc.cluster.local >/dev/null
done
dig +tcp +time=2 @10.96.0.10 web.default.svc.cluster.local >/dev/null
curl -sSf --max-time 3 -o /dev/null http://203.0.113.10/
END
cp "$WORK/traffic" "$LAB_DIR/traffic"
if [[ ! -s $TESTS_DIR/built ]]; then
	check "the traffic passes" pod busybox sh "$LAB_DIR/traffic"
	plan
	exit 0
fi

trace_run node1 trace --pod default/busybox -- sh "$LAB_DIR/traffic"
check "exit status 0" test "$TRACE_STATUS" -eq 0
check "no finding" trace_has 'all(.[]; .type != "finding")'
[[ -z $(findings_list) ]] || jq -c 'select(.type == "finding")' "$WORK/trace.json" | sed 's/^/# /'
check "journeys were seen" trace_has '[.[] | select(.type == "journey")] | length > 100'
check "the last line is a complete summary" trace_has '.[-1].type == "summary" and .[-1].complete == true'

# The node as a whole, without a pod: the same traffic, and nothing to complain of either.
trace_begin node1 trace && {
	pod busybox sh "$LAB_DIR/traffic" >/dev/null 2>&1
	trace_end
	check "whole node: exit status 0" test "$TRACE_STATUS" -eq 0
	check "whole node: no finding" trace_has 'all(.[]; .type != "finding")'
	[[ -z $(findings_list) ]] || jq -c 'select(.type == "finding")' "$WORK/trace.json" | sed 's/^/# /'
}
plan
