#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Installs what is missing on Debian 12; installs nothing, and asks nobody, when all is there.
set -euo pipefail

build=(
	gcc make libc6-dev clang bpftool pkg-config
	libbpf-dev libelf-dev zlib1g-dev libnl-3-dev libnl-route-3-dev libmnl-dev libnftnl-dev
	libjson-c-dev libpcap0.8-dev libmicrohttpd-dev libncurses-dev
)
# The lab's own tools.
lab=(
	iproute2 iptables nftables containernetworking-plugins 'busybox|busybox-static' dnsmasq-base
	iputils-ping mtr-tiny curl bind9-dnsutils ethtool conntrack procps util-linux jq perl
)
# What the tests are built from, read and compare with.
tests=(
	libcmocka-dev llvm libclang-rt-dev python3-jsonschema prometheus tmux strace
	runc netcat-openbsd python3-yaml zsh fish clang-format cppcheck shellcheck
)
# Node.js checks the manifests. Another build of it than Debian's brings npm along, and the two exclude each other.
command -v node >/dev/null || tests+=(nodejs)
command -v npm >/dev/null || tests+=(npm)
# A guest kernel, for machines that refuse BPF and for the kernel matrix.
mapfile -t guest < <(grep -vE '^(#|busybox$|$)' "$(dirname "${BASH_SOURCE[0]}")/lib/guest/packages")
# The matrix has an arm64 guest too.
matrix=(qemu-system-arm gcc-aarch64-linux-gnu libc6-dev-arm64-cross)

usage() {
	cat <<-'END'
		usage: setup.sh [--build-only | --lab | --guest | --matrix] [--list]
		  --build-only   only what `make` needs, not what the lab and the tests need
		  --lab          that and what the lab needs, not what the tests need
		  --guest        also QEMU and what a guest is made of
		  --matrix       all that, and what the kernel matrix needs for arm64
		  --list         print the packages and stop
	END
}

packages=("${build[@]}" "${lab[@]}" "${tests[@]}")
list=no schema=yes
while (($#)); do
	case $1 in
	--build-only) packages=("${build[@]}") schema=no ;;
	--lab) packages=("${build[@]}" "${lab[@]}") schema=no ;;
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
if ((${#missing[@]})); then
	if ((EUID != 0)); then
		echo "setup: must be root to install: ${missing[*]}" >&2
		exit 1
	fi
	echo "setup: installing ${missing[*]}"
	export DEBIAN_FRONTEND=noninteractive
	apt-get -q update
	apt-get -q install -y --no-install-recommends "${missing[@]}"
fi

# Kubernetes' schema is in no Debian package; without a network only the check of the manifests goes without it.
if [[ $schema == yes ]]; then
	cd "$(dirname "${BASH_SOURCE[0]}")/.."
	# shellcheck source=scripts/lib/k8s_schema.sh
	. scripts/lib/k8s_schema.sh
	why=$(k8s_schema_fetch) || echo "setup: Kubernetes' schema is not here, the manifests cannot be checked against it: $why" >&2
fi
