# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=bridge-netfilter-off
FAULT_CLASS=cni
FAULT_TEXT="the same, seen by TCP"
EXPECT='{"sysctl":"net.bridge.bridge-nf-call-iptables"}'

inject() {
	node1 sysctl -qw net.bridge.bridge-nf-call-iptables=0
}

heal() {
	node1 sysctl -qw net.bridge.bridge-nf-call-iptables=1
}

traffic() {
	TRAFFIC=(dig +tcp +time=1 +tries=1 @10.96.0.10 web.default.svc.cluster.local)
}
