# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=overlay-down
FAULT_CLASS=cni
FAULT_TEXT="the tunnel device of the serving pod's node is down"
FAULT_POD=busybox2 FAULT_SERVER=web
REMEDY=cluster
EXPECT="{\"device\":\"$LAB_TUNNEL\"}"

inject() {
	node1 ip link set "$LAB_TUNNEL" down
}

heal() {
	overlay_make
}

traffic() {
	TRAFFIC=(curl -sS --max-time 2 -o /dev/null "$(web_url)")
}
