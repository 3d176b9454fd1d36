#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# What is chosen beyond a FILTER: by length, verdict and drop reason, and by VLAN tags that lie
# beside the frame. Of each: what must show, and what must not.
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/../faults/lib.sh"

# shellcheck disable=SC2119
lab_start
node=$LAB_PREFIX-node1
web=$(address_of web) web2=$(address_of web2)
journeys='[.[] | select(.type == "journey")]'
has_journeys() { trace_has "$journeys | length > 0 and ($1)"; }
refused() {
	local text=$1 status=0
	shift
	ip netns exec "$node" "$CNITRACE" "$@" >"$WORK/out" 2>"$WORK/err" </dev/null || status=$?
	((status == 2)) && grep -qF -- "$text" "$WORK/err" && [[ ! -s $WORK/out ]]
}

check "an unknown verdict names those there are" refused 'delivered, left-node, dropped' trace --verdict gone
check "a reason this kernel does not have is refused" refused 'no drop reason "NO_SUCH_REASON"' trace --root "$LAB_DIR/node1" --reason no_such_reason
check "monitor refuses it, too" refused 'no drop reason "NO_SUCH_REASON"' monitor --root "$LAB_DIR/node1" --reason no_such_reason
check "--min-len takes a number" refused 'a whole number' trace --min-len large

# One run has all of it: a rule's drop, a closed port, and pings that arrive.
lab fault netfilter-drop >/dev/null 2>&1
traffic=(sh -c "ping -q -c 2 -i 0.1 -W 1 $web; ping -q -c 2 -i 0.1 -W 1 $web2; nc -z -w 1 $web 9")
run() { trace_run node1 trace --pod default/busybox "$@" -- "${traffic[@]}"; }
run
check "unselected: delivered and dropped" has_journeys 'any(.[]; .verdict.kind == "delivered") and any(.[]; .verdict.kind == "dropped")'
check "unselected: nothing is said of a selection" trace_has '(.[0] | has("shown") | not) and (.[-1].journeys | has("shown") | not)'
run --verdict dropped
check "--verdict: such journeys alone" has_journeys 'all(.[]; .verdict.kind == "dropped")'
check "--verdict: the summary counts all, and how many were shown" \
	trace_has ".[-1].journeys as \$s | \$s.delivered > 0 and \$s.shown == ($journeys | length) and \$s.shown < \$s.total"
check "--verdict: the start line says it" trace_has '.[0].shown == "verdict dropped"'
check "--verdict: the finding is told all the same" trace_has 'any(.[]; .type == "finding" and .id == "netfilter-drop")'
check "--verdict: the JSON fits the schema" "$TESTS_DIR/../cli/check-schema" "$WORK/trace.json"
run --verdict delivered --verdict left-node,rejected
check "--verdict, more than one: those, and no dropped one" has_journeys 'any(.[]; .verdict.kind == "delivered") and all(.[]; .verdict.kind != "dropped")'
run --reason 'netfilter_*'
if jq -e -s "$journeys | any(.[]; .drop.reason == \"NETFILTER_DROP\")" "$WORK/trace.json" >/dev/null; then
	check "--reason: such drops alone" has_journeys 'all(.[]; .drop.reason == "NETFILTER_DROP")'
	run --reason NO_SOCKET
	check "--reason: another one, and not the rule's" has_journeys 'all(.[]; .drop.reason == "NO_SOCKET")'
	run --reason NO_SOCKET,NETFILTER_DROP --verdict dropped
	check "--reason with --verdict: both must hold" has_journeys 'all(.[]; .drop.reason == "NETFILTER_DROP" and .verdict.kind == "dropped")'
else
	skip "--reason" "this kernel gives no drop reasons"
fi

