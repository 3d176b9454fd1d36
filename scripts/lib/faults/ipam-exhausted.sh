# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=ipam-exhausted
FAULT_CLASS=cni
FAULT_TEXT="no address is left: reservations of dead pods fill the range"
FAULT_COMMAND=check
FAULT_SILENT=yes

inject() {
	local i
	for ((i = 6; i < 255; i++)); do
		[[ -e $LAB_DIR/node1/var/lib/cni/networks/cbr0/10.244.1.$i ]] ||
			printf 'dead%060d\r\neth0' "$i" >"$LAB_DIR/node1/var/lib/cni/networks/cbr0/10.244.1.$i"
	done
}

heal() {
	undo grep -l '^dead' "$LAB_DIR"/node1/var/lib/cni/networks/cbr0/10.* | xargs -r rm -f
}

traffic() {
	TRAFFIC=(ping -c 3 -i 0.2 -W 1 "$(address_of web2)")
}
