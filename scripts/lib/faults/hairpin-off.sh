# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=hairpin-off
FAULT_CLASS=cni
FAULT_TEXT="a pod cannot reach itself through its Service"
FAULT_POD=web

inject() {
	service_endpoints default/web web:80
	node1 bridge link set dev "$(veth_of web)" hairpin off
}

heal() {
	services_reset
	pod_repair web
}

traffic() {
	TRAFFIC=(curl -sS --max-time 2 -o /dev/null "http://10.96.0.20/")
}
