# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=cni-subnet-mismatch
FAULT_CLASS=cni
FAULT_TEXT="cni0's address is not in FLANNEL_SUBNET"
REMEDY=operator
REMEDY_WHY="once cni0 is deleted, the pods must be recreated"
FAULT_COMMAND=check
FAULT_SILENT=yes

inject() {
	sed -i s,^FLANNEL_SUBNET=.*,FLANNEL_SUBNET=10.244.7.1/24, "$LAB_DIR/node1/run/flannel/subnet.env"
}

heal() {
	sed -i s,^FLANNEL_SUBNET=.*,FLANNEL_SUBNET=10.244.1.1/24, "$LAB_DIR/node1/run/flannel/subnet.env"
}

traffic() {
	TRAFFIC=(ping -c 3 -i 0.2 -W 1 "$(address_of web2)")
}
