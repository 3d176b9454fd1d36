#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# The healthy lab on this kernel: traffic of each kind passes, every packet has a verdict, nothing is reported.
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
plan
