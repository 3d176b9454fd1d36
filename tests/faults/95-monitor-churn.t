#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Pods that come and go under the drop monitor, made and removed by the real CNI plugins (bridge, host-local, portmap):
# each row has the name of the pod that dropped, also after its end. A namespace that is not the node's and gets the
# number of one that has gone does not get its name.
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"

# shellcheck disable=SC2119
lab_start
root=$LAB_DIR/node1
PODS=12 AT_ONCE=4
rows() { jq -c 'select(.type == "drops") | [.netns, .netns_name, .pod, .device, .peer_device, .flow.dst, .flow.dport, .packets]' "$WORK/trace.json"; }
has() { trace_has "$1" 2>/dev/null; }
# knock ADDRESS PORT: five datagrams to a port that nobody listens on.
knock() { pod web python3 "$TESTS_DIR/noise.py" datagrams "$1" "$2" 5; }

# knock_until_named POD PORT: a row is told when it gains something, so its name may take a second drop. KNOCKS is how many.
knock_until_named() {
	KNOCKS=0
	while ((KNOCKS < 20)); do
		knock "$(address_of "$1")" "$2"
		KNOCKS=$((KNOCKS + 1))
		! wait_until 20 has "any(.[]; .type == \"drops\" and .flow.dport == $2 and .pod == \"default/$1\")" || break
	done
}
# One life: seen by a drop, named, a drop with its name, and gone. What it was goes to $WORK/life.N.
life() {
	local name=churn$1 port=$((5100 + $1))
	pod_make "$name" default node1
	knock_until_named "$name" "$port"
	knock "$(address_of "$name")" "$port"
	printf '%s %s %s %s %s\n' "$name" "$port" "$(stat -Lc %i "/run/netns/$LAB_PREFIX-$name")" "$(pod_var "$name" veth)" \
		"$((5 * (KNOCKS + 1)))" >"$WORK/life.$1"
	sleep 0.6 # counted while it lives
	pod_detach "$name"
	process_stop "pod-$name"
	ip netns delete "$LAB_PREFIX-$name"
	rm -rf "$root/var/log/pods/default_${name}_$(pod_var "$name" uid)"
}
trace_begin node1 monitor --interval 300ms --all || { plan && exit 1; }
for ((n = 0; n < PODS; n += AT_ONCE)); do
	for ((i = n; i < n + AT_ONCE; i++)); do life "$i" >"$WORK/log.$i" 2>&1 & LIVES+=($!); done
	wait "${LIVES[@]}" || true
	LIVES=()
done
cat "$WORK"/life.* >"$WORK/lives" 2>/dev/null || true
check "$PODS pods came and went" test "$(wc -l <"$WORK/lives")" -eq "$PODS"

# A namespace of nobody's with a number that a pod had a moment ago, so soon that the pod's end may not have been noticed.
# The kernel gives the lowest number that is free, and files of /proc take their share: some rounds may be needed.
others=0 reused=0
other_make() {
	OTHER=$LAB_PREFIX-other$others
	others=$((others + 1))
	printf '%s\n' "$OTHER" >>"$LAB_DIR/netns"
	ip netns add "$OTHER"
}
for ((i = 0; i < 8 && reused < 3; i++)); do
	name=victim$i
	pod_make "$name" default node1
	knock_until_named "$name" 5997
	inode=$(stat -Lc %i "/run/netns/$LAB_PREFIX-$name")
	process_stop "pod-$name"
	ip netns delete "$LAB_PREFIX-$name"
	for ((n = 0; n < 12; n++)); do
		other_make
		[[ $(stat -Lc %i "/run/netns/$OTHER") != "$inode" ]] || break
	done
	if ((n < 12)); then
		ip -n "$OTHER" link set lo up
		ip netns exec "$OTHER" python3 "$TESTS_DIR/noise.py" datagrams 127.0.0.1 5999 5
		reused=$((reused + 1))
	fi
	pod_detach "$name" >/dev/null 2>&1 || true
	rm -f "$root/var/lib/cni/results/cbr0-$(pod_var "$name" id)-eth0"
	while ((others)); do others=$((others - 1)) && ip netns delete "$LAB_PREFIX-other$others"; done
	sleep 1 # what has gone is taken apart, and its numbers are free
