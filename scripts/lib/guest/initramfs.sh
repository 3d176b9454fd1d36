# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Builds what a guest boots into: this machine's programs with their libraries, a kernel's modules, and the
# project tree. The first two are kept in the cache under a hash of their content; the tree is made anew each time.
# It does not know how the guest is run. Needs kernels.sh.

guest_cache() {
	echo "${CNITRACE_CACHE:-/var/cache/cnitrace}/guest"
}

# guest_pack DIR FILE: DIR as an uncompressed cpio archive; emulated CPUs unpack it faster than any compressed one.
guest_pack() {
	(cd "$1" && find . -mindepth 1 | LC_ALL=C sort | busybox cpio -o -H newc 2>/dev/null) >"$2.tmp" && mv "$2.tmp" "$2"
}

# guest_libraries FILE…: the shared libraries these programs load.
guest_libraries() {
	ldd "$@" 2>/dev/null | awk '$2 == "=>" && $3 ~ /^\// { print $3 } $1 ~ /^\// && $1 !~ /:$/ { print $1 }' | sort -u
}

# guest_program_files: every file that the list names, links included. Fails with a sentence when one that must
# be there is missing.
guest_program_files() {
	local list=$1 optional name path found missing=()
	local PATH=/usr/sbin:/usr/bin:/sbin:/bin

	while read -r name; do
		optional=
		case $name in
		'' | '#'*) continue ;;
		'? '*) optional=1 name=${name#? } ;;
		esac
		found=
		case $name in
		/*) for path in $name; do [ ! -f "$path" ] || { echo "$path" && found=1; }; done ;;
		*) ! path=$(type -P "$name") || { echo "$path" && found=1; } ;;
		esac
		[ -n "$found$optional" ] || missing+=("$name")
	done <"$list"
	if [ ${#missing[@]} -gt 0 ]; then
		echo "a guest cannot be built, this machine lacks: ${missing[*]}" >&2
		return 1
	fi
}

# guest_perl_files: prove and the modules that tests use. They load much of it late, so perl is asked to load it now.
guest_perl_files() {
	type -P prove >/dev/null || return 0
	perl -MApp::Prove -MTAP::Base -MJSON::PP -MTime::HiRes -MPOSIX -MSocket -MIO::Socket -MIO::Select -MFile::Temp \
		-MFile::Find -MData::Dumper -MGetopt::Long -MIPC::Open3 -MList::Util -MEncode -MText::ParseWords \
		-MTerm::ANSIColor -MErrno -MBenchmark -Mutf8 -MFindBin -MCwd -MTest::More -e '
		File::Find::find({ no_chdir => 1, wanted => sub { print "$_\n" if -f } }, $INC{"TAP/Base.pm"} =~ s,/Base\.pm$,,r);
		print map { "$_\n" } grep { -f } values %INC, @DynaLoader::dl_shared_objects'
}

# guest_copy DIR FILE…: copies files below DIR; links are kept and followed.
guest_copy() {
	local root=$1 file target

	shift
	for file; do
		while [ -L "$file" ]; do
			target=$(readlink "$file")
			mkdir -p "$root${file%/*}"
			ln -sfn "$target" "$root$file"
			case $target in /*) file=$target ;; *) file=${file%/*}/$target ;; esac
		done
		[ ! -e "$root$file" ] || continue
		mkdir -p "$root${file%/*}"
		cp "$file" "$root$file" || return 1
	done
}

# guest_furnish DIR BUSYBOX: what programs expect of a root file system; busybox stands in for what is missing.
guest_furnish() {
	local stage=$1 applet

	mkdir -p "$stage"/{proc,sys,dev,tmp,run,root,mnt,etc,var/{lib,log,tmp},opt/cni,newroot}
	rm -rf "$stage/var/run"
	ln -s ../run "$stage/var/run"
	ln -sfn ../proc/self/mounts "$stage/etc/mtab"
	for applet in $(busybox --list); do
		[ -e "$stage/usr/bin/$applet" ] || [ -L "$stage/usr/bin/$applet" ] || [ -e "$stage/usr/sbin/$applet" ] ||
			[ -L "$stage/usr/sbin/$applet" ] || ln -s "$2" "$stage/usr/bin/$applet"
	done
	[ -e "$stage/opt/cni/bin" ] || ln -s /usr/lib/cni "$stage/opt/cni/bin"
	echo 'root:x:0:0:root:/root:/bin/bash' >"$stage/etc/passwd"
	echo 'nobody:x:65534:65534:nobody:/:/bin/false' >>"$stage/etc/passwd"
	printf 'root:x:0:\nnogroup:x:65534:\n' >"$stage/etc/group"
	printf '127.0.0.1 localhost guest\n::1 localhost\n' >"$stage/etc/hosts"
	printf 'passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n' >"$stage/etc/nsswitch.conf"
}

# guest_programs: the path of the archive with this machine's programs.
guest_programs() {
	local here=$1 cache hash files stage all

	cache=$(guest_cache)
	mkdir -p "$cache" || return 1
	files=$(guest_program_files "$here/programs") || return 1
	# Looking up libraries takes seconds, so the linker's cache stands for them.
	# shellcheck disable=SC2086
	hash=$({ stat -L -c '%n %s %Y' $files /etc/ld.so.cache && cat "$here/programs" "$here/initramfs.sh"; } | sha256sum | cut -c1-16)
	if [ ! -e "$cache/programs-$hash.cpio" ]; then
		files+=" $(guest_perl_files)" || return 1
		# shellcheck disable=SC2046,SC2086
		all="$files $(guest_libraries $(printf '%s\n' $files | grep -vE '\.p[lmh]$|^/etc/|/terminfo/|/systemd/system/'))"
		stage=$(mktemp -d) || return 1
		mkdir -p "$stage"/usr/{bin,sbin,lib,lib64}
		ln -s usr/bin usr/sbin usr/lib usr/lib64 "$stage"
		# shellcheck disable=SC2086
		guest_copy "$stage" $all || return 1
		guest_furnish "$stage" "$(type -P busybox)"
		guest_pack "$stage" "$cache/programs-$hash.cpio" || return 1
		# Earlier ones that no guest can be starting from.
		find "$cache" -name 'programs-*.cpio' -mmin +600 -delete
		rm -rf "$stage"
	fi
	echo "$cache/programs-$hash.cpio"
}

# Module directories and files a node can need; dependencies are added.
guest_module_pattern() {
	printf '%s\n' 'net/(802|8021q|bridge|core|ipv4|ipv6|key|llc|mpls|netfilter|netlink|nsh|packet|psample|sched|sctp|unix|xdp|xfrm)/' \
		'drivers/net/(bonding|ipvlan|vxlan|wireguard)/' \
		'drivers/net/(dummy|geneve|ifb|macvlan|macvtap|nlmon|tap|tun|veth|virtio_net|vrf|bareudp)\.ko' \
		'drivers/(char/(virtio_console|hw_random/virtio-rng)|virtio/)' 'lib/(crc|libcrc|ts_|test_bpf)' \
		'crypto/(crc32c|sha256|hmac|md5)' 'fs/overlayfs/' 'arch/.*/crc'
}

