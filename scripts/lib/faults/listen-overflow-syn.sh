# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=listen-overflow
FAULT_CLASS=overload
FAULT_TEXT="half-open connections fill a server's SYN queue, and SYN cookies are off"
EXPECT='{"half_open":4,"max_syn_backlog":4,"port":80}'

# Connections from a pod that never gets the answers: each stays half open for a minute. Of tcp_max_syn_backlog 4 the
# kernel keeps a quarter for peers it knows, so that those that connected before are forgotten.
inject() {
	in_netns busybox2 iptables-nft -w -A INPUT -p tcp -s "$(address_of web)" --sport 80 -j DROP
	in_netns web sysctl -n net.ipv4.tcp_max_syn_backlog >"$LAB_DIR/tcp_max_syn_backlog"
	in_netns web sysctl -qw net.ipv4.tcp_syncookies=0 net.ipv4.tcp_max_syn_backlog=4 net.ipv4.tcp_no_metrics_save=1
	in_netns web ip tcp_metrics flush
	process_start half-open busybox2 perl -MIO::Socket::INET -e "$TCP_HALF_OPEN" "$(address_of web)" 80 8
	wait_until 600 half_open_are 4 || lab_die "the SYN queue does not fill"
}

half_open_are() {
	(($(in_netns web ss -Htn state syn-recv | wc -l) >= $1))
}

heal() {
	process_stop half-open
	undo in_netns busybox2 iptables-nft -w -D INPUT -p tcp -s "$(address_of web)" --sport 80 -j DROP
	in_netns web sysctl -qw net.ipv4.tcp_syncookies=1 net.ipv4.tcp_no_metrics_save=0
	[[ ! -e $LAB_DIR/tcp_max_syn_backlog ]] ||
		in_netns web sysctl -qw net.ipv4.tcp_max_syn_backlog="$(cat "$LAB_DIR/tcp_max_syn_backlog")"
	rm -f "$LAB_DIR/tcp_max_syn_backlog"
}

traffic() {
	TRAFFIC=(curl -sS --max-time 2 -o /dev/null "http://$(address_of web)/")
}
