# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=service-port-wrong
FAULT_CLASS=port
FAULT_TEXT="the Service's target port is one nobody listens on, seen from the pod it leads to"
FAULT_BROKEN=yes FAULT_SERVER=web
REMEDY=cluster
EXPECT='{"service":"default/mismatch","target_port":8080}'

inject() {
	services_reset
}

heal() {
	service_endpoints default/mismatch web:80
}

traffic() {
	TRAFFIC=(curl -sS --max-time 2 -o /dev/null "http://10.96.0.40/")
}
