# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=network-policy-drop
FAULT_CLASS=unreachable
FAULT_TEXT="a kube-router NetworkPolicy chain drops traffic to a pod"
REMEDY=operator
REMEDY_WHY="the policy is an object of the cluster that somebody wrote on purpose"
EXPECT='{"chain":"KUBE-POD-FW-WEBLAB2DEFAULTQX"}'

inject() {
	node1 "$IPT-restore" -w --noflush <<-END
		*filter
		:KUBE-ROUTER-FORWARD - [0:0]
		:KUBE-POD-FW-WEBLAB2DEFAULTQX - [0:0]
		-A KUBE-ROUTER-FORWARD -d $(address_of web)/32 -m comment --comment "rule to jump traffic destined to POD name:web namespace: default to chain KUBE-POD-FW-WEBLAB2DEFAULTQX" -j KUBE-POD-FW-WEBLAB2DEFAULTQX
		-A KUBE-POD-FW-WEBLAB2DEFAULTQX -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
		-A KUBE-POD-FW-WEBLAB2DEFAULTQX -m comment --comment "rule to drop traffic destined for POD name:web namespace: default" -m mark ! --mark 0x10000/0x10000 -j DROP
		-I FORWARD 1 -m comment --comment "kube-router netpol" -j KUBE-ROUTER-FORWARD
		COMMIT
	END
}

heal() {
	services_apply node1
}

traffic() {
	TRAFFIC=(ping -c 3 -i 0.2 -W 1 "$(address_of web)")
}