# The monitor counts nothing else.
if ip netns exec "$node" "$CNITRACE" monitor --root "$LAB_DIR/node1" --reason NETFILTER_DROP --json --duration 200ms >/dev/null 2>&1; then
	trace_begin node1 monitor --reason NETFILTER_DROP --interval 1s
	ip netns exec "$LAB_PREFIX-busybox" "${traffic[@]}" >/dev/null 2>&1 || true
	wait_until 500 trace_has 'any(.[]; .type == "drops")' || true
	trace_end
	check "monitor --reason: rows of it" trace_has '[.[] | select(.type == "drops")] | length > 0 and all(.[]; .reason == "NETFILTER_DROP")'
	check "monitor --reason: the others were seen and left out" trace_has '.[-1].records.filtered >= 0 and .[0].shown == "reason NETFILTER_DROP"'
fi
lab heal >/dev/null 2>&1

# Length: of the packet itself, and what an ICMP error quotes.
sizes=(sh -c "ping -q -c 2 -i 0.1 -s 100 -W 1 $web2; ping -q -c 2 -i 0.1 -s 900 -W 1 $web2")
trace_run node1 trace --pod default/busybox --min-len 928 -- "${sizes[@]}"
check "--min-len: long packets, at every hop, whatever carries them" has_journeys 'all(.[]; .packet.len >= 928) and any(.[].hops[]; .device == "flannel.1") and any(.[].hops[]; .encap != null)'
check "--min-len: short ones were filtered in the kernel" trace_has '.[-1].records.filtered > 0 and .[0].min_len == 928'
trace_run node1 trace --pod default/busybox --min-len 929 -- "${sizes[@]}"
check "--min-len: not a byte less" trace_has "$journeys | length == 0"
trace_run node1 trace --min-len 928 "host $web2 and icmp" -- ip netns exec "$LAB_PREFIX-busybox" "${sizes[@]}"
check "--min-len with a FILTER: both must hold" has_journeys 'all(.[]; .packet.len == 928 and .flow.proto == "ICMP")'
trace_run node1 trace --pod default/busybox --min-len 1200 -- ping -q -c 1 -W 1 -M "do" -s 1422 "$web2"
check "--min-len: an ICMP error about a long packet counts" trace_has 'all(.[]; .type != "journey" or .packet.len >= 1200 or .quoted != null)'

# VLAN tags: in the frame as a raw socket sends it, beside it (skb->vlan_tci) where the kernel has
# taken it off, which it does to every frame that comes in.
cat >"$WORK/tagged" <<-'END'
	import socket, struct, sys
	device, tags, host = sys.argv[1], [int(tag) for tag in sys.argv[2].split(",")], sys.argv[3]
	def checksum(data):
	    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
	    return ~((total & 0xffff) + (total >> 16)) & 0xffff
	def echo(destination, number): # an identification of its own for each kind, as packets of different senders have
	    icmp = struct.pack("!BBHHH", 8, 0, 0, 77, number) + b"cnitrace"
	    icmp = icmp[:2] + struct.pack("!H", checksum(icmp)) + icmp[4:]
	    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(icmp), 100 * tags[0] + number, 0, 64, 1, 0,
	                     socket.inet_aton("10.9.0.9"), socket.inet_aton(destination))
	    return ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:] + icmp
	frame = b"\2\0\0\0\0\1\2\0\0\0\0\2"
	for tag in tags:
	    frame += struct.pack("!HH", 0x8100, tag)
	raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
	raw.bind((device, 0))
	for number in range(2):
	    raw.send(frame + struct.pack("!H", 0x800) + echo(host, number))