# guest_modules NAME: sets guest_release, guest_vmlinuz and guest_modules_cpio.
guest_modules() {
	local name=$1 here=$2 cache hash stage unpacked tree base module
	local kernels

	cache=$(guest_cache)
	kernels=$(kernel_cache)/$name${KERNEL_ARCH:+-$KERNEL_ARCH}
	hash=$({ stat -c '%n %s' "$kernels"/*.deb && cat "$here/initramfs.sh"; } | sha256sum | cut -c1-16)
	base=$cache/kernel-$hash
	if [ ! -e "$base/modules.cpio" ]; then
		unpacked=$(mktemp -d) && stage=$(mktemp -d) || return 1
		kernel_unpack "$name" "$unpacked" && mkdir -p "$base" || return 1
		# Some releases use /lib, some /usr/lib.
		tree=$(echo "$unpacked"/{usr/,}lib/modules/*/kernel | tr ' ' '\n' | grep -v '\*' | head -1)
		tree=${tree%/kernel}
		guest_release=${tree##*/}
		[ "$tree" = "$unpacked/lib/modules/$guest_release" ] || { mkdir -p "$unpacked/lib" && mv "$unpacked/usr/lib/modules" "$unpacked/lib/"; }
		tree=$unpacked/lib/modules/$guest_release
		depmod -b "$unpacked" "$guest_release" 2>/dev/null
		mkdir -p "$stage/usr/lib/modules/$guest_release"
		(cd "$tree" && grep -E "^kernel/($(guest_module_pattern | paste -sd'|'))" modules.dep | tr -d ':' | tr ' ' '\n' | sort -u |
			xargs cp --parents -t "$stage/usr/lib/modules/$guest_release") || return 1
		cp "$tree"/modules.{builtin,order}* "$stage/usr/lib/modules/$guest_release/" 2>/dev/null
		find "$stage" -name '*.ko.xz' -exec xz -d {} +
		find "$stage" -name '*.ko.zst' -exec zstd -q -d --rm {} +
		ln -s usr/lib "$stage/lib"
		depmod -b "$stage" "$guest_release" 2>/dev/null
		rm "$stage/lib"
		for module in "$unpacked"/boot/vmlinuz-* "$tree"/vmlinuz; do [ ! -e "$module" ] || cp "$module" "$base/vmlinuz"; done
		echo "$guest_release" >"$base/release"
		guest_pack "$stage" "$base/modules.cpio" || return 1
		rm -rf "$unpacked" "$stage"
	fi
	guest_release=$(cat "$base/release")
	# shellcheck disable=SC2034 # for whoever boots it: guest.sh
	guest_vmlinuz=$base/vmlinuz
	# shellcheck disable=SC2034
	guest_modules_cpio=$base/modules.cpio
}
