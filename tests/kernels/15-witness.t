#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# The witnesses of this kernel, by each way it allows: what they must say of a handful of faults, that the finding is the
# same whichever way is used, and that they say nothing of healthy traffic. WITNESS_WAYS and WITNESS_FAULTS may name others.
# shellcheck source=tests/kernels/lib.sh
. "$(dirname "$0")/lib.sh"

# fault | ways | witness | as it is called in a journey | what it says where the function's types are known | … where they are not
cases='netfilter-drop-legacy|kprobe fentry|ipt-table|xt-table|iptables \(legacy\) table filter dropped it|iptables \(legacy\) dropped it
netfilter-drop-nft|fentry kprobe tracepoint|nft-chain|nft-chain|nftables chain .+ of table .+ dropped it|an nftables chain dropped it
rp-filter|kprobe|rp-filter|rp-filter|the source validation refused it|-
no-route|fentry tracepoint|icmp-error|icmp-error|ICMP type 3 code 0|-
neighbour-failed|fentry|neighbour|neighbour|MAC address of [0-9.]+ on [a-z0-9]+, which did not come|-
mtu-exceeded|kprobe|icmp-error|icmp-error|too big, next-hop MTU [0-9]+|-
mtu-blackhole|fentry kprobe|veth-peer|veth-peer|handed to [a-z0-9]+, whose MTU is [0-9]+ and which is up|-
port-closed|kprobe|tcp-reset|tcp-reset|answered with a reset|-
conntrack-invalid|kprobe fentry|conntrack|conntrack|conntrack called it INVALID|-
overlay-peer-missing-fdb|fentry|vxlan-peer|vxlan-peer|flannel\.1 was looking for the peer of MAC address [0-9a-f:]{17}|-
mtu-blackhole-outer|fentry kprobe|icmp-error|icmp-error|too big, next-hop MTU 1400|-
mtu-blackhole-outer|kprobe|fragment|fragment|cut into fragments for an MTU of 1400|-
hairpin-off|kprobe|bridge-port|bridge-port|hairpin off|-
listen-overflow|fentry kprobe|listen-queue|listen-queue|accept queue was full: [0-9]+ wait, [0-9]+ may|-
listen-overflow-syn|fentry kprobe|syn-queue|syn-queue|connections were half open: 4, with a backlog of [0-9]+ and tcp_max_syn_backlog 4|-
socket-buffer-full|kprobe|udp-queue|udp-queue|its buffer was full|-
ports-exhausted|fentry|local-port|local-port|found no free port|-
pod-config-route|kprobe|local-route|local-route|failed: ENETUNREACH|-
mtu-local|fentry|local-size|local-size|larger than the MTU of its route, 1400|-
bpf-drop-second|fentry|tc-program|tc-program|tc program with id [0-9]+ dropped it|-
bpf-drop-cgroup|fentry|cgroup|cgroup|BPF program refused it at egress|-'

# probe_way NAME: by which it is attached, "" not.
probe_way() { jq -r --arg name "$1" 'select(.type == "start") | .probes[] | select(.name == $name and .state == "attached") | .way' "$WORK/trace.json"; }

# said NAME REGEX: a witness of that name said so of a dropped packet, or of a send that was refused.
said() {
	# shellcheck disable=SC2016
	jq -e -s --arg name "$1" --arg what "$2" '[.[] | (select(.type == "journey") | .drop.witnesses[]?), (select(.type == "refusal") | .witnesses[]?) |
		select(.name == $name and (.says | test($what)))] | length > 0' "$WORK/trace.json" >/dev/null
}

witnesses_brief() { jq -c 'select(.type == "journey") | .drop | select(. != null) | [.function, .reason, .derived, .hook, .witnesses]' "$WORK/trace.json" | sort | uniq -c; }

# One fault by one way: its finding, then what the witness that should have seen it says.
witness_case() {
	local way=$1 name=$2 probe=$3 called=$4 full=$5 bare=$6 by

	cnitrace_arguments
	trace_run "$CNITRACE_NODE" "${CNITRACE_ARGS[0]}" --probes "$way" "${CNITRACE_ARGS[@]:1}"
	fault_complaints >"$WORK/complaints"
	[[ ! -s $WORK/complaints ]] || { cat "$WORK/trace.err" && journeys_brief; } >>"$WORK/complaints"
	if [[ -s $WORK/complaints ]]; then
		not_ok "$way: $name is reported as $FAULT_ID" "$WORK/complaints"
	else
		ok "$way: $name is reported as $FAULT_ID"
	fi
	[[ $probe != - ]] || return 0
	by=$(probe_way "$probe")
	case $way,$by in
	tracepoint, | fentry, | kprobe,) skip "$way: $name: $probe" "it has no such way on $(uname -r)" ;;
	tracepoint,raw_tp)
		# a tracepoint may know less
		if said "$called" .; then ok "$way: $name: $probe"; else witnesses_brief >"$WORK/brief" && not_ok "$way: $name: $probe is silent" "$WORK/brief"; fi
		;;
	"$way,$way")
		if said "$called" "$full" || { [[ $bare != - && ! -e /sys/kernel/btf/nf_tables ]] && said "$called" "$bare"; }; then
			ok "$way: $name: $probe says what happened"
			[[ $probe != tc-program ]] || check "$way: $name: the second program is named, not the first" \
				trace_has 'any(.[]; .type == "finding" and .id == "bpf-drop" and .facts.program == "guard_icmp")'
		else
			witnesses_brief >"$WORK/brief"
			not_ok "$way: $name: $probe is silent" "$WORK/brief"
		fi
		;;
	*) not_ok "$way: $name: $probe is attached by $by" ;;
	esac
}

# shellcheck disable=SC2119
lab_start
while IFS='|' read -r name ways probe called full bare; do
	[[ -z ${WITNESS_FAULTS:-} || " $WITNESS_FAULTS " == *" $name "* ]] || continue
	fault_load "$name"
	why=$(possible)
	if [[ -n $why ]]; then
		skip "$name" "$why"
		continue
	fi
	lab fault "$name" >"$WORK/complaints" 2>&1 || not_ok "$name: cannot be injected" "$WORK/complaints"
	lab_load
	for way in ${WITNESS_WAYS:-$ways}; do
		witness_case "$way" "$name" "$probe" "$called" "$full" "$bare"
	done
	lab heal >"$WORK/complaints" 2>&1 || not_ok "$name: cannot be healed" "$WORK/complaints"
	lab_load
done <<<"$cases"

# Healthy traffic: nothing is dropped, so nobody is heard, and nothing is lost between entry and return.
for way in ${WITNESS_WAYS:-fentry kprobe}; do
	trace_run node1 trace --probes "$way" --pod default/busybox -- sh -c "ping -c 3 -i 0.2 -W 2 $(address_of web2) && curl -sSf --max-time 10 -o /dev/null http://10.96.0.20/"
	check "$way: healthy traffic has no finding" trace_has 'all(.[]; .type != "finding")'
	check "$way: no witness speaks of healthy packets" trace_has '[.[] | select(.type == "journey" and .verdict.kind != "dropped") | .drop.witnesses[]?] | length == 0'
	check "$way: no send is refused" trace_has 'all(.[]; .type != "refusal")'
	check "$way: a listener with room is passed over" trace_has '(.[-1].records.hooks.listen.seen // 0) == 0'
	check "$way: every return found its entry" trace_has '.[-1].records.hooks.witness.lost == 0'
done
check "some way was used" trace_has '[.[] | select(.type == "start") | .probes[] | select(.explains != null and .state == "attached")] | length > 5'
plan
