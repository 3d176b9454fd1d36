#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Where BPF is not allowed, demo.sh and test.sh say so and run in a guest by themselves; where it is, they do not.
# Not allowed is made here by taking the capabilities away, as an unprivileged container does.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
# shellcheck source=scripts/lib/guest/kernels.sh
. scripts/lib/guest/kernels.sh
# shellcheck source=scripts/lib/guest/fallback.sh
. scripts/lib/guest/fallback.sh

WORK=$(mktemp -d)
running=
end() {
	trap - EXIT INT TERM
	[[ -z $running ]] || kill "$running" 2>/dev/null
	rm -rf "$WORK"
}
trap end EXIT
trap 'exit 130' INT TERM
# shellcheck source=tests/tap.sh
. tests/tap.sh
# Of what a script printed, when the check of it fails.
said() {
	local text=$1
	shift
	if "$@" >/dev/null 2>&1; then
		ok "$text"
	else
		tail -n 25 "$WORK/out" "$WORK/err" >"$WORK/said"
		not_ok "$text" "$WORK/said"
	fi
}

if [[ -e /guest/command ]]; then
	echo '1..0 # SKIP in a guest there is no further one'
	exit 0
fi
if ! kernel_fetch 6.12 2>"$WORK/err" || ! type -P qemu-system-x86_64 >/dev/null; then
	echo "1..0 # SKIP no guest can be started here: $(tail -1 "$WORK/err")"
	exit 0
fi

# unprivileged COMMAND…: to its end, without the capabilities that BPF needs.
unprivileged() {
	status=0
	setpriv --bounding-set -sys_admin,-bpf,-perfmon,-net_admin "$@" >"$WORK/out" 2>"$WORK/err" </dev/null &
	running=$!
	wait "$running" || status=$?
	running=
}
says_guest() { grep -qE "^This machine cannot run BPF \(.+\): running $1 in a guest with kernel 6\.12\.$" "$WORK/err"; }

# shellcheck disable=SC2119 # its argument is another build
needs_none() { ! need_guest; }
if build/cnitrace trace --duration 1ms >"$WORK/out" 2>"$WORK/err"; then
	said "where a trace runs there is no need of a guest" needs_none
fi

GUEST_TIMEOUT=1500 unprivileged scripts/test.sh --no-build tests/kernels/10-load.t
said "test.sh says that it runs in a guest, and why" says_guest scripts/test.sh
said "… the tests pass there" test "$status" -eq 0
said "… and prove's result is the last line" sh -c "tail -n 1 '$WORK/out' | grep -qx 'Result: PASS'"

GUEST_TIMEOUT=1500 unprivileged scripts/test.sh --no-build tests/no-such-test.t
said "a test that fails there fails here" test "$status" -ne 0

# A stand-in for the guest: its kernel dies so many times.
dying() {
	local times=$1 copy=$WORK/scripts
	rm -rf "$copy" && mkdir -p "$copy/lib/guest" && cp scripts/lib/guest/fallback.sh "$copy/lib/guest/"
	printf '#!/bin/sh\n' >"$copy/setup.sh"
	cat >"$copy/guest.sh" <<-END
		#!/bin/sh
		echo boot >>"$WORK/boots"
		[ "\$(wc -l <"$WORK/boots")" -gt $times ] && echo "Result: PASS" && exit 0
		echo "guest: kernel 6.12: the guest's kernel died: Oops: int3" >&2
		exit 124
	END
	chmod +x "$copy"/*.sh
	: >"$WORK/boots"
	status=0
	(. "$copy/lib/guest/fallback.sh" && run_in_guest scripts/demo.sh) >"$WORK/out" 2>"$WORK/err" || status=$?
}
dying 1
said "a guest that dies under emulation is tried once more" test "$status" -eq 0
said "… which is said" grep -q '^That was the emulation: once more\.$' "$WORK/err"
dying 2
said "… but not for ever" test "$status" -eq 124
said "… and its last word is shown" sh -c "[ $(wc -l <"$WORK/boots") = 2 ] && tail -n 1 '$WORK/err' | grep -q 'kernel died'"

GUEST_TIMEOUT=1500 unprivileged scripts/demo.sh no-route-blackhole
said "demo.sh says that it runs in a guest, and why" says_guest scripts/demo.sh
said "… it ends well" test "$status" -eq 0
said "… and shows the finding" grep -q '^ERROR  no-route ' "$WORK/out"
plan
