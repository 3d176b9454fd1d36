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

# What ends by itself. The file for merge is a real one; what merge says of one node alone is not what this is about.
run trace --json --duration 1s -- true >"$WORK/a.jsonl" || true
sed 's/"node1"/"node2"/g' "$WORK/a.jsonl" >"$WORK/b.jsonl"
run() { timeout 30 ip netns exec "$LAB_PREFIX-node1" "$CNITRACE" "$@" 2>"$WORK/err" </dev/null; }
root=(--root "$LAB_DIR/node1")
for options in "check ${root[*]}" "pods ${root[*]}" doctor "merge $WORK/a.jsonl $WORK/b.jsonl"; do
	read -ra words <<<"$options"
	for json in "" --json; do
		check "${words[0]} $json >/dev/full" no_room "${words[@]}" $json
		check "${words[0]} $json >&-" closed "${words[@]}" $json
	done
	check "${words[0]} --help >/dev/full" no_room "${words[0]}" --help
done
for options in "--help" "--version" "trace --help" "monitor --help" "probe --help"; do
	read -ra words <<<"$options"
	check "$options >/dev/full" no_room "${words[@]}"
	check "$options >&-" closed "${words[@]}"
done
# A reader that goes away is no failure, also where the signal that says so is ignored, as under systemd.
ignoring() { (trap '' PIPE && reader_gone "$@"); }
check "doctor | head -1, SIGPIPE ignored" ignoring doctor
check "check --json | head -1, SIGPIPE ignored" ignoring check "${root[@]}" --json
plan
