# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=masquerade-missing
FAULT_CLASS=cni
FAULT_TEXT="pod traffic leaves the cluster with the pod's address"

inject() {
	rule node1 -t nat -F FLANNEL-POSTRTG
}

heal() {
	services_apply node1
}

traffic() {
	TRAFFIC=(ping -c 3 -i 0.2 -W 1 203.0.113.10)
}
