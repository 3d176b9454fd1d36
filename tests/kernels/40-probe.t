#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# cnitrace probe against netem: the loss it shows is the loss the qdisc counted, at the hop where it is; a delay is
# the step at its hop, its jitter the deviation from there on.
# shellcheck source=tests/faults/probe.sh
. "$(dirname "$0")/../faults/probe.sh"
# shellcheck source=tests/kernels/lib.sh
. "$(dirname "$0")/lib.sh"

# shellcheck disable=SC2119
lab_start
web2=$(address_of web2)
if ! node1 tc qdisc add dev flannel.1 root netem delay 1ms 2>"$WORK/netem"; then
	skip "netem" "this kernel has no netem: $(head -n 1 "$WORK/netem")"
	plan
	exit 0
fi
netem() { in_netns "$1" tc qdisc replace dev "$2" root netem "${@:3}"; }
# netem_echoes NODE DEVICE OFFSET …: of ICMP alone, whose protocol number stands at that offset behind the network header's
# begin: what the qdisc then counts is the probe's own. ARP and MLD go by another band.
netem_echoes() {
	in_netns "$1" tc qdisc replace dev "$2" root handle 1: prio bands 2 priomap 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 &&
		in_netns "$1" tc qdisc add dev "$2" parent 1:2 handle 20: netem "${@:4}" &&
		in_netns "$1" tc filter add dev "$2" parent 1: protocol ip u32 match u8 1 0xff at "$3" flowid 1:2
}
netem_dropped() { in_netns "$1" tc -s qdisc show dev "$2" | grep -A 1 netem | sed -nE 's/.*dropped ([0-9]+),.*/\1/p' | sed -n 1p; }
netem_off() { in_netns "$1" tc qdisc del dev "$2" root; }
row_of() { printf '[.[] | select(.leg == "%s" and .device == "%s")][0]' "$1" "$2"; }
netem_off node1 flannel.1

probe --inside --count 20 --interval 50ms "$web2"
result "nothing injected: all is answered" '.answered == 20'
base=$(jq -r 'select(.type == "hop_stats" and .leg == "request" and .device == "eth0") | .avg_us' "$WORK/trace.json")

netem node1 flannel.1 delay 100ms 20ms
probe --inside --count 40 --interval 150ms --timeout 3s "$web2"
pod busybox ping -q -c 10 -i 0.2 -W 3 "$web2" >"$WORK/ping"
netem_off node1 flannel.1
result "a delay of 100 ± 20 ms: nothing lost" '.answered == 40'
rows "… before its hop there is none" "$(row_of request flannel.1) | .avg_us < 40000 and .best_us < 10000"
rows "… at its hop it is the step (without it $base µs)" "$(row_of request eth0) | .step_avg_us > 88000 and (.step_avg_us < 135000 or .worst_us > 160000)"
# Even between 80 and 120 ms: 40 / sqrt(12) = 11.5 ms; one packet that the emulator was late with makes it more.
rows "… and its jitter the deviation" "$(row_of request eth0) | .stdev_us > 6000 and (.stdev_us < 22000 or .worst_us > 160000)"
rows "… best and worst are 40 ms apart" "$(row_of request eth0) | .best_us > 79000 and .best_us < 110000 and .worst_us - .best_us > 20000"
rows "… behind it no further step" "$(row_of reply flannel.1) | .step_avg_us < 20000"
theirs=$(sed -nE 's|^rtt [^=]*= [0-9.]+/([0-9.]+)/.*|\1|p' "$WORK/ping")
check "… ping's average is of the same size: $theirs ms" awk -v b="$theirs" 'BEGIN { exit !(b > 85 && b < 140) }'
no_finding "… late is not lost: no finding"

netem_echoes node1 flannel.1 9 loss 25%
probe --inside --count 100 --interval 30ms --timeout 2s "$web2"
dropped=$(netem_dropped node1 flannel.1)
netem_off node1 flannel.1
rows "a loss of 25 %: what the qdisc counted ($dropped of 100) is what eth0 misses" "$(row_of request eth0) | .lost == $dropped and .packets == 100 - $dropped"
rows "… within chance of 25 %" "$(row_of request eth0) | .loss_percent > 10 and .loss_percent < 42"
rows "… it begins behind flannel.1" '[.[] | select(.loss_begins)] | length == 1 and .[0].device == "eth0" and .[0].loss_begins == "between flannel.1 and eth0"'
rows "… and before it nothing is lost" "[$(row_of request cni0), $(row_of request flannel.1)] | all(.[]; .lost == 0 and .packets == 100)"
check "… one error, of the class that names the cause" trace_has '[.[] | select(.type == "finding" and .severity == "error")] | length == 1 and
	(.[0].id == "qdisc-drop" or .[0].id == "vanished")'

# VXLAN: behind 50 bytes of outer headers
netem_echoes node2 eth0 59 loss 20%
probe --inside --count 100 --interval 30ms --timeout 2s "$web2"
dropped=$(netem_dropped node2 eth0)
pod busybox ping -q -c 60 -i 0.05 -W 2 "$web2" >"$WORK/ping" || true
netem_off node2 eth0
result "20 % of the answers lost on the other node: $dropped, so many are missing" ".sent - .answered == $dropped"
rows "… it begins beyond this node" '[.[] | select(.loss_begins)] | length == 1 and .[0].loss_begins == "beyond this node" and .[0].leg == "reply"'
only_finding "… lost beyond, and so many" no-reply ".count == $dropped and .of == 100"
lost=$(sed -nE 's/.* ([0-9.]+)% packet loss.*/\1/p' "$WORK/ping")
check "… ping loses as much, within chance: $lost %" awk -v p="$lost" 'BEGIN { exit !(p > 4 && p < 42) }'
plan
