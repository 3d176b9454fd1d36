# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=backlog-drop
FAULT_CLASS=overload
FAULT_TEXT="a CPU's input queue is full"
FAULT_SILENT=yes
EXPECT='{"netdev_max_backlog":1}'

possible() { needs_own_kernel; }

inject() {
	sysctl -n net.core.netdev_max_backlog >"$LAB_DIR/netdev_max_backlog"
	sysctl -qw net.core.netdev_max_backlog=1
}

heal() {
	[[ ! -e $LAB_DIR/netdev_max_backlog ]] ||
		sysctl -qw net.core.netdev_max_backlog="$(cat "$LAB_DIR/netdev_max_backlog")"
}

traffic() {
	# Fragments of one datagram enter the queue faster than it is emptied.
	TRAFFIC=(ping -c 20 -i 0.02 -W 1 -s 20000 "$(address_of web)")
}
