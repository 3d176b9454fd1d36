# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=dns-error
FAULT_CLASS=dns
FAULT_TEXT="the DNS server does not know the Service: NXDOMAIN"
REMEDY=operator
REMEDY_WHY="the name must exist before it can be resolved"
EXPECT='{"rcode":"NXDOMAIN"}'

inject() {
	process_stop dns
	dns_start
}

heal() {
	process_stop dns
	dns_start "$DNS_WEB_RECORD"
}

traffic() {
	TRAFFIC=(sh -c "dig +time=1 +tries=1 @10.96.0.10 web.default.svc.cluster.local | grep -q 'status: NOERROR'")
}