done
knock "$(address_of local)" 5998
check "what comes after is counted" wait_until 1000 has 'any(.[]; .type == "drops" and .flow.dport == 5998 and .pod == "default/local")'
trace_end

while read -r name port inode veth count; do
	has "[.[] | select(.type == \"drops\" and .flow.dport == $port)] | ([.[].packets] | add) == $count
		and all(.[]; .netns == $inode and .device == \"eth0\" and (.pod // \"default/$name\") == \"default/$name\") and .[-1].pod == \"default/$name\"
		and .[-1].peer_device == \"$veth\"" || printf '%s\n' "$name"
done <"$WORK/lives" >"$WORK/wrong"
[[ ! -s $WORK/wrong ]] || rows >>"$WORK/wrong"
check "each row has the name and the devices of the pod that dropped, and all of its packets" sh -c '! grep . "$0"' "$WORK/wrong"
check "no pod has another's drops" has 'all(.[] | select(.type == "drops" and .pod != null and (.flow.dport // 0) >= 5100 and .flow.dport < 5200);
	.pod == "default/churn\(.flow.dport - 5100)" and (.flow.dst_pod // .pod) == .pod)'
if ((reused)); then
	check "a namespace that gets a pod's number is not told by its name" has 'all(.[]; .type != "drops" or .flow.dport != 5999)'
else
	skip "a namespace that gets a pod's number is not told by its name" "the kernel gave no number again so soon"
fi
check "the summary is whole" has '.[-1] | .type == "summary" and .records.recorded == .drops.fault + .drops.benign + .drops.elsewhere'
check "the lines fit the schema" "$TESTS_DIR/../cli/check-schema" "$WORK/trace.json"

# The other way round: a namespace of nobody's dropped, and its number is then that of one of the node's that ends before the
# kernel could be asked which of the two it is. Here the kernel answers for the node's own alone.
cat >"$WORK/unasked" <<END
#!/bin/sh
exec strace -D -f -qq -o /dev/null -e trace=getsockopt -e inject=getsockopt:error=ENOPROTOOPT:when=2+ "$CNITRACE" "\$@"
END
chmod +x "$WORK/unasked"
ours=$CNITRACE CNITRACE=$WORK/unasked
trace_begin node1 monitor --interval 300ms || { plan && exit 1; }
for ((i = 0; i < 20; i++)); do
	other_make
	inode=$(stat -Lc %i "/run/netns/$OTHER")
	ip -n "$OTHER" link set lo up
	ip netns exec "$OTHER" python3 "$TESTS_DIR/noise.py" datagrams 127.0.0.1 5996 5
	ip netns delete "$OTHER"
	sleep 0.1 # until it is taken apart
	other_make
	[[ $(stat -Lc %i "/run/netns/$OTHER") != "$inode" ]] || break
	ip netns delete "$OTHER"
done
if ((i < 20)); then
	ip -n "$LAB_PREFIX-node1" link add later type veth peer name eth0 netns "$OTHER"
	own='[.[] | select(.type == "drops" and .netns_name == "node" and .device == "lo" and .proto == "UDP") | .packets] | add'
	for look in 1 2 3; do
		in_netns node1 python3 "$TESTS_DIR/noise.py" datagrams 127.0.0.1 5995 5
		check "the node's own drops are counted after it, look $look" wait_until 1000 has "$own == 5 * $look"
		sleep 0.5
	done
	trace_end
	check "no drop gets the name of a namespace that had its number later" has 'all(.[]; .type != "drops" or .flow.dport != 5996)'
else
	trace_end
	skip "no drop gets the name of a namespace that had its number later" "the kernel gave no number again so soon"
fi
CNITRACE=$ours
plan
