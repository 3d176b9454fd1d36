#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Installs what is missing on Debian 12; installs nothing, and asks nobody, when all is there.
set -euo pipefail

build=(
	gcc make libc6-dev clang bpftool pkg-config
	libbpf-dev libelf-dev zlib1g-dev libnl-3-dev libnl-route-3-dev libmnl-dev libnftnl-dev
	libjson-c-dev libpcap0.8-dev libmicrohttpd-dev libncurses-dev
)
# The lab's own tools, then what the tests read and compare with.
lab=(
	iproute2 iptables nftables containernetworking-plugins 'busybox|busybox-static' dnsmasq-base
	iputils-ping mtr-tiny curl bind9-dnsutils ethtool conntrack procps util-linux jq
	perl libcmocka-dev llvm libclang-rt-dev python3-jsonschema prometheus tmux strace
	runc python3-yaml zsh fish clang-format cppcheck shellcheck
)
# A guest kernel, for machines that refuse BPF and for the kernel matrix.
mapfile -t guest < <(grep -vE '^(#|busybox$|$)' "$(dirname "${BASH_SOURCE[0]}")/lib/guest/packages")
# The matrix has an arm64 guest too.
matrix=(qemu-system-arm gcc-aarch64-linux-gnu libc6-dev-arm64-cross)

usage() {
	cat <<-'END'
		usage: setup.sh [--build-only | --guest | --matrix] [--list]
		  --build-only   only what `make` needs, not what the lab and the tests need
		  --guest        also QEMU and what a guest is made of
		  --matrix       all that, and what the kernel matrix needs for arm64
		  --list         print the packages and stop
	END
}

packages=("${build[@]}" "${lab[@]}")
list=no
while (($#)); do
	case $1 in
	--build-only) packages=("${build[@]}") ;;
	--guest) packages+=("${guest[@]}") ;;
	--matrix) packages+=("${guest[@]}" "${matrix[@]}") ;;
	--list) list=yes ;;
	-h | --help) usage && exit 0 ;;
	*) printf 'setup: unknown option "%s"; see setup.sh --help\n' "$1" >&2 && exit 2 ;;
	esac
	shift
done
if [[ $list == yes ]]; then
	printf '%s\n' "${packages[@]%%|*}"
	exit 0
fi
if ! command -v dpkg-query >/dev/null; then
	echo "setup: this is not a Debian system; install by hand: ${packages[*]%%|*}" >&2
	exit 1
fi

# Every name and alternative is asked for at once: one process instead of forty. What dpkg never heard of is no error.
installed=$( (dpkg-query -W -f '${db:Status-Abbrev}${Package}\n' "${packages[@]%%|*}" "${packages[@]##*|}" 2>/dev/null || true) |
	sed -n 's/^[ih]i //p' | sort -u)
missing=()
for package in "${packages[@]}"; do
	grep -qxE "$package" <<<"$installed" || missing+=("${package%%|*}")
done
((${#missing[@]})) || exit 0

if ((EUID != 0)); then
	echo "setup: must be root to install: ${missing[*]}" >&2
	exit 1
fi
echo "setup: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get -q update
apt-get -q install -y --no-install-recommends "${missing[@]}"
