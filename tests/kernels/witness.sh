# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# What the witnesses of this kernel must say of a handful of faults, by each way it allows, and that the finding is the
# same whichever way is used. For lib.sh: the fault is injected, and its trace as users run it is in $WORK/trace.json.

# fault | ways | witness | as it is called in a journey | what it says where the function's types are known | … where they are not
WITNESS_CASES='netfilter-drop-legacy|kprobe fentry|ipt-table|xt-table|iptables \(legacy\) table filter dropped it|iptables \(legacy\) dropped it
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

witness_rows() { grep "^$1|" <<<"$WITNESS_CASES"; }

# probe_way NAME: by which it is attached, "" not.
probe_way() { jq -r --arg name "$1" 'select(.type == "start") | .probes[] | select(.name == $name and .state == "attached") | .way' "$WORK/trace.json"; }

# said NAME REGEX: a witness of that name said so of a dropped packet, or of a send that was refused.
said() {
	# shellcheck disable=SC2016
	jq -e -s --arg name "$1" --arg what "$2" '[.[] | (select(.type == "journey") | .drop.witnesses[]?), (select(.type == "refusal") | .witnesses[]?) |
		select(.name == $name and (.says | test($what)))] | length > 0' "$WORK/trace.json" >/dev/null
}

witnesses_brief() { jq -c 'select(.type == "journey") | .drop | select(. != null) | [.function, .reason, .derived, .hook, .witnesses]' "$WORK/trace.json" | sort | uniq -c; }

# witness_judge WAY ROW: the witness of that row, which was asked by that way, in the trace at hand. Complaints to standard
# output, what holds to $WORK/witnessed.
witness_judge() {
	local way=$1 name probe called full bare by

	IFS='|' read -r name _ probe called full bare <<<"$2"
	by=$(probe_way "$probe")
	if [[ -z $by ]]; then
		echo "skip|$way: $name: $probe|it has no such way on $(uname -r)" >>"$WORK/witnessed"
		return
	fi
	case $way,$by in
	tracepoint,raw_tp)
		# a tracepoint may know less
		said "$called" . || { echo "$way: $probe is silent" && witnesses_brief; }
		;;
	"$by,$by")
		said "$called" "$full" || { [[ $bare != - && ! -e /sys/kernel/btf/nf_tables ]] && said "$called" "$bare"; } ||
			{ echo "$way: $probe does not say \"$full\"" && witnesses_brief; }
		[[ $probe != tc-program ]] || trace_has 'any(.[]; .type == "finding" and .id == "bpf-drop" and .facts.program == "guard_icmp")' ||
			echo "$way: the first program is named, not the second"
		;;
	*) echo "$way: $probe is attached by $by" ;;
	esac
	echo "ok|$way: $name: $probe says what happened" >>"$WORK/witnessed"
}

# witness_forced WAY ROW…: the fault traced again with that way only, for these witnesses.
witness_forced() {
	local way=$1 row

	shift
	cnitrace_arguments
	trace_run "$CNITRACE_NODE" "${CNITRACE_ARGS[0]}" --probes "$way" "${CNITRACE_ARGS[@]:1}"
	fault_complaints | sed "s/^/by $way: /"
	for row; do witness_judge "$way" "$row"; done
}

# witness_complaints FAULT: after a trace that was as it should be. Standard output: what is wrong. A way that this trace
# took by itself needs no trace of its own.
witness_complaints() {
	local row way by
	local -a rows taken=() asked

	: >"$WORK/witnessed"
	mapfile -t rows < <(witness_rows "$1")
	for row in "${rows[@]}"; do
		by=$(probe_way "$(cut -d'|' -f3 <<<"$row")")
		by=${by/raw_tp/tracepoint}
		[[ -z $by || " $(cut -d'|' -f2 <<<"$row") " != *" $by "* ]] || witness_judge "$by" "$row"
		taken+=("$by")
	done
	for way in fentry kprobe tracepoint; do
		asked=()
		for row in "${!rows[@]}"; do
			[[ ${taken[row]} == "$way" || " $(cut -d'|' -f2 <<<"${rows[row]}") " != *" $way "* ]] || asked+=("${rows[row]}")
		done
		((${#asked[@]} == 0)) || witness_forced "$way" "${asked[@]}"
	done
}

# What witness_complaints found to hold, a test each.
witness_report() {
	local kind text why

	while IFS='|' read -r kind text why; do
		if [[ $kind == skip ]]; then skip "$text" "$why"; else ok "$text"; fi
	done <"$WORK/witnessed"
}
