#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# The command line of trace, doctor and pods: bad input gets one sentence and its exit
# status; what the options promise is kept; a killed run leaves nothing.
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/../faults/lib.sh"

# shellcheck disable=SC2119
lab_start
node=$LAB_PREFIX-node1
root=$LAB_DIR/node1
web=$(address_of web)
run() { ip netns exec "$node" "$CNITRACE" "$@"; }

# refused STATUS TEXT ARG…: exit status, one line on standard error that holds TEXT, nothing on standard output.
refused() {
	local status=$1 text=$2 got=0
	shift 2
	run "$@" >"$WORK/out" 2>"$WORK/err" </dev/null || got=$?
	((got == status)) || { echo "exit status $got, expected $status" && cat "$WORK/err" && return 1; }
	grep -qF -- "$text" "$WORK/err" || { echo "no \"$text\" in:" && cat "$WORK/err" && return 1; }
	[[ ! -s $WORK/out ]] || { echo "standard output:" && cat "$WORK/out" && return 1; }
	(($(grep -c '^cnitrace: ' "$WORK/err") == 1)) || { echo "not one sentence:" && cat "$WORK/err" && return 1; }
}

check "unknown command" refused 2 'unknown command "tarce"' tarce
check "unknown option" refused 2 'unknown option "--jsn"' trace --jsn
check "missing value" refused 2 '--pod needs' trace --pod
check "bad duration" refused 2 'duration' trace --duration soon
check "bad ring size" refused 2 'power of two' trace --ring 5000
check "bad filter" refused 2 'filter' trace 'tcp prot 80'
run trace 'tcp prot 80' 2>"$WORK/err" || true
check "bad filter shows the place" grep -q '\^' "$WORK/err"
check "unknown pod names those that exist" refused 2 'default/busybox' trace --root "$root" --pod default/bussybox
check "unknown namespace" refused 2 'no network namespace "nowhere"' trace --netns nowhere
check "unknown device names those that exist" refused 2 'flannel.1' trace --root "$root" --device nosuch0
check "command not found" refused 2 'command not found: "no-such-command"' trace --root "$root" -- no-such-command
check "no command after --" refused 2 'no command follows' trace --
check "root that does not exist" refused 2 '/no/such/root' trace --root /no/such/root
check "pod and netns exclude each other" refused 2 'exclude each other' trace --root "$root" --pod busybox --netns "$node"
check "colour word" refused 2 'auto, always or never' trace --color pink
check "doctor takes no words" refused 2 'takes no' doctor now
unprivileged() {
	local got=0
	ip netns exec "$node" setpriv --reuid 65534 --regid 65534 --clear-groups "$CNITRACE" trace \
		>"$WORK/out" 2>"$WORK/err" || got=$?
	((got == 3)) && grep -q 'CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN' "$WORK/err"
}
check "no privileges: exit status 3 and what is missing" unprivileged

for command in trace pods doctor; do
	check "$command --help" sh -c "'$CNITRACE' $command --help | grep -q '^usage: cnitrace $command'"
done
check "--version" sh -c "'$CNITRACE' --version | grep -qE '^cnitrace [0-9]'"

# Every option of --help stands in the README and in the man page.
for option in $("$CNITRACE" trace --help | grep -oE -- '--[a-z]+' | sort -u); do
	check "README and man page know trace $option" sh -c \
		"grep -q -- '$option' '$TESTS_DIR/../../README.md' && sed 's/\\\\-/-/g' '$TESTS_DIR/../../user/cnitrace.8' | grep -q -- '$option'"
done

