# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=service-endpoint-dead
FAULT_CLASS=service
FAULT_TEXT="the Service leads to a pod of the other node that is gone"
REMEDY=operator
REMEDY_WHY="the controllers keep the endpoints"

inject() {
	service_endpoints default/web 10.244.2.99:80
}

heal() {
	services_reset
}

traffic() {
	TRAFFIC=(curl -sS --max-time 2 -o /dev/null "http://10.96.0.20/")
}
