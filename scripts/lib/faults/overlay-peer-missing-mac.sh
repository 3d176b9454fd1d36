# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=overlay-peer-missing
FAULT_CLASS=cni
FAULT_TEXT="the entries name a MAC the other node does not have"

inject() {
	node1 ip neighbour replace 10.244.2.0 lladdr 02:00:00:00:be:ef dev flannel.1 nud permanent
	node1 bridge fdb replace 02:00:00:00:be:ef dev flannel.1 dst 192.168.1.12 self permanent
}

heal() {
	undo node1 bridge fdb delete 02:00:00:00:be:ef dev flannel.1 self
	overlay_make
}

traffic() {
	TRAFFIC=(ping -c 3 -i 0.2 -W 1 "$(address_of web2)")
}
