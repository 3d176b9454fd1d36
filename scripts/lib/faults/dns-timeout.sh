# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=dns-timeout
FAULT_CLASS=dns
FAULT_TEXT="queries reach the DNS server and it does not answer"
REMEDY=cluster

inject() {
	kill -STOP "$(process_pid dns)"
}

heal() {
	undo kill -CONT "$(process_pid dns)"
}

traffic() {
	TRAFFIC=(dig +time=1 +tries=1 @10.96.0.10 web.default.svc.cluster.local)
}
