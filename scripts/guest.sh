#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Runs a command of the project tree under another kernel, in a QEMU guest made from this machine's programs.
# Needs neither KVM nor root nor, once the kernel is cached, a network.
set -u

here=$(cd "$(dirname "$0")" && pwd)
tree=$(dirname "$here")
# shellcheck source=scripts/lib/guest/kernels.sh
. "$here/lib/guest/kernels.sh"
# shellcheck source=scripts/lib/guest/initramfs.sh
. "$here/lib/guest/initramfs.sh"
# shellcheck source=scripts/lib/guest/arm64.sh
. "$here/lib/guest/arm64.sh"
# shellcheck source=scripts/lib/guest/boot.sh
. "$here/lib/guest/boot.sh"

usage() {
	cat <<-USAGE
	usage: scripts/guest.sh [options] KERNEL [--] [COMMAND…]
	Boots KERNEL ($(kernel_names | xargs)) in QEMU and runs COMMAND in a copy of the tree, without one an
	interactive shell. Returns COMMAND's exit status; 124 when the guest hung, panicked or took too long,
	125 when it could not be started.
	  --timeout SECONDS  end the guest after this long (default 600)
	  --memory MB        memory of the guest (default 1024)
	  --cpus N           CPUs of the guest (default 2)
	  --build DIR        take DIR as the tree's build/ (default build)
	  --env NAME=VALUE   set a variable for COMMAND (repeatable)
	  --get PATH         copy PATH (below the tree in the guest) back into this tree at the end (repeatable)
	  --console FILE     keep the kernel's console output in FILE
	  --list             list the kernels and whether they are cached
	  --fetch            only fetch KERNEL into the cache
	USAGE
}

list() {
	local name dir

	for name in $(kernel_names); do
		dir=$(kernel_cache)/$name
		if [ -e "$dir/complete" ]; then
			echo "$name cached $(basename -a "$dir"/*.deb | sed -n '1s/.*_\(.*\)_.*/\1/p')"
		else
			echo "$name not cached"
		fi
	done
}

die() {
	echo "guest.sh: $1" >&2
	exit "${2:-125}"
}

fetch_only=
# shellcheck disable=SC2034 # boot.sh reads them
while [ $# -gt 0 ]; do
	case $1 in
	--timeout) guest_timeout=${2:?} && shift 2 ;;
	--memory) guest_memory=${2:?} && shift 2 ;;
	--arm64) export KERNEL_ARCH=arm64 && shift ;;
	--cpus) guest_cpus=${2:?} && shift 2 ;;
	--build) guest_build=${2:?} && shift 2 ;;
	--env) guest_env+=("${2:?}") && shift 2 ;;
	--get) guest_get+=("${2:?}") && shift 2 ;;
	--console) guest_console=${2:?} && shift 2 ;;
	--list) list && exit 0 ;;
	--fetch) fetch_only=1 && shift ;;
	-h | --help) usage && exit 0 ;;
	-*) usage >&2 && exit 2 ;;
	*) break ;;
	esac
done
[ $# -gt 0 ] || { usage >&2 && exit 2; }
kernel=$1
shift
[ "${1-}" != -- ] || shift

kernel_fetch "$kernel" || exit 125
[ -z "$fetch_only" ] || exit 0
if [ "${KERNEL_ARCH-}" = arm64 ] && [ -z "$guest_build" ]; then
	guest_build=$tree/build/arm64
	arm64_build "$tree" || die "cnitrace cannot be built for arm64"
fi
guest_run "$kernel" "$tree" "$@"
