#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# The kernel matrix: boots each kernel in a guest, runs tests/kernels/*.t there, and prints one TAP stream with a
# table of faults and kernels at its end. Needs neither KVM nor, once the kernels are cached, a network.
set -uo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tree=$(dirname "$here")
# shellcheck source=scripts/lib/guest/kernels.sh
. "$here/lib/guest/kernels.sh"
# shellcheck source=scripts/lib/guest/initramfs.sh
. "$here/lib/guest/initramfs.sh"
# shellcheck source=scripts/lib/guest/arm64.sh
. "$here/lib/guest/arm64.sh"

arm64_kernel=6.12
arm64_faults=(netfilter-drop no-route mtu-exceeded)

usage() {
	cat <<-USAGE
	usage: test-kernels.sh [options] [VERSION…]     (default: all of guest.sh --list, and arm64)
	arm64 is kernel $arm64_kernel on that architecture, with three faults.
	  --strict       a kernel that cannot be had is a failure, not a skipped test
	  --quick        a few faults only
	  --each         one definition of a fault for each finding, not every one that is built
	  --fault NAME   this fault only (repeatable)
	  --jobs N       guests at a time (default: two for each processor, as they wait some of their time)
	  --build DIR    take DIR as build/
	  --timeout S    for each kernel (default 5400)
	  --within S     what has not begun by then is skipped, and said: for a run that must end in time
	USAGE
}

strict=no which=all jobs=$(($(nproc) * 2)) build=$tree/build limit=5400 within=0
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
	--within) within=${2:?--within needs seconds} && shift ;;
	-h | --help) usage && exit 0 ;;
	-*) printf 'test-kernels: unknown option "%s"\n' "$1" >&2 && usage >&2 && exit 2 ;;
	*) break ;;
	esac
	shift
done
versions=("$@")
# The shortest comes last.
mapfile -t known < <(kernel_names && echo arm64)
((${#versions[@]})) || versions=("${known[@]}")
for version in "${versions[@]}"; do
	printf '%s\n' "${known[@]}" | grep -qxF "$version" || {
		printf 'test-kernels: kernel "%s" is not one of: %s\n' "$version" "${known[*]}" >&2
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

# end PID: it and all it started. guest.sh then ends its guest.
end() {
	local child IFS=$' \n' # the signal may come while `read` has none

	for child in $(ps -o pid= --ppid "$1"); do end "$child"; done
	kill "$1" 2>/dev/null
}

work=$(mktemp -d)
pids=()
cleanup() {
	local pid

	trap - EXIT INT TERM
	for pid in "${pids[@]}"; do end "$pid"; done
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# tap VERSION: TAP without numbers or plan, each line with its kernel.
tap() {
	sed -u -E "/^1\.\.[1-9]/d; s/^(ok|not ok)( [0-9]+)? - /\1 - $1: /; s/^1\.\.0 /# /; s/^#/# $1:/"
}

# kernel_have VERSION: what its guest is made of. On failure one line that says why.
kernel_have() {
	if [[ $1 != arm64 ]]; then
		kernel_fetch "$1"
	elif ! type -P qemu-system-aarch64 aarch64-linux-gnu-gcc >/dev/null; then
		echo 'qemu-system-arm or gcc-aarch64-linux-gnu is not installed; run scripts/setup.sh --matrix' >&2
		return 1
	else
		arm64_root >/dev/null && KERNEL_ARCH=arm64 kernel_fetch "$arm64_kernel"
	fi
}

# failures_hold FILE: of the TAP on standard input, what failed goes to FILE and is a comment here, for the guest may die
# yet and be tried once more.
failures_hold() {
	local line

	: >"$1"
	while IFS= read -r line; do
		[[ $line != 'not ok'* ]] || { printf '%s\n' "$line" >>"$1" && line="# $line"; }
		printf '%s\n' "$line"
	done
}

# One kernel, its TAP without numbers to standard output. A guest that died under emulation is tried once more.
kernel_test() {
	local version=$1 status attempt started=$SECONDS tests='[0-9]*'
	local guest=(--build "$build" "$version") wanted="${faults[*]}" left=

	if ! kernel_have "$version" 2>"$work/$version.err"; then
		if [[ $strict == yes ]]; then
			printf 'not ok - %s: %s\n' "$version" "$(tail -1 "$work/$version.err")"
		else
			printf 'ok - %s # SKIP %s\n' "$version" "$(tail -1 "$work/$version.err")"
		fi
		return
	fi
	if [[ $version == arm64 ]]; then
		guest=(--arm64 "$arm64_kernel") tests='[123]0*' wanted="${arm64_faults[*]}"
	fi
	for attempt in 1 2; do
		if ((within)); then
			left=$((within - SECONDS))
			((left > 0)) || { printf 'ok - %s # SKIP no time was left\n' "$version" && return; }
		fi
		"$here/guest.sh" --timeout "$limit" --console "$work/$version.console" --env "KERNEL_FAULTS=$wanted" --env "KERNEL_WITHIN=$left" \
			"${guest[@]}" -- bash tests/kernels/run.sh "$tests" 2>"$work/$version.err" |
			tap "$version" | failures_hold "$work/$version.failed"
		status=${PIPESTATUS[0]}
		# shellcheck disable=SC2015 # either not true: done
		((status == 124 && attempt == 1)) && grep -q 'kernel died' "$work/$version.err" || break
		printf '# %s: %s; trying once more\n' "$version" "$(tail -1 "$work/$version.err")"
	done
	cat "$work/$version.failed"
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
		# A variant of the lab has faults of the same names.
		mapfile -t lines < <(grep -E "^(not )?ok - $version: $name( is|:| #|\$)" "$work/tap")
		case $(printf '%s\n' "${lines[@]}" | sed 's/.*# SKIP.*/skipped/; s/ok - .*/ok/' | sort -u | paste -sd,) in
		*not*) line=NO ;;
		ok*) line=yes ;;
		skipped) line=skipped ;;
		*) line=- ;;
		esac
		printf ' %-8s' "$line"
	done
done
printf '\n'
((failed == 0))
