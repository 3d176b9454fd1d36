# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# TAP lines. Needs WORK, a directory of the test's own, for the output of what is checked.

TAP_COUNT=0

# ok TEXT | not_ok TEXT [DIAGNOSTIC-FILE…]
ok() {
	TAP_COUNT=$((TAP_COUNT + 1))
	printf 'ok %s - %s\n' "$TAP_COUNT" "$1"
}

not_ok() {
	local file
	TAP_COUNT=$((TAP_COUNT + 1))
	printf 'not ok %s - %s\n' "$TAP_COUNT" "$1"
	shift
	for file in "$@"; do
		[[ ! -s $file ]] || head -c 6000 "$file" | sed 's/^/# /'
	done
}

skip() {
	TAP_COUNT=$((TAP_COUNT + 1))
	printf 'ok %s - %s # SKIP %s\n' "$TAP_COUNT" "$1" "$2"
}

plan() { printf '1..%s\n' "$TAP_COUNT"; }

# check TEXT CMD…: passes when the command does.
check() {
	local text=$1
	shift
	if "$@" >"$WORK/check" 2>&1; then
		ok "$text"
	else
		not_ok "$text" "$WORK/check"
	fi
}
