# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=conntrack-full
FAULT_CLASS=overload
FAULT_TEXT="the connection table is full"

possible() { needs_own_kernel; }

inject() {
	local count
	node1 sysctl -n net.netfilter.nf_conntrack_max >"$LAB_DIR/conntrack_max"
	# Idle connections that are in the table already, then no room for one more. What may expire meanwhile goes first.
	node1 conntrack -F 2>/dev/null
	process_start hold busybox2 perl -MIO::Socket::INET -e "$TCP_HOLD" "$(address_of web)" 80 5
	wait_until 1000 grep -qs held "$LAB_DIR/log/hold"
	count=$(node1 sysctl -n net.netfilter.nf_conntrack_count)
	# The newest kernels have a limit for each namespace beside the machine's, and the smaller one holds.
	# sysctl is content with one that it may not write.
	undo node1 sysctl -qw net.netfilter.nf_conntrack_max="$count"
	[[ $(node1 sysctl -n net.netfilter.nf_conntrack_max) == "$count" ]] ||
		sysctl -qw net.netfilter.nf_conntrack_max="$count"
}

heal() {
	process_stop hold
	rm -f "$LAB_DIR/log/hold"
	[[ -e $LAB_DIR/conntrack_max ]] || return 0
	sysctl -qw net.netfilter.nf_conntrack_max="$(cat "$LAB_DIR/conntrack_max")"
	undo node1 sysctl -qw net.netfilter.nf_conntrack_max="$(cat "$LAB_DIR/conntrack_max")"
}

traffic() {
	TRAFFIC=(curl -sS --max-time 2 -o /dev/null "http://$(address_of web2)/")
}
