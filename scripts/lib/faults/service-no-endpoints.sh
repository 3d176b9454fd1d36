# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=service-no-endpoints
FAULT_CLASS=service
FAULT_TEXT="the Service has no ready endpoint"
REMEDY=operator
REMEDY_WHY="the Service's selector, or the pods, are somebody's manifests"
FAULT_BROKEN=yes
EXPECT='{"service":"default/empty"}'
# Its servers have no name.
[[ ${LAB_PROXY:-} != ipvs ]] || EXPECT='{"service":"10.96.0.30:80"}'

inject() {
	services_reset
}

heal() {
	service_endpoints default/empty web:80
}

traffic() {
	TRAFFIC=(curl -sS --max-time 2 -o /dev/null "http://10.96.0.30/")
}