# --count, --duration, --device, --netns
trace_begin node1 trace --pod default/busybox --count 2
ip netns exec "$LAB_PREFIX-busybox" ping -q -c 20 -i 0.05 -W 1 "$web" >"$WORK/ping" 2>&1 || true
check "--count ends the trace" wait_until 1000 sh -c "! kill -0 $TRACE_PID 2>/dev/null"
wait "$TRACE_PID" || true
TRACE_PID=
check "--count: at least so many journeys" trace_has '[.[] | select(.type == "journey")] | length >= 2'
trace_run node1 trace --pod default/busybox --device 'flannel*' -- ping -q -c 2 -i 0.1 -W 1 "$(address_of web2)"
check "--device: hops on it alone" trace_has '[.[] | select(.type == "journey") | .hops[].device] | length > 0 and all(.[]; . == "flannel.1")'
check "--device: the start line lists it alone" trace_has '.[0].type == "start" and all(.[0].devices[]; .name == "flannel.1")'
trace_run node1 trace --netns "$LAB_PREFIX-busybox" -- ping -q -c 1 -W 1 "$web"
check "--netns by name" trace_has 'any(.[]; .type == "journey" and .verdict.kind == "delivered")'
trace_run node1 trace --pod busybox -- sh -c 'exit 7'
check "the command's exit status is told, ours is the diagnosis" trace_has '.[-1].type == "summary" and .[-1].exit_status == 0'
trace_run node1 trace --pod busybox -- cat /etc/resolv.conf
check "the command sees the pod's resolv.conf" grep -q '^nameserver 10.96.0.10' "$WORK/trace.err"

# JSON: what is written fits the schema; records add up.
trace_run node1 trace --pod default/busybox -- sh -c "ping -q -c 2 -i 0.1 -W 1 $web; curl -s --max-time 2 http://10.96.0.20/; curl -s --max-time 2 http://10.96.0.40/"
check "JSON fits the schema" "$TESTS_DIR/../cli/check-schema" "$WORK/trace.json"
check "records: seen = filtered + recorded + lost, per hook" trace_has '.[-1].records.hooks | to_entries | length > 0 and all(.[]; (.value // .) | .seen == .filtered + .recorded + .lost)'
check "complete is said" trace_has '.[-1].complete == true'

# A ring too small for the traffic: lost records are counted and said.
trace_begin node1 trace --ring 4096
ip netns exec "$LAB_PREFIX-busybox" ping -q -f -c 4000 "$web" >"$WORK/ping" 2>&1 || true
trace_end
check "a full ring is said" trace_has '.[-1].complete == false and .[-1].records.lost > 0'

