# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=netfilter-reject
FAULT_CLASS=unreachable
FAULT_TEXT="a REJECT rule answers with a TCP reset"
EXPECT='{"chain":"FORWARD","table":"filter"}'

inject() {
	rule node1 -I FORWARD 1 -p tcp -d "$(address_of web2)" --dport 80 -j REJECT --reject-with tcp-reset
}

heal() {
	services_apply node1
}

traffic() {
	TRAFFIC=(curl -sS --max-time 2 -o /dev/null "http://$(address_of web2)/")
}
