# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=netfilter-drop
FAULT_CLASS=unreachable
FAULT_TEXT="a rule drops what comes for the published port from outside, seen from the pod behind it"
FAULT_POD=outside FAULT_SERVER=web
EXPECT='{"chain":"FORWARD","table":"filter"}'

inject() {
	service_endpoints default/web web:80
	rule node1 -I FORWARD 1 -i eth0 -d "$(address_of web)" -j DROP
}

heal() {
	services_reset
}

traffic() {
	TRAFFIC=(curl -sS --max-time 2 -o /dev/null "$(published_url)")
}
