# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=nodeport-refused
FAULT_CLASS=service
FAULT_TEXT="the NodePort is not open on this node"
REMEDY=operator
REMEDY_WHY="the Service's manifest says which NodePort it has"
EXPECT='{"port":30080}'

inject() {
	sed -i "s/^\(default\/web .*\) 30080 /\1 0 /" "$LAB_DIR/services"
	services_apply node1
}

heal() {
	services_reset
}

traffic() {
	TRAFFIC=(curl -sS --max-time 2 -o /dev/null "http://192.168.1.11:30080/")
}
