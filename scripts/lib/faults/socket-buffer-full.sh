# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=socket-buffer-full
FAULT_CLASS=overload
FAULT_TEXT="a UDP server does not read: its receive buffer is full"
REMEDY=operator
REMEDY_WHY="the application must read"

inject() {
	kill -STOP "$(process_pid udp-echo)"
}

heal() {
	undo kill -CONT "$(process_pid udp-echo)"
}

traffic() {
	TRAFFIC=(perl -MIO::Socket::INET -e "$UDP_ECHO_CLIENT" "$(address_of web)" 200)
}