# More than the ring takes: what is shown is whole journeys, and the share is told.
flood() {
	local pids=()
	for _ in 1 2 3; do
		ip netns exec "$LAB_PREFIX-busybox" ping -q -f -c 30000 "$web" >/dev/null 2>&1 &
		pids+=($!)
	done
	wait "${pids[@]}" || true
}
# Meanwhile another flow has few packets.
local=$(address_of local)
flooded() { ip netns exec "$LAB_PREFIX-busybox" awk '/^Icmp: [0-9]/ { exit $2 < 3000 }' /proc/net/snmp; }
trace_begin node1 trace --ring 2097152 --verdict delivered,left-node,dropped,rejected,vanished
flood &
flood_pid=$!
wait_until 500 flooded || true
ip netns exec "$LAB_PREFIX-busybox" ping -q -c 40 -i 0.025 -W 2 "$local" >"$WORK/ping" 2>&1 || true
wait "$flood_pid"
trace_end
check "overload: a flow of few packets is sent" grep -q "^40 packets transmitted" "$WORK/ping"
check "overload: it is kept whole, both ways" trace_has "[.[] | select(.type == \"journey\" and .flow.proto == \"ICMP\" and (.flow.src == \"$local\" or .flow.dst == \"$local\"))]
	| length == 80 and all(.[]; .verdict.kind == \"delivered\" and (.hops | length == 2))"
check "overload: nothing is found for want of what was left out" trace_has 'all(.[]; .type != "finding")'
check "overload: packets are left out with all of their journey" trace_has '.[-1].records | .sampled_out > 0 and .sampled_out <= .lost'
check "overload: whole journeys, not halves" trace_has '[.[] | select(.type == "journey" and .flow.proto == "ICMP" and .packet.icmp_type != 10 and .packet.icmp_type != 133)]
	| length > 20 and ([.[] | select(.hops | length < 2)] | length) <= 2 + length / 50'
check "overload: the share is that of the records" trace_has '.[-1].records | (.share_percent - 100 * .recorded / (.recorded + .lost)) | fabs < 0.001'
check "overload: and not less than was ever taken" trace_has '.[-1].records | .share_percent >= .least_share_percent / 2 and .least_share_percent < 100'
check "overload: the JSON fits the schema" "$TESTS_DIR/../cli/check-schema" "$WORK/trace.json"
run trace --root "$root" --ring 16384 --duration 3s >"$WORK/text" 2>/dev/null &
text_pid=$!
wait_until 500 grep -qs '^tracing' "$WORK/text" || true
flood
wait "$text_pid" || true
check "overload: the text says it" grep -qE '^sampled: .* % of what was asked for' "$WORK/text"
trace_run node1 trace --pod busybox -- ping -q -c 3 -i 0.1 -W 1 "$web"
check "no overload: nothing is said of a share" trace_has '.[-1].records | (has("share_percent") or has("sampled_out") or has("tracked_evicted")) | not'

# A device that appears while tracing is traced; one that vanishes harms nothing.
trace_begin node1 trace
ip -n "$node" link add new0 type veth peer name new1
ip -n "$node" link set new0 up
ip -n "$node" link set new1 up
ip -n "$node" address add 10.99.0.1/24 dev new0
wait_until 1000 sh -c "ip -n '$node' -d link show new0 | grep -q LOWER_UP"
ip netns exec "$node" ping -q -c 20 -i 0.05 -W 1 10.99.0.2 >"$WORK/ping" 2>&1 || true
ip -n "$node" link del new0
ip netns exec "$LAB_PREFIX-busybox" ping -q -c 2 -i 0.1 -W 1 "$web" >"$WORK/ping" 2>&1
check "pings pass while a device vanishes" grep -q ' 0% packet loss' "$WORK/ping"
trace_end
check "the trace survives a vanished device" trace_has '.[-1].type == "summary"'

# How many tcx programs sit on cni0 (BPF_PROG_QUERY, attach types 46 and 47): tc does not show them.
tcx_count() {
	ip netns exec "$node" python3 - "$(ip -n "$node" -o link show cni0 | cut -d: -f1)" <<-'END'
		import ctypes, struct, sys
		libc, total = ctypes.CDLL(None, use_errno=True), 0
		for kind in (46, 47):
		    ids = (ctypes.c_uint32 * 16)()
		    attr = ctypes.create_string_buffer(struct.pack("=IIIIQI", int(sys.argv[1]), kind, 0, 0, ctypes.addressof(ids), 16), 128)
		    nr = {"x86_64": 321, "aarch64": 280}[__import__("os").uname().machine]
		    if libc.syscall(nr, 16, attr, 128) == 0:
		        total += struct.unpack_from("=I", attr, 24)[0]
		print(total)
	END
}

# SIGKILL in the middle: traffic goes on, nothing is left on a device.
trace_begin node1 trace --pod default/busybox
if trace_has 'any(.[0].probes[]; .name == "tc" and .way == "tcx")'; then
	check "both programs are on cni0 while tracing" test "$(tcx_count)" -eq 2
fi
ip netns exec "$LAB_PREFIX-busybox" ping -q -c 20 -i 0.05 -W 1 "$web" >"$WORK/ping" 2>&1 &
ping_pid=$!
kill -KILL "$TRACE_PID"
wait "$TRACE_PID" 2>/dev/null || true
TRACE_PID=
wait "$ping_pid" || true
check "SIGKILL: no ping is lost" grep -q ' 0% packet loss' "$WORK/ping"
check "SIGKILL: no tcx program is left" test "$(tcx_count)" -eq 0
left() { for device in cni0 flannel.1 eth0; do tc -n "$node" filter show dev $device ingress; tc -n "$node" filter show dev $device egress; done; }
check "SIGKILL: no tc filter is left" sh -c "test -z \"$(left)\""

# Without tcx: clsact filters, swept by the next start when killed.
trace_begin node1 trace --probes clsact,tp_btf --pod default/busybox
check "clsact is said" trace_has 'any(.[0].probes[]; .name == "tc" and .way == "clsact")'
kill -KILL "$TRACE_PID"
wait "$TRACE_PID" 2>/dev/null || true
TRACE_PID=
check "clsact: a killed run leaves filters with our name" grep -q cnitrace_ <<<"$(left)"
check "… that harm nothing" ip netns exec "$LAB_PREFIX-busybox" ping -q -c 3 -i 0.1 -W 1 "$web"
tc -n "$node" filter add dev cni0 ingress prio 7 protocol ip bpf bytecode '1,6 0 0 0' flowid 1:1
trace_run node1 trace --probes clsact,tp_btf --pod default/busybox -- ping -q -c 1 -W 1 "$web"
swept() { ! left | grep -q cnitrace_; }
check "the next start sweeps them" swept
check "a foreign filter is not touched" grep -q 'pref 7 bpf' <<<"$(left)"
tc -n "$node" filter del dev cni0 ingress prio 7
tc -n "$node" qdisc del dev cni0 clsact
trace_begin node1 trace --probes clsact,tp_btf --pod default/busybox
tc -n "$node" filter add dev cni0 ingress prio 7 protocol ip bpf bytecode '1,6 0 0 0' flowid 1:1
trace_end
check "clsact: a filter that came while tracing stays, and its qdisc" grep -q 'pref 7 bpf' <<<"$(left)"
check "clsact: ours are gone" swept
tc -n "$node" qdisc del dev cni0 clsact

# Tracepoint by raw_tp alone, and without it.
lab fault netfilter-drop >/dev/null 2>&1
trace_run node1 trace --probes raw_tp,tcx --pod default/busybox -- ping -q -c 2 -i 0.1 -W 1 "$(address_of web2)"
check "raw_tp: drops are seen" trace_has 'any(.[0].probes[]; .name == "kfree_skb" and .way == "raw_tp")'
trace_run node1 trace --probes tc --pod default/busybox -- ping -q -c 2 -i 0.1 -W 1 "$(address_of web2)"
check "--probes tc: no drop probe, and it is said" trace_has 'any(.[0].probes[]; .name == "kfree_skb" and .state == "missing") and all(.[]; .type != "journey" or .drop == null)'

# The kernel's types are megabytes: read once, also for the name of a drop's reason; without a place for what is kept of
# them, libbpf reads them again for each object, and all works the same.
types_read() { # MOST [strace's options]
	local most=$1
	shift
	ip netns exec "$node" strace -f -qq -e trace=openat,memfd_create "$@" -o "$WORK/strace" "$CNITRACE" trace --json --root "$LAB_DIR/node1" \
		--pod default/busybox -- ping -q -c 2 -i 0.1 -W 1 "$(address_of web2)" >"$WORK/trace.json" 2>"$WORK/trace.err" || true
	(($(grep -c '"/sys/kernel/btf/vmlinux"' "$WORK/strace") <= most)) &&
		trace_has 'any(.[]; .type == "finding" and .id == "netfilter-drop") and any(.[].verdict?; .reason == "NETFILTER_DROP")'
}
if command -v strace >/dev/null; then
	check "the kernel's types are read once" types_read 1
	check "… or by libbpf, all the same" types_read 9 -e inject=memfd_create:error=EPERM
else
	skip "the kernel's types are read once" "no strace"
	skip "… or by libbpf, all the same" "no strace"
fi
lab heal >/dev/null 2>&1
plan
