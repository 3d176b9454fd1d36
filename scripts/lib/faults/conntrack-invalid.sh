# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=conntrack-invalid
FAULT_CLASS=overload
FAULT_TEXT="conntrack never saw the first half of the connection and calls the rest INVALID"
EXPECT='{"chain":"KUBE-FORWARD"}'

inject() {
	node1 sysctl -qw net.netfilter.nf_conntrack_tcp_loose=0
	rule node1 -t raw -A PREROUTING -p tcp --syn -d "$(address_of web2)" -j CT --notrack
}

heal() {
	node1 sysctl -qw net.netfilter.nf_conntrack_tcp_loose=1
	undo rule node1 -t raw -D PREROUTING -p tcp --syn -d "$(address_of web2)" -j CT --notrack
}

traffic() {
	TRAFFIC=(curl -sS --max-time 2 -o /dev/null "http://$(address_of web2)/")
}
