#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# What scripts/bench.sh makes of a history of figures: a regression is seen, what is no worse than before is not one.
# Nothing is measured here.
set -euo pipefail
bench=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/scripts/bench.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
count=0
check() { # TEXT COMMAND…
	local text=$1
	count=$((count + 1))
	shift
	if "$@" >"$work/check" 2>&1; then echo "ok $count - $text"; else echo "not ok $count - $text" && sed 's/^/# /' "$work/check"; fi
}

# run DAY KERNEL NAME MEDIAN…: a run of that day, as bench.sh appends it
run() {
	local day=$1 kernel=$2
	[[ -s $work/history ]] || echo 'date,commit,kernel,name,min,median,max' >"$work/history"
	shift 2
	while (($#)); do
		echo "2026-01-0${day}T00:00:00Z,abc,$kernel,$1,$2,$2,$2" >>"$work/history"
		shift 2
	done
}
status=0
says() { # TEXT, and the exit status of the last look
	"$bench" --regressions "$work/history" "${@:2}" >"$work/out" 2>&1 && status=0 || status=$?
	grep -q -- "$1" "$work/out" || { cat "$work/out" && return 1; }
}
is_silent() { "$bench" --regressions "$work/history" "$@" >"$work/out" 2>&1 && [[ ! -s $work/out ]] || { cat "$work/out" && return 1; }; }
reported() { tail -n +2 "$work/out" | awk '{ print $1 }' | paste -sd' '; }

here=$(uname -r)
run 1 "$here" hop.match 100 tcp.miss 5000 memory.10 9000 start.10 200
run 2 "$here" hop.match 110 tcp.miss 5200 memory.10 9100 start.10 900
run 3 "$here" hop.match 105 tcp.miss 5100 memory.10 9050 start.10 210
run 3 other-kernel hop.match 10 tcp.miss 50000
run 4 "$here" hop.match 120 tcp.miss 4500 memory.10 9060 start.10 230
check "within the limit: silent, exit status 0" is_silent
run 5 "$here" hop.match 210 tcp.miss 2500 memory.10 9000 start.10 100 hop.new 5
check "twice as slow, half as fast: both are said" says 'run of 2026-01-05'
check "… with exit status 1" test "$status" -eq 1
check "… and nothing else: not what became better, not what has no history" test "$(reported)" == "hop.match tcp.miss"
check "… by how much, against how many runs" says '^hop.match .* 100 % worse than the median of 4 runs'
check "a wider limit" is_silent --worse 200
run 6 "$here" hop.match 140 tcp.miss 5000
check "a single bad run before does not hide the next one" says '^hop.match .* 27 % worse than the median of 5 runs'
rm "$work/history"
run 1 "$here" hop.match 100
check "a first run has nothing to be worse than" is_silent
check "no history: exit status 2 and a sentence" bash -c "'$bench' --regressions '$work/none' 2>&1 | grep -q 'no history in'"
echo "1..$count"
