#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Filters on this kernel: its verifier takes what expressions become, whatever they ask for, and each matches what
# libpcap's own interpreter matches.
# shellcheck source=tests/kernels/lib.sh
. "$(dirname "$0")/lib.sh"

unit=$(dirname "$CNITRACE")/tests/unit/test_filter_kernel
if [[ -x $unit ]]; then
	check "generated expressions match in this kernel what libpcap matches" "$unit"
else
	skip "generated expressions" "$unit is not built"
fi

ip link add filtered type dummy && ip link set filtered up

# One device, and the trace ends at once: what takes time is the verifier's. Of the witnesses one whose programs take the
# filter too.
loads() {
	trace_run_here trace --device filtered --duration 1ms --probes tc,kfree_skb,listen-queue "$1"
	((TRACE_STATUS == 0)) && trace_started
}
trace_run_here() {
	TRACE_STATUS=0
	timeout --signal=KILL "$TRACE_LIMIT" "$CNITRACE" "$1" --json "${@:2}" >"$WORK/trace.json" 2>"$WORK/trace.err" </dev/null ||
		TRACE_STATUS=$?
	cat "$WORK/trace.err"
}

while IFS= read -r expression; do
	check "trace takes '$expression'" loads "$expression"
done <<'LIST'
icmp
tcp
host 10.244.1.2
src net 10.244.0.0/16 and not dst net 10.96.0.0/12
tcp dst port 80 or tcp dst port 443
tcp portrange 30000-32767
portrange 30000-32767 and not src portrange 30000-32767
tcp[tcpflags] & (tcp-syn|tcp-fin) != 0
tcp[tcpflags] == tcp-syn|tcp-ack
tcp[((tcp[12] & 0xf0) >> 2):4] = 0x47455420
icmp[icmptype] == icmp-unreach and icmp[icmpcode] == 4
ip[6:2] & 0x1fff != 0 or ip[6] & 0x20 != 0
len > 1450 and ip[6] & 0x40 != 0
ip proto 4 or ip proto 47 or ip proto 41
udp[8:4] & 0x08000000 != 0 and udp[4:2] >= 50
host 10.0.0.1 or host 10.0.0.2 or host 10.0.0.3 or host 10.0.0.4 or host 10.0.0.5 or host 10.0.0.6 or host 10.0.0.7 or host 10.0.0.8
(host 10.0.0.1 or host 10.0.0.2) and (port 80 or port 443 or port 8080 or port 53) and not (icmp or tcp port 22)
ip6 and tcp port 443
ip6 host fd00:10:244:1::2
icmp6
ip multicast
ether host 02:00:00:00:00:01
ether proto 0x88b5
vlan 100 and tcp
ip[2:2] - ((ip[0] & 0xf) << 2) > 1000
LIST
ip link delete filtered
plan
