#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# The kernel matrix: boots each kernel in a guest, runs tests/kernels/*.t there, and prints one TAP stream with a
# table of faults and kernels at its end. Needs neither KVM nor, once the kernels are cached, a network.
set -uo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tree=$(dirname "$here")
# shellcheck source=scripts/lib/guest/kernels.sh
. "$here/lib/guest/kernels.sh"

usage() {
	cat <<-'USAGE'
	usage: test-kernels.sh [options] [VERSION…]     (default: all of guest.sh --list)
	  --strict       a kernel that cannot be had is a failure, not a skipped test
	  --quick        a few faults only
	  --each         one definition of a fault for each finding, not every one that is built
	  --fault NAME   this fault only (repeatable)
	  --jobs N       guests at a time (default: two for each processor, as they wait half of their time)
	  --build DIR    take DIR as build/
	  --timeout S    for each kernel (default 3600)
	USAGE
}

strict=no which=all jobs=$(($(nproc) * 2)) build=$tree/build limit=3600
faults=()
while (($#)); do
	case $1 in
	--strict) strict=yes ;;
	--quick) which=quick ;;
	--each) which=each ;;
	--fault) faults+=("${2:?--fault needs a name}") && shift ;;
	--jobs) jobs=${2:?--jobs needs a number} && shift ;;
	--build) build=${2:?--build needs a directory} && shift ;;
	--timeout) limit=${2:?--timeout needs seconds} && shift ;;
	-h | --help) usage && exit 0 ;;
	-*) printf 'test-kernels: unknown option "%s"\n' "$1" >&2 && usage >&2 && exit 2 ;;
	*) break ;;
	esac
	shift
done
versions=("$@")
((${#versions[@]})) || mapfile -t versions < <(kernel_names)
for version in "${versions[@]}"; do
	kernel_names | grep -qxF "$version" || {
		printf 'test-kernels: kernel "%s" is not one of: %s\n' "$version" "$(kernel_names | xargs)" >&2
		exit 2
	}
done
[[ -x $build/cnitrace ]] || { echo "test-kernels: $build/cnitrace does not exist, run make" >&2 && exit 2; }

built=$tree/tests/faults/built
if ((${#faults[@]} == 0)); then
	case $which in
	all) mapfile -t faults <"$built" ;;
	# The definition that has its finding's own name stands for it.
	each) mapfile -t faults < <(while read -r name; do
		[[ $(sed -n 's/^FAULT_ID=//p' "$here/lib/faults/$name.sh") != "$name" ]] || echo "$name"
	done <"$built") ;;
	quick) mapfile -t faults < <(grep -xE 'netfilter-drop|no-route|rp-filter|mtu-exceeded|port-closed|overlay-peer-missing|qdisc-drop|link-down' "$built") ;;
	esac
fi

work=$(mktemp -d)
pids=()
cleanup() {
	trap - EXIT INT TERM
	((${#pids[@]} == 0)) || kill "${pids[@]}" 2>/dev/null
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# tap VERSION: TAP without numbers or plan, each line with its kernel.
tap() {
	sed -u -E "/^1\.\.[1-9]/d; s/^(ok|not ok)( [0-9]+)? - /\1 - $1: /; s/^1\.\.0 /# /; s/^#/# $1:/"
}

# One kernel, its TAP without numbers to standard output. A guest that died under emulation is tried once more.
kernel_test() {
	local version=$1 status attempt started=$SECONDS

	if ! kernel_fetch "$version" 2>"$work/$version.err"; then
		if [[ $strict == yes ]]; then
			printf 'not ok - %s: %s\n' "$version" "$(tail -1 "$work/$version.err")"
		else
			printf 'ok - %s # SKIP %s\n' "$version" "$(tail -1 "$work/$version.err")"
		fi
		return
	fi
	for attempt in 1 2; do
		# shellcheck disable=SC2016
		"$here/guest.sh" --timeout "$limit" --build "$build" --console "$work/$version.console" \
			--env "KERNEL_FAULTS=${faults[*]}" "$version" -- bash -c 'for test in tests/kernels/*.t; do
				echo "# $test"
				bash "$test" || echo "not ok - $test ended with status $?"
			done' 2>"$work/$version.err" | tap "$version"
		status=${PIPESTATUS[0]}
		# shellcheck disable=SC2015 # either not true: done
		((status == 124 && attempt == 1)) && grep -q 'kernel died' "$work/$version.err" || break
		printf '# %s: %s; trying once more\n' "$version" "$(tail -1 "$work/$version.err")"
	done
	if ((status != 0)); then
		printf 'not ok - %s: the guest: %s\n' "$version" "$(tail -1 "$work/$version.err")"
		tail -20 "$work/$version.err" | sed "s/^/# $version: /"
	fi
	printf '# %s took %s s\n' "$version" $((SECONDS - started))
}

# All kernels, as many at a time as wanted; lines come as they are made.
kernels_test() {
	local version

	for version in "${versions[@]}"; do
		while (($(jobs -rp | wc -l) >= jobs)); do wait -n; done
		kernel_test "$version" &
	done
	wait
}

mkfifo "$work/lines"
kernels_test >"$work/lines" &
pids+=($!)
number=0 failed=0
while IFS= read -r line; do
	printf '%s\n' "$line" >>"$work/tap"
	case $line in
	'ok - '*) number=$((number + 1)) && line="ok $number - ${line#ok - }" ;;
	'not ok - '*) number=$((number + 1)) && failed=$((failed + 1)) && line="not ok $number - ${line#not ok - }" ;;
	esac
	printf '%s\n' "$line"
done <"$work/lines"
printf '1..%s\n' "$number"

# The table: one line a fault, one column a kernel.
printf '#\n# %-32s' fault
printf ' %-8s' "${versions[@]}"
for name in "${faults[@]}"; do
	printf '\n# %-32s' "$name"
	for version in "${versions[@]}"; do
		line=$(grep -E "^(not )?ok - $version: $name( is|:| #|\$)" "$work/tap" | tail -1)
		case $line in
		*'# SKIP'*) line=skipped ;;
		ok*) line=yes ;;
		'not ok'*) line=NO ;;
		*) line=- ;;
		esac
		printf ' %-8s' "$line"
	done
done
printf '\n'
((failed == 0))
