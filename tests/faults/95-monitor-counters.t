#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Losses that the kernel counts, with or without a record of the drop: each watched counter that can be moved
# in a namespace of one's own moves, is told with its place, and stands for its finding.
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"

# shellcheck disable=SC2119
lab_start
web=$(address_of web) web2=$(address_of web2)
noise() { python3 "$TESTS_DIR/noise.py" "$@"; }
trace_begin node1 monitor --interval 300ms --hold 2m || { plan && exit 1; }

told() { jq -e -s "any(.[]; .type == \"counter\" and .name == \"$1\" and ($2))" "$WORK/trace.json" >/dev/null; }
found() { jq -e -s "any(.[]; .type == \"finding\" and .id == \"$1\")" "$WORK/trace.json" >/dev/null; }

# counter NAME FILTER FINDING CMD…: a counter is told from its second reading on, so CMD is done until it is.
counter() {
	local name=$1 filter=$2 finding=$3 i
	shift 3
	for ((i = 0; i < 12; i++)); do
		"$@" >"$WORK/cmd" 2>&1 || true
		sleep 1
		! told "$name" "$filter" || break
	done
	if told "$name" "$filter"; then ok "$name is told"; else
		jq -c 'select(.type == "counter")' "$WORK/trace.json" >>"$WORK/cmd"
		not_ok "$name is told" "$WORK/cmd"
	fi
	[[ $finding == - ]] || check "$name: $finding is found" wait_until 1000 found "$finding"
}

counter Udp.RcvbufErrors '.pod == "default/local"' socket-buffer-full pod local python3 "$TESTS_DIR/noise.py" overrun 400

# One source port for two connections to the same place: the second cannot enter the table.
rule node1 -t nat -I POSTROUTING 1 -p udp --dport 7001 -j SNAT --to-source 192.168.1.11:5000
clash() { pod busybox python3 "$TESTS_DIR/noise.py" ports 203.0.113.10 7001 1111 2222; }
counter Conntrack.insert_failed '.netns_name == "node"' conntrack-race clash
check "… seen on the drops themselves, and no rule is blamed" trace_has 'any(.[]; .type == "finding" and
	.id == "conntrack-race" and .severity == "error") and all(.[]; .type != "finding" or .id != "netfilter-drop")'
# The kernel counts that as a drop of connection tracking, too: it is no full table.
check "a lost race is no full table" trace_has 'all(.[]; .name != "Conntrack.drop" and .id != "conntrack-full")'

# One fragment of two, in namespaces that give up soon: the pod's, or the node's, where connection tracking
# on the bridge already waits for the others.
in_netns web sysctl -qw net.ipv4.ipfrag_time=1
node1 sysctl -qw net.ipv4.ipfrag_time=1
fragment() { pod busybox python3 "$TESTS_DIR/noise.py" fragment "$web" 3; }
counter Ip.ReasmFails '.gained > 0' fragments-lost fragment

# Too big for the tunnel, and not to be fragmented.
node1 ip link set flannel.1 mtu 1200
too_big() { pod busybox sh -c "ip route flush cache; ping -c 2 -i 0.3 -W 1 -M do -s 1372 $web2"; }
counter Ip.FragFails '.netns_name == "node"' mtu-exceeded too_big
node1 ip link set flannel.1 mtu 1450

# Marked as congested outside, not capable of it inside: RFC 6040 has the tunnel device drop it.
ecn() { in_netns node2 python3 "$TESTS_DIR/noise.py" ecn 192.168.1.11 3; }
counter Link.rx_errors '.device == "flannel.1"' - ecn

# No way to the other end of the tunnel: the device cannot send what it has wrapped.
node1 ip route add unreachable 192.168.1.12/32
no_way() { pod busybox ping -q -c 3 -i 0.2 -W 1 "$web2"; }
counter Link.tx_errors '.device == "flannel.1"' - no_way
node1 ip route delete unreachable 192.168.1.12/32

# Segments that wait for a socket whose owner is at it.
if python3 -c 'import ctypes, os, sys; sys.exit(ctypes.CDLL(None).syscall(323 if os.uname().machine == "x86_64" else 282, 0) < 0)'; then
	counter TcpExt.TCPBacklogDrop '.pod == "default/local"' - pod local python3 "$TESTS_DIR/noise.py" backlog 500
else
	skip "TcpExt.TCPBacklogDrop is told" "this kernel has no userfaultfd"
fi

# IPv6, where it is.
if in_netns local sh -c 'test "$(cat /proc/sys/net/ipv6/conf/lo/disable_ipv6)" = 0' 2>/dev/null; then
	counter Udp6.RcvbufErrors '.pod == "default/local"' - pod local python3 "$TESTS_DIR/noise.py" overrun6 400
	in_netns local sysctl -qw net.ipv6.ip6frag_time=1
	counter Ip6.ReasmFails '.pod == "default/local"' - pod local python3 "$TESTS_DIR/noise.py" fragment6 3
	in_netns local ip address add fd00:99::1/64 dev eth0 nodad
	in_netns local ip route add fd00:98::/64 dev eth0 mtu 1300
	counter Ip6.FragFails '.pod == "default/local"' - pod local python3 "$TESTS_DIR/noise.py" toobig6 fd00:98::1 1400 3
else
	skip "IPv6's counters are told" "no IPv6 here"
fi

trace_end
check "the lines fit the schema" "$TESTS_DIR/../cli/check-schema" "$WORK/trace.json"
check "the metric sums them" trace_has 'all(.[]; .type != "counter" or (.gained > 0 and .total >= .gained))'
plan
