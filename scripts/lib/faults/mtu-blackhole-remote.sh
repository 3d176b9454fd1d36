# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=mtu-blackhole
FAULT_CLASS=mtu
FAULT_TEXT="a switch between the nodes passes only 1400 bytes"
REMEDY=operator
REMEDY_WHY="the switch is not this node's, and every pod's MTU comes from the CNI configuration"

inject() {
	underlay ip link set port2 mtu 1400
}

heal() {
	underlay ip link set port2 mtu 1500
}

traffic() {
	TRAFFIC=(sh -c "ping -c 2 -i 0.2 -W 1 -s 56 $(address_of web2) && ping -c 3 -i 0.2 -W 1 -s 1400 $(address_of web2)")
}
