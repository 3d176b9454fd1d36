# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Debian for arm64 as a directory: what cnitrace is cross-built against and what an arm64 guest runs. It is made
# of packages that apt resolves on lists of its own, so this machine's dpkg learns no second architecture.
# Needs kernels.sh and initramfs.sh.

# What to build with, then what the lab and the tests run in the guest.
arm64_packages() {
	# shellcheck disable=SC2046
	"$arm64_scripts/setup.sh" --build-only --list | grep -vxE 'gcc|make|clang|bpftool|pkg-config'
	printf '%s\n' bash busybox coreutils sed grep findutils diffutils gawk tar gzip util-linux procps kmod jq curl perl \
		iproute2 iptables nftables ipset conntrack iputils-ping iputils-arping dnsmasq-base bind9-dnsutils ethtool \
		containernetworking-plugins libcap2-bin bpftool strace
}

arm64_scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# arm64_root: the path of the directory, made at the first call. On failure one line on standard error that says why.
arm64_root() (
	export KERNEL_ARCH=arm64
	base=${CNITRACE_CACHE:-/var/cache/cnitrace}/arm64
	wanted=$(arm64_packages | sha256sum | cut -c1-16)
	root=$base/root-$wanted

	mkdir -p "$base" || return 1
	exec 9>"$base/lock"
	flock 9
	[[ ! -e $root/complete ]] || { echo "$root" && return 0; }
	rm -rf "$base/apt" "$root"
	mkdir -p "$base/apt/state/lists/partial" "$base/apt/cache/archives/partial" "$root"/usr/{bin,sbin,lib,lib64} || return 1
	: >"$base/apt/status"
	suite=$(. /etc/os-release && echo "${VERSION_CODENAME-}")
	if ! kernel_sources "$suite" "$suite-security+" >"$base/apt/sources.list"; then
		echo "arm64: this machine's apt has no Debian mirror, set CNITRACE_MIRROR" >&2
		return 1
	fi
	kernel_apt "$base/apt" apt-get update >"$base/apt/log" 2>&1 || true
	# shellcheck disable=SC2046
	if ! kernel_apt "$base/apt" apt-get install -y --no-install-recommends --download-only $(arm64_packages) >>"$base/apt/log" 2>&1; then
		echo "arm64: packages cannot be had: $(grep -m1 '^E:' "$base/apt/log")" >&2
		return 1
	fi
	ln -s usr/bin usr/sbin usr/lib usr/lib64 "$root"
	for package in "$base"/apt/cache/archives/*.deb; do
		# Through a pipe: dpkg-deb -x would put a directory in the place of the links above.
		dpkg-deb --fsys-tarfile "$package" | tar -x -C "$root" --keep-directory-symlink || return 1
	done
	arm64_links "$root" || return 1
	rm -rf "$base/apt"
	: >"$root/complete"
	echo "$root"
)

# arm64_links ROOT: what the packages' own scripts would have set up.
arm64_links() {
	local root=$1 name target

	for name in {ip,ip6}tables{,-save,-restore}; do
		ln -sfn "${name/tables/tables-nft}" "$root/usr/sbin/$name"
	done
	ln -sfn gawk "$root/usr/bin/awk"
	# Absolute links of development packages lead out of a directory that is not the root.
	find "$root/usr/lib" -name '*.so' -lname '/*' -printf '%p %l\n' | while read -r name target; do
		ln -sfn "$(realpath -m --relative-to="${name%/*}" "$root$target")" "$name"
	done
}

# arm64_programs: the path of the archive that an arm64 guest boots from: the directory without what only a
# compiler or a reader needs.
arm64_programs() {
	local root stage
	root=$(arm64_root) || return 1
	if [[ ! -e $root.cpio ]]; then
		stage=$(mktemp -d) || return 1
		tar -C "$root" -c --exclude=./complete --exclude=./usr/include --exclude='*.a' --exclude=./usr/share/doc \
			--exclude=./usr/share/man --exclude=./usr/share/locale --exclude=./usr/share/info \
			--exclude='./usr/lib/*/gconv' --exclude='./usr/lib/gcc*' --exclude='./usr/share/perl/*/unicore' . |
			tar -C "$stage" -x || return 1
		guest_furnish "$stage" /usr/bin/busybox
		guest_pack "$stage" "$root.cpio" || return 1
		rm -rf "$stage"
	fi
	echo "$root.cpio"
}

# arm64_build TREE: builds cnitrace there for arm64, in build/arm64.
arm64_build() {
	local root
	root=$(arm64_root) || return 1
	make --no-print-directory -s -C "$1" -j2 BUILD=build/arm64 CROSS=aarch64-linux-gnu- SYSROOT="$root"
}
