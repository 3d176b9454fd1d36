# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034 # set by bench.sh, or read there
# The drop monitor and bpftrace's one-liner at several rates of drops: CPU time of the process, of its program in the
# kernel, memory, and what is not counted; how much longer a drop takes with either; then both beside 250 pods. The drops are those of
# drops.c: no rule, socket or queue is in the way, and the kernel counts them in the device's rx_dropped.

RATES="0 10000 100000 1000000"
FLOOD=2000000
PODS=250

monitor_begin() {
	stats_before=$(sysctl -n kernel.bpf_stats_enabled)
	sysctl -qw kernel.bpf_stats_enabled=1
	ip netns add "$NS" && ip netns add "$NS-2"
	ip -n "$NS" link set lo up
	ip -n "$NS" link add down0 type veth peer name down1
	ip netns exec "$NS" "$BUILD/scripts/bench/empty" <"$WORK/hold" >"$WORK/empty" &
	empty_pid=$!
	exec 6>"$WORK/hold"
	wait_for "$WORK/empty" ready
	cc -shared -fPIC -D_GNU_SOURCE -o "$WORK/memlock.so" "$here/bench/memlock.c" -ldl
}

drops() { ip netns exec "$NS" "$BUILD/scripts/bench/drops" "$@"; }
rx_dropped() { ip -n "$NS" -s -j link show down0 | jq '.[0].stats64.rx.dropped'; }

# process_ticks PID: CPU time in the process, in clock ticks
process_ticks() { awk '{ sub(/.*\) /, ""); print $12 + $13 }' "/proc/$1/stat"; }

# tool_program: "NS RUNS" of the program the tool holds
tool_program() {
	local id
	id=$(cat /proc/"$tool_pid"/fdinfo/* 2>/dev/null | awk '$1 == "prog_id:" { print $2 }' | sort -n | tail -1)
	bpftool -j prog show id "${id:-0}" 2>/dev/null | jq -r '"\(.run_time_ns // 0) \(.run_cnt // 0)"'
}

# rate_measure NAME RATE: what the running tool costs at so many drops a second
rate_measure() {
	local name=$1 rate=$2 ticks ns runs ns2 runs2 begin took ns0 runs0 ns02 runs02
	ticks=$(process_ticks "$tool_pid")
	read -r ns runs <<<"$(tool_program)"
	read -r ns0 runs0 <<<"$(program_stats bench_empty_tp)"
	begin=$(now_us)
	if ((rate)); then
		drops down0 $((rate * seconds)) "$rate" >"$WORK/drops"
	else
		sleep "$seconds"
	fi
	took=$(($(now_us) - begin))
	ticks=$(($(process_ticks "$tool_pid") - ticks))
	read -r ns2 runs2 <<<"$(tool_program)"
	read -r ns02 runs02 <<<"$(program_stats bench_empty_tp)"
	((!rate || runs02 == runs0)) || sample "empty.drop.$rate" "$(awk -v t=$((ns02 - ns0)) -v n=$((runs02 - runs0)) 'BEGIN { printf "%.1f", t / n }')"
	((!rate)) || sample "rate.$rate" "$(awk -v n=$((runs2 - runs)) -v t="$took" 'BEGIN { printf "%.0f", n * 1e6 / t }')"
	sample "$name.cpu.$rate" "$(awk -v k="$ticks" -v h="$(getconf CLK_TCK)" -v t="$took" 'BEGIN { printf "%.2f", k / h * 1e8 / t }')"
	sample "$name.kernel.$rate" "$(awk -v n=$((ns2 - ns)) -v t="$took" 'BEGIN { printf "%.2f", n / 10 / t }')"
	((!rate || runs2 == runs)) || sample "$name.drop.$rate" "$(awk -v t=$((ns2 - ns)) -v n=$((runs2 - runs)) 'BEGIN { printf "%.1f", t / n }')"
	sample "$name.memory.$rate" "$(status_of "$tool_pid" VmRSS)"
}

# flood_measure NAME: how long a drop takes, as many as all CPUs can make; the tool's program alone is on the tracepoint.
flood_measure() {
	local name=$1 before dropped rate counted
	before=$(rx_dropped)
	read -r _ rate < <(drops -t "$(nproc)" down0 "$FLOOD")
	dropped=$(($(rx_dropped) - before))
	sample "$name.flood.rate" "$rate"
	for ((i = 0; i < 5; i++)); do
		sample "$name.flood" "$(drops down0 $((FLOOD / 10)) | awk '{ printf "%.1f", 1e9 / $2 }')"
	done
	[[ $name == monitor ]] || return 0
	dropped=$(($(rx_dropped) - before))
	tool_end
	counted=$(jq -s '[.[] | select(.type == "drops" and .device == "lo" and .proto == "UDP" and (.function | test("forward|redirect"))) | .packets] | add // 0' "$WORK/tool")
	sample monitor.flood.uncounted $((dropped - counted))
}

# Without the clock of bpf_stats, and without the empty program beside.
floods_measure() {
	local tool
	sysctl -qw kernel.bpf_stats_enabled=0
	for ((round = 0; round < rounds; round++)); do
		flood_measure nothing
		for tool in monitor bpftrace; do
			"${tool}_start" || continue
			flood_measure "$tool"
			tool_end
		done
	done
}

monitor_start() {
	: >"$WORK/tool"
	ip netns exec "$NS" "$CNITRACE" monitor --json --root "$WORK/root" >"$WORK/tool" 2>"$WORK/tool.err" &
	tool_pid=$!
	wait_for "$WORK/tool" '"type": *"start"' || { note "monitor: $(head -1 "$WORK/tool.err")" && return 1; }
}

bpftrace_start() {
	command -v bpftrace >/dev/null || { note "bpftrace is not installed" && return 1; }
	LD_PRELOAD=$WORK/memlock.so bpftrace -e 'tracepoint:skb:kfree_skb { @[args->reason] = count(); }' >"$WORK/bpftrace" 2>&1 &
	tool_pid=$!
	wait_for "$WORK/bpftrace" Attaching && sleep 1 && kill -0 "$tool_pid" 2>/dev/null ||
		{ note "bpftrace does not run here: $(grep -m 2 ERROR "$WORK/bpftrace" | tr '\n' ' ')" && return 1; }
}

# Namespaces with a veth each, and the files by which a runtime names them.
pods_begin() {
	local i name results=$WORK/root/var/lib/cni/results
	mkdir -p "$results"
	for ((i = 0; i < PODS; i++)); do
		name=$NS-p$i
		ip netns add "$name"
		printf 'link add veth%s type veth peer name eth0 netns %s\nlink set veth%s up\n' "$i" "$name" "$i" >>"$WORK/links"
		jq -cn --arg id "$(printf '%064x' "$i")" --arg netns "/run/netns/$name" --arg pod "pod-$i" '{kind: "cniCacheV1",
			containerId: $id, ifName: "eth0", networkName: "cbr0", netns: $netns, cniArgs: [["K8S_POD_NAMESPACE", "default"],
			["K8S_POD_NAME", $pod], ["K8S_POD_INFRA_CONTAINER_ID", $id]], result: {cniVersion: "1.0.0",
			interfaces: [{name: "eth0", sandbox: $netns}], ips: []}}' >"$results/cbr0-$(printf '%064x' "$i")-eth0"
	done
	ip -n "$NS" -batch "$WORK/links"
}

pods_end() {
	local name
	for name in /run/netns/"$NS"-p*; do
		[[ ! -e $name ]] || ip netns del "${name##*/}"
	done
}

