# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=port-closed
FAULT_CLASS=port
FAULT_TEXT="nothing listens any more in the serving pod, seen from there"
FAULT_POD=$LAB_CLIENT FAULT_SERVER=web
REMEDY=operator
REMEDY_WHY="the server must be started"
EXPECT='{"port":80}'

inject() {
	process_stop http-web-80
}

heal() {
	[[ -e $LAB_DIR/pids/http-web-80 ]] || pod_serve_http web 80 80
}

traffic() {
	TRAFFIC=(curl -sS --max-time 2 -o /dev/null "$(web_url)")
}
