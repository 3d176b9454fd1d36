# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=dns-server-unreachable
FAULT_CLASS=dns
FAULT_TEXT="the DNS server is not running: queries are refused"
REMEDY=cluster

inject() {
	process_stop dns
}

heal() {
	[[ -e $LAB_DIR/pids/dns ]] || dns_start "$DNS_WEB_RECORD"
}

traffic() {
	TRAFFIC=(dig +time=1 +tries=1 @10.96.0.10 web.default.svc.cluster.local)
}