pods_measure() {
	local name=$1 ticks begin
	sample "$name.pods.memory" "$(status_of "$tool_pid" VmRSS)"
	drops down0 100000 10000 >/dev/null
	begin=$(now_us)
	ticks=$(process_ticks "$tool_pid")
	sleep "$((seconds * 2))"
	ticks=$(($(process_ticks "$tool_pid") - ticks))
	sample "$name.pods.cpu" "$(awk -v k="$ticks" -v h="$(getconf CLK_TCK)" -v t=$(($(now_us) - begin)) 'BEGIN { printf "%.2f", k / h * 1e8 / t }')"
	sample "$name.pods.later" "$(status_of "$tool_pid" VmRSS)"
	sample "$name.pods.peak" "$(status_of "$tool_pid" VmHWM)"
}

monitor_run() {
	local tool rate
	mkdir -p "$WORK/root"
	rm -f "$WORK/hold" && mkfifo "$WORK/hold"
	monitor_begin
	for ((round = 0; round < rounds; round++)); do
		for tool in monitor bpftrace; do
			"${tool}_start" || continue
			for rate in $RATES; do rate_measure "$tool" "$rate"; done
			tool_end
		done
	done
	exec 6>&-
	wait "$empty_pid" || true
	floods_measure
	pods_begin
	for tool in monitor bpftrace; do
		"${tool}_start" || continue
		[[ $tool != monitor ]] || (($(jq '.pods' "$WORK/tool" | head -1) == PODS)) ||
			note "monitor: not all pods are named: $(jq '.pods' "$WORK/tool" | head -1)"
		pods_measure "$tool"
		tool_end
	done
	pods_end
	programs_end
}
