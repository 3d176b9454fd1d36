# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=no-route
FAULT_CLASS=unreachable
FAULT_TEXT="a blackhole route swallows what the serving pod answers"
FAULT_POD=outside FAULT_SERVER=web

inject() {
	service_endpoints default/web web:80
	node1 ip route add blackhole 203.0.113.0/24
}

heal() {
	undo node1 ip route delete blackhole 203.0.113.0/24
	services_reset
}

# The node answers no ARP from where it has no way to: the router must know its MAC already.
traffic() {
	TRAFFIC=(sh -c "ping -c 1 -W 1 192.168.1.11 && curl -sS --max-time 2 --interface 203.0.113.10 -o /dev/null $(published_url)")
}
