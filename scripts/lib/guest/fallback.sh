# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Decides whether this machine can run BPF programs, and if not, runs a script of the tree in a guest instead.
# For demo.sh and test.sh; it knows nothing of what they do.

guest_scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# need_guest [BUILD]: true when only a guest can run BPF. GUEST_REASON says why in one sentence.
need_guest() {
	local build=${1:-$guest_scripts/../build} status=0 output

	GUEST_REASON=
	# In a guest there is no further one.
	[[ ! -e /guest/command ]] || return 1
	if [[ -x $build/cnitrace ]]; then
		output=$("$build/cnitrace" doctor 2>&1) || status=$?
		((status == 3)) || return 1
		GUEST_REASON=$(grep -m1 -iE 'not load|need|lack|cannot|capabilit|refuse' <<<"$output" || tail -1 <<<"$output")
		GUEST_REASON=$(tr -s ' ' <<<"$GUEST_REASON" | sed 's/^ //')
		return 0
	fi
	# Before the build: the kernel's own word.
	if ! [[ -e /sys/kernel/btf/vmlinux ]]; then
		GUEST_REASON='this kernel has no BTF (/sys/kernel/btf/vmlinux)'
	elif ! guest_capable; then
		GUEST_REASON='this process lacks CAP_BPF, CAP_PERFMON or CAP_NET_ADMIN'
	else
		return 1
	fi
}

# CAP_NET_ADMIN (12) with CAP_SYS_ADMIN (21), or with CAP_PERFMON (38) and CAP_BPF (39), in the effective set.
guest_capable() {
	local effective

	effective=$((16#$(sed -n 's/^CapEff:\t//p' /proc/self/status)))
	(((effective >> 12 & 1) && ((effective >> 21 & 1) || ((effective >> 38 & 1) && (effective >> 39 & 1)))))
}

# run_in_guest SCRIPT [ARGUMENT…]: SCRIPT is relative to the tree. Does not return. A guest whose kernel dies is tried once
# more: with two emulated CPUs one may run into code that the other has just patched (int3).
run_in_guest() {
	local kernel=${GUEST_KERNEL:-6.12} attempt status errors guest said

	printf 'This machine cannot run BPF (%s): running %s in a guest with kernel %s.\n' "${GUEST_REASON:-unknown}" "$1" "$kernel" >&2
	"$guest_scripts/setup.sh" --guest
	errors=$(mktemp)
	for attempt in 1 2; do
		status=0
		exec 4> >(tee "$errors" >&2)
		said=$!
		"$guest_scripts/guest.sh" --timeout "${GUEST_TIMEOUT:-3600}" --env LAB_OWN_KERNEL=yes "$kernel" -- bash "$@" 2>&4 <&0 &
		guest=$!
		# shellcheck disable=SC2064 # this guest
		trap "kill $guest 2>/dev/null; rm -f '$errors'; exit 143" INT TERM HUP
		exec 4>&-
		wait "$guest" || status=$?
		wait "$said"
		((status == 124 && attempt == 1)) && grep -q 'kernel died' "$errors" || break
		echo "That was the emulation: once more." >&2
	done
	rm -f "$errors"
	exit "$status"
}
