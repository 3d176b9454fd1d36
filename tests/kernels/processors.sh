# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Two emulated CPUs wait for each other a fifth of the time, so in a guest what asks for no second one runs without it.

# processors N: so many of the guest's CPUs, 1 or all (any other number).
processors() {
	local file state=1

	[[ -e /guest/command ]] || return 0
	(($1 != 1)) || state=0
	for file in /sys/devices/system/cpu/cpu[1-9]*/online; do
		[[ ! -w $file || $(<"$file") == "$state" ]] || echo "$state" >"$file"
	done
}
