# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=overlay-peer-missing
FAULT_CLASS=cni
FAULT_TEXT="the serving pod's node has no FDB entry for the node that asks"
FAULT_POD=busybox2 FAULT_SERVER=web
REMEDY=cluster
EXPECT="{\"device\":\"$LAB_TUNNEL\"}"

inject() {
	node1 bridge fdb delete "$(mac_of node2 "$LAB_TUNNEL")" dev "$LAB_TUNNEL" self
}

heal() {
	overlay_make
}

traffic() {
	TRAFFIC=(curl -sS --max-time 2 -o /dev/null "$(web_url)")
}
