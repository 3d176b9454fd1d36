# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=listen-overflow
FAULT_CLASS=overload
FAULT_TEXT="a server does not accept: its queue of connections is full"
REMEDY=operator
REMEDY_WHY="the application must accept what it listens for"

inject() {
	kill -STOP "$(process_pid http-web-80)"
	process_start hold busybox2 perl -MIO::Socket::INET -e "$TCP_HOLD" "$(address_of web)" 80 12
	wait_until 600 grep -qs held "$LAB_DIR/log/hold" || lab_die "the queue does not fill"
}

heal() {
	undo kill -CONT "$(process_pid http-web-80)"
	process_stop hold
	rm -f "$LAB_DIR/log/hold"
}

traffic() {
	TRAFFIC=(curl -sS --max-time 2 -o /dev/null "http://$(address_of web)/")
}
