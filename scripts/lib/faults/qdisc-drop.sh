# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=qdisc-drop
FAULT_CLASS=overload
FAULT_TEXT="the bandwidth limit (tbf) of a pod drops"
EXPECT='{"qdisc":"tbf"}'

inject() {
	node1 tc qdisc add dev "$(veth_of web)" root tbf rate 64kbit burst 2000 limit 3000
}

heal() {
	undo node1 tc qdisc delete dev "$(veth_of web)" root
}

traffic() {
	TRAFFIC=(sh -c "ping -c 20 -i 0.01 -s 1000 -W 1 $(address_of web) | grep -q ' 0% packet loss'")
}
