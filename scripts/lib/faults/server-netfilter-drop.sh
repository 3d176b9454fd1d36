# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=netfilter-drop
FAULT_CLASS=unreachable
FAULT_TEXT="an iptables rule in FORWARD drops what is sent to the pod's port, seen from the serving pod"
FAULT_POD=$LAB_CLIENT FAULT_SERVER=web
EXPECT='{"chain":"FORWARD","table":"filter"}'

inject() {
	rule_of node1 -I FORWARD 1 -d "$(target_of web)" -p tcp --dport 80 -j DROP
}

heal() {
	services_apply node1
}

traffic() {
	TRAFFIC=(curl -sS --max-time 2 -o /dev/null "$(web_url)")
}
