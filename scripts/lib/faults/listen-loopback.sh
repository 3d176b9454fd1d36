# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=listen-loopback
FAULT_CLASS=port
FAULT_TEXT="the server listens on 127.0.0.1 only"
REMEDY=operator
REMEDY_WHY="the application chooses the address it listens on"
FAULT_BROKEN=yes
EXPECT='{"port":80}'

inject() {
	process_stop http-local-80
	pod_serve_http local 127.0.0.1:80 80
}

heal() {
	process_stop http-local-80
	pod_serve_http local 80 80
}

traffic() {
	TRAFFIC=(curl -sS --max-time 2 -o /dev/null "http://$(address_of local)/")
}
