# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=overlay-route-missing
FAULT_CLASS=unreachable
FAULT_TEXT="the serving pod's node has no route to the pod that asks: its answers go astray"
REMEDY=cluster
FAULT_POD=busybox2 FAULT_SERVER=web
EXPECT="{\"subnet\":\"$(pods_of 2)\"}"

inject() {
	route_of node1 delete "$(pods_of 2)"
}

heal() {
	overlay_make
}

traffic() {
	TRAFFIC=(curl -sS --max-time 2 -o /dev/null "$(web_url)")
}
