#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2034
# Speed and size, in one table: every figure beside what it is to be compared with, measured in the
# same run. Nothing here passes or fails. Needs root, jq, bpftool, iperf3, tcpdump; what is missing is said.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tree=$(dirname "$here")
for part in table start programs ring throughput monitor rules; do
	# shellcheck disable=SC1090
	. "$here/bench/$part.sh"
done

usage() {
	cat <<-'END'
		usage: bench.sh [options] [SECTION…]
		Sections (default all): hop start programs journeys ring throughput monitor rules
		  --build DIR      the build to measure (default build)
		  --history FILE   append every figure to FILE as CSV: date, commit, kernel, name, min, median, max
		                   figures that are worse than the median of its earlier runs under this kernel are marked
		  --worse N        … by more than so many percent (default 25)
		  --regressions FILE  measure nothing: what of FILE's last run is worse than those before; exit 1 if anything is
		  --seconds N      length of each throughput run (default 3)
		  --devices LIST   numbers of devices for the start time (default "10 50 250")
		  --rounds N       repetitions of each start, throughput and rules measurement (default 3)
	END
}

BUILD=$tree/build history='' worse_percent=25 compare='' seconds=3 devices='10 50 250' rounds=3
while (($#)); do
	case $1 in
	--build) BUILD=$(realpath "${2:?}") && shift 2 ;;
	--history) history=${2:?} && shift 2 ;;
	--worse) worse_percent=${2:?} && shift 2 ;;
	--regressions) compare=${2:?} && shift 2 ;;
	--seconds) seconds=${2:?} && shift 2 ;;
	--devices) devices=${2:?} && shift 2 ;;
	--rounds) rounds=${2:?} && shift 2 ;;
	-h | --help) usage && exit 0 ;;
	-*) usage >&2 && exit 2 ;;
	*) break ;;
	esac
done
sections=${*:-hop start programs journeys ring throughput monitor rules}
if [[ -n $compare ]]; then
	[[ -s $compare ]] || { echo "bench.sh: no history in $compare" >&2 && exit 2; }
	regressions "$compare" "$worse_percent"
	exit
fi
((EUID == 0)) || { echo "bench.sh: needs root" >&2 && exit 3; }
CNITRACE=$BUILD/cnitrace NS=bench$$ LAB=bench$$ WORK=$(mktemp -d)
SAMPLES=$WORK/samples NOTES=$WORK/notes
touch "$SAMPLES" "$NOTES"

bench_end() {
	local status=$?
	trap - EXIT INT TERM
	jobs -p | xargs -r kill 2>/dev/null || true
	programs_end
	[[ ! -e /run/cnitrace-lab/$LAB ]] || "$here/lab.sh" --prefix "$LAB" down >/dev/null 2>&1 || true
	pods_end
	for name in "$NS" "$NS-2" "$NS-3"; do
		[[ ! -e /run/netns/$name ]] || ip netns del "$name"
	done
	rm -rf "$WORK"
	exit "$status"
}
trap bench_end EXIT
trap 'exit 130' INT TERM

# The helpers are no part of the default build.
helpers_build() {
	local name
	if ! command -v make >/dev/null && [[ -x $CNITRACE ]]; then
		return # in a guest: `start` needs nothing else
	fi
	make -C "$tree" BUILD="$BUILD" all >/dev/null
	for name in hop empty burst drops; do
		make -s -C "$tree" BUILD="$BUILD" "$BUILD/scripts/bench/$name" >/dev/null
	done
	make -s -C "$tree" BUILD="$BUILD" "$BUILD/tests/unit/bench_journey" >/dev/null
}

hop_run() {
	"$BUILD/scripts/bench/hop" >>"$SAMPLES" || note "hop: programs could not be run (status $?)"
}

journeys_run() {
	"$BUILD/tests/unit/bench_journey" 2000000 | awk '
		/^journeys and flows/ { print "journeys.with_flows", $4 * 1000000; next }
		/^journeys/ { print "journeys.alone", $2 * 1000000 }' >>"$SAMPLES"
}

helpers_build
for section in $sections; do
	case $section in
	hop) hop_run ;;
	start) start_run ;;
	programs) programs_run ;;
	journeys) for ((i = 0; i < rounds; i++)); do journeys_run; done ;;
	ring) ring_run ;;
	throughput) throughput_run ;;
	monitor) monitor_run ;;
	rules) rules_run ;;
	*) usage >&2 && exit 2 ;;
	esac
done
table_print
[[ -z $history ]] || history_append "$history"
