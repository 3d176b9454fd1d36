# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=backlog-drop
FAULT_CLASS=overload
FAULT_TEXT="a CPU's input queue is too short for a burst: of a long datagram's fragments some are lost"
EXPECT='{"netdev_max_backlog":6}'

possible() { needs_own_kernel; }

inject() {
	sysctl -n net.core.netdev_max_backlog >"$LAB_DIR/netdev_max_backlog"
	sysctl -qw net.core.netdev_max_backlog=6
	# What cannot be put together is given up before the next trace; in this one it is a consequence.
	in_netns web sysctl -qw net.ipv4.ipfrag_time=1
}

heal() {
	[[ ! -e $LAB_DIR/netdev_max_backlog ]] ||
		sysctl -qw net.core.netdev_max_backlog="$(cat "$LAB_DIR/netdev_max_backlog")"
	in_netns web sysctl -qw net.ipv4.ipfrag_time=30
}

# The bridge's netfilter puts a datagram together for its rules and cuts it up again: all 15 fragments enter the queue of
# the pod's veth before the first is taken out. What fits into six packets passes as before.
traffic() {
	TRAFFIC=(sh -c "ping -c 3 -i 0.2 -W 1 $(address_of web) && ping -c 4 -i 0.2 -W 1 -s 20000 $(address_of web)")
}