END
ip netns add "$LAB_PREFIX-vlan"
ip -n "$node" link add tag0 type veth peer name tag1 netns "$LAB_PREFIX-vlan"
ip -n "$node" link set tag0 up
ip -n "$LAB_PREFIX-vlan" link set tag1 up
frames=(sh -c "for at in '$node tag0' '$LAB_PREFIX-vlan tag1'; do set -- \$at
	for kind in '5 10.5.0.2' '6 10.6.0.2' '8,5 10.8.0.2'; do
		ip netns exec \$1 python3 $WORK/tagged \$2 \$kind; done; done")
seen() { # EXPRESSION ADDRESS…: out (in the frame) and in (beside it), of these addresses and no others
	local expression=$1 wanted
	shift
	wanted=$(printf '%s\n' "$@" | jq -Rnc '[inputs | select(length > 0)]')
	trace_run node1 trace --device tag0 --verdict delivered,left-node,dropped,vanished "$expression" -- "${frames[@]}"
	for direction in out in; do
		jq -e -s --arg direction "$direction" --argjson wanted "$wanted" "$journeys
			| map(select(any(.hops[]; .direction == \$direction))) | map(.flow.dst) | unique == \$wanted" \
			"$WORK/trace.json" >/dev/null || { echo "$expression, $direction:" && jq -c 'select(.type == "journey") | [.flow.dst, .hops[0].direction]' "$WORK/trace.json" && cat "$WORK/trace.err" && return 1; }
	done
}
check "vlan N" seen 'vlan 5' 10.5.0.2
check "vlan N and what stands behind the tag" seen 'vlan 6 and icmp and host 10.6.0.2' 10.6.0.2
check "vlan alone" seen 'vlan' 10.5.0.2 10.6.0.2 10.8.0.2
check "two tags" seen 'vlan 8 and vlan 5 and icmp' 10.8.0.2
check "one tag is not two" seen 'vlan 8 and icmp'
check "nothing where the rest does not match" seen 'vlan 6 and tcp'

# VLAN devices take the tag off and put it on; one leaves it in the frame.
vlan_make() { # NAMESPACE DEVICE HOST
	ip -n "$1" link set "$2" up
	ip -n "$1" link add link "$2" name "$2.5" type vlan id 5
	ip -n "$1" link add link "$2" name "$2.6" type vlan id 6
	ip -n "$1" link add link "$2" name "$2.7" type vlan id 7 reorder_hdr off
	for id in 5 6 7; do
		ip -n "$1" address add "10.$id.0.$3/24" dev "$2.$id"
		ip -n "$1" link set "$2.$id" up
	done
}
if ip -n "$node" link add link tag0 name tag0.9 type vlan id 9 2>/dev/null; then
	ip -n "$node" link del tag0.9
	vlan_make "$node" tag0 1
	vlan_make "$LAB_PREFIX-vlan" tag1 2
	pings=(sh -c "for id in 5 6 7; do ping -q -c 2 -i 0.1 -W 2 10.\$id.0.2; done")
	trace_run node1 trace --device 'tag0*' 'vlan 5' -- "${pings[@]}"
	check "vlan N: packets of it, on the device that carries the tag, in and out" \
		has_journeys 'all(.[]; .flow.src | startswith("10.5.")) and any(.[].hops[]; .device == "tag0" and .direction == "out") and any(.[].hops[]; .device == "tag0" and .direction == "in")'
	check "vlan N: followed to where the tag is gone" has_journeys 'any(.[].hops[]; .device == "tag0.5" and .direction == "in")'
	trace_run node1 trace --device 'tag0*' 'vlan 6 and icmp and host 10.6.0.2' -- "${pings[@]}"
	check "vlan N and …: what stands behind the tag" has_journeys 'all(.[]; .flow.proto == "ICMP" and (.flow.src | startswith("10.6.")))'
	trace_run node1 trace --device 'tag0*' 'vlan 7 and icmp' -- "${pings[@]}"
	check "vlan N: a tag in the frame" has_journeys 'all(.[]; .flow.src | startswith("10.7."))'
	trace_run node1 trace --device 'tag0*' 'vlan 6 and tcp' -- "${pings[@]}"
	check "vlan N and …: nothing where the rest does not match" trace_has "$journeys | length == 0"
	trace_run node1 trace --device 'tag0*' 'vlan and icmp' -- "${pings[@]}"
	check "vlan: any" has_journeys 'map(.flow.dst) | unique | contains(["10.5.0.2", "10.6.0.2", "10.7.0.2"])'
else
	skip "VLAN tags" "no VLAN devices here"
fi
ip netns del "$LAB_PREFIX-vlan"
plan
