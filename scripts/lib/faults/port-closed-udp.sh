# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=port-closed
FAULT_CLASS=port
FAULT_TEXT="nothing listens on the UDP port"
REMEDY=operator
REMEDY_WHY="the server must be started"
EXPECT='{"port":9999}'

inject() {
	process_stop udp-echo
}

heal() {
	[[ -e $LAB_DIR/pids/udp-echo ]] || udp_echo_start
}

traffic() {
	TRAFFIC=(perl -MIO::Socket::INET -e "$UDP_ECHO_CLIENT" "$(address_of web)" 1)
}
