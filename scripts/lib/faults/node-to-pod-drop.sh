# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=netfilter-drop
FAULT_CLASS=unreachable
FAULT_TEXT="a rule in the node's OUTPUT drops its own health checks of the pod"
FAULT_POD=node1 FAULT_SERVER=web
EXPECT='{"chain":"OUTPUT","table":"filter"}'

inject() {
	rule_of node1 -I OUTPUT 1 -d "$(target_of web)" -p tcp --dport 80 -j DROP
}

heal() {
	services_apply node1
}

traffic() {
	TRAFFIC=(curl -sS --max-time 2 -o /dev/null "$(url_of web)/")
}
