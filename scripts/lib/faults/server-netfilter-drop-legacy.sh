# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=netfilter-drop
FAULT_CLASS=unreachable
FAULT_TEXT="iptables-legacy drops what the pod answers, seen from the serving pod"
FAULT_POD=$LAB_CLIENT FAULT_SERVER=web
EXPECT='{"chain":"FORWARD","table":"filter"}'

inject() {
	node1 iptables-legacy -w -I FORWARD 1 -s "$(address_of web)" -p tcp --sport 80 -j DROP
}

heal() {
	undo node1 iptables-legacy -w -D FORWARD -s "$(address_of web)" -p tcp --sport 80 -j DROP
}

traffic() {
	TRAFFIC=(curl -sS --max-time 2 -o /dev/null "$(web_url)")
}
