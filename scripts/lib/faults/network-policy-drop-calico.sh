# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=network-policy-drop
FAULT_CLASS=unreachable
FAULT_TEXT="a Calico NetworkPolicy chain drops traffic from a pod"
REMEDY=operator
REMEDY_WHY="the policy is an object of the cluster that somebody wrote on purpose"
EXPECT='{"chain":"cali-fw-cali0123456789a"}'

inject() {
	node1 "$IPT-restore" -w --noflush <<-END
		*filter
		:cali-FORWARD - [0:0]
		:cali-fw-cali0123456789a - [0:0]
		-A cali-FORWARD -s $(address_of busybox)/32 -m comment --comment "cali:vGVoxKCzkFzGTbYs" -j cali-fw-cali0123456789a
		-A cali-fw-cali0123456789a -m comment --comment "cali:2Dkm9a3nRJOKyFAt" -m comment --comment "Drop if no policies passed packet" -m mark --mark 0x0/0x20000 -j DROP
		-I FORWARD 1 -m comment --comment "cali:wUHhoiAYhphO9Mso" -j cali-FORWARD
		COMMIT
	END
}

heal() {
	services_apply node1
}

traffic() {
	TRAFFIC=(ping -c 3 -i 0.2 -W 1 "$(address_of web2)")
}
