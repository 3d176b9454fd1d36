# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=port-closed
FAULT_CLASS=port
FAULT_TEXT="nothing listens on the port"
REMEDY=operator
REMEDY_WHY="the server must be started"
EXPECT='{"port":8081}'

inject() {
	process_stop http-local-8081
}

heal() {
	[[ -e $LAB_DIR/pids/http-local-8081 ]] || pod_serve_http local 8081 8081
}

traffic() {
	TRAFFIC=(curl -sS --max-time 2 -o /dev/null "http://$(address_of local):8081/")
}
