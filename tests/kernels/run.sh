#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# run.sh PATTERN: inside a guest, all tests of that name, as TAP. A test file that fails is tried again in a new lab, twice
# at most, and that is said: emulated CPUs may be late. 30-faults.t does so itself, fault by fault.
# What has not begun KERNEL_WITHIN seconds after the start is skipped, and said.
set -u

[[ -z ${KERNEL_WITHIN-} ]] || export KERNEL_END=$(($(cut -d. -f1 /proc/uptime) + KERNEL_WITHIN))

out=$(mktemp)
run() {
	local status=0

	bash "$1" >"$out" || status=$?
	((status == 0)) || echo "not ok - $1 ended with status $status" >>"$out"
}

# processors STATE: all but the guest's first CPU on (1) or off (0). Two emulated ones wait for each other a fifth of the
# time, so what asks for no second one runs without it.
processors() {
	local file

	for file in /sys/devices/system/cpu/cpu[1-9]*/online; do
		[[ ! -w $file || $(<"$file") == "$1" ]] || echo "$1" >"$file"
	done
}

took() { echo "# $test took $(($(cut -d. -f1 /proc/uptime) - started)) s"; }

# The pattern is meant to be expanded.
# shellcheck disable=SC2086
for test in tests/kernels/$1.t; do
	started=$(cut -d. -f1 /proc/uptime)
	if [[ -n ${KERNEL_END-} ]] && (($(cut -d. -f1 /proc/uptime) > KERNEL_END)); then
		echo "ok - $test # SKIP no time was left"
		continue
	fi
	echo "# $test"
	case $test in */10-* | */20-* | */40-*) processors 1 ;; *) processors 0 ;; esac
	if [[ $test == */30-faults.t ]]; then
		bash "$test" || echo "not ok - $test ended with status $?"
		took
		continue
	fi
	run "$test"
	for try in second third; do
		grep -q '^not ok' "$out" || break
		echo "# $test: $try try after"
		sed -n '/^not ok/,/^ok/{ /^ok/!s/^/#   /p }' "$out" | sed -n 1,60p
		scripts/lab.sh --prefix kt down >/dev/null 2>&1
		run "$test"
	done
	cat "$out"
	took
done
rm -f "$out"
