# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=port-closed
FAULT_CLASS=port
FAULT_TEXT="nothing listens on the port of a pod on the other node"
REMEDY=operator
REMEDY_WHY="the server must be started"
EXPECT='{"port":80}'

inject() {
	process_stop http-web2-80
}

heal() {
	[[ -e $LAB_DIR/pids/http-web2-80 ]] || pod_serve_http web2 80 80
}

traffic() {
	TRAFFIC=(curl -sS --max-time 2 -o /dev/null "http://$(address_of web2)/")
}
