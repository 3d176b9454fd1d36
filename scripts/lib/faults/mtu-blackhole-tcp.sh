# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=mtu-blackhole
FAULT_CLASS=mtu
FAULT_TEXT="the same with TCP: the connection opens and large data hangs"
FAULT_SILENT=yes

inject() {
	in_netns web ip link set eth0 mtu 1300
}

heal() {
	pod_repair web
}

traffic() {
	# Sends 100 kB to the server; the segments are as long as the client's MTU lets them be.
	TRAFFIC=(sh -c "curl -sS --max-time 2 -o /dev/null http://$(address_of web)/ && head -c 100000 /dev/zero | curl -sS --max-time 3 -o /dev/null --data-binary @- -H Expect: http://$(address_of web)/")
}
