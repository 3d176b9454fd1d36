# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=ports-exhausted
FAULT_CLASS=overload
FAULT_TEXT="all local ports of the pod are in use"

inject() {
	in_netns busybox sysctl -qw net.ipv4.ip_local_port_range="40000 40003"
	process_start hold busybox perl -MIO::Socket::INET -e "$TCP_HOLD" "$(address_of web)" 80 4
	wait_until 600 grep -qs held "$LAB_DIR/log/hold" || lab_die "the ports are not taken"
}

heal() {
	process_stop hold
	rm -f "$LAB_DIR/log/hold"
	in_netns busybox sysctl -qw net.ipv4.ip_local_port_range="32768 60999"
}

traffic() {
	TRAFFIC=(curl -sS --max-time 2 -o /dev/null "http://$(address_of web)/")
}
