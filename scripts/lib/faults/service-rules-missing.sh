# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=service-rules-missing
FAULT_CLASS=service
FAULT_TEXT="kube-proxy wrote no rules: ClusterIP traffic is not translated"
REMEDY=cluster
EXPECT='{"service":"10.96.0.20"}'

inject() {
	services_remove node1
}

heal() {
	services_apply node1
}

traffic() {
	TRAFFIC=(curl -sS --max-time 2 -o /dev/null "http://10.96.0.20/")
}
