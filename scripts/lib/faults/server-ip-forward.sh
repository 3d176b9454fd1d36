# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=ip-forward-disabled
FAULT_CLASS=unreachable
FAULT_TEXT="the serving pod's node does not forward"
FAULT_POD=$LAB_CLIENT FAULT_SERVER=web
EXPECT='{"sysctl":"net.ipv4.ip_forward"}'

inject() {
	node1 sysctl -qw net.ipv4.ip_forward=0
}

heal() {
	node1 sysctl -qw net.ipv4.ip_forward=1
}

traffic() {
	TRAFFIC=(curl -sS --max-time 2 -o /dev/null "$(web_url)")
}
