# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=dns-config
FAULT_CLASS=dns
FAULT_TEXT="the pod's resolv.conf names a server that is not the cluster's"
REMEDY=operator
REMEDY_WHY="the pod's manifest names the DNS policy"

inject() {
	printf "nameserver 203.0.113.53\noptions timeout:1 attempts:1\n" >"$(pod_var busybox resolv)"
}

heal() {
	resolv_conf_default default >"$(pod_var busybox resolv)"
}

traffic() {
	# The name must be looked up by the pod's own resolv.conf, which its mount namespace holds.
		TRAFFIC=(nsenter --target "$(process_pid "pod-$FAULT_POD")" --mount -- getent hosts web)
}
