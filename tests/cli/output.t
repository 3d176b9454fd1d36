#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Output that nobody takes ends the run: quietly when the reader has gone, with one sentence and exit status 1 when it cannot
# be written. As JSON and as text, also while there is nothing to say.
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/../faults/lib.sh"

# shellcheck disable=SC2119
lab_start
# run ARG…: status 124 when it has not ended by itself.
run() { timeout 10 ip netns exec "$LAB_PREFIX-node1" "$CNITRACE" "$1" --root "$LAB_DIR/node1" "${@:2}" 2>"$WORK/err" </dev/null; }
complains() {
	(($(wc -l <"$WORK/err") == 1)) && grep -q "^cnitrace: standard output.*$1" "$WORK/err" && return
	echo "standard error:" && cat "$WORK/err" && return 1
}
quiet() { [[ ! -s $WORK/err ]] || { cat "$WORK/err" && return 1; }; }
reader_gone() {
	local status
	run "$@" | head -1 >"$WORK/line"
	status=${PIPESTATUS[0]}
	((status == 0)) || { echo "exit status $status" && cat "$WORK/err" && return 1; }
	[[ -s $WORK/line ]] && quiet
}
no_room() {
	local status=0
	run "$@" >/dev/full || status=$?
	((status == 1)) || { echo "exit status $status" && return 1; }
	complains "No space left"
}
closed() {
	local status=0
	run "$@" >&- || status=$?
	((status == 1)) || { echo "exit status $status" && return 1; }
	complains "Bad file descriptor"
}

# Nothing matches: what is written is the start, and in JSON an empty interval now and then.
nothing='udp port 9'
for options in "monitor --json --interval 200ms" "monitor --lines" "trace --json" "trace"; do
	read -ra words <<<"$options"
	check "$options | head -1" reader_gone "${words[@]}" "$nothing"
	check "$options >/dev/full" no_room "${words[@]}" "$nothing"
	check "$options >&-" closed "${words[@]}" "$nothing"
done
check "a command is ended, too" no_room trace "$nothing" -- sleep 60
plan
