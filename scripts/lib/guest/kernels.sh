# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Debian kernels for guests: which versions there are, where they come from and where they are kept. The
# mirror is the one this machine's apt already uses, apt checks the signatures, and apt's own state is never
# touched. It does not know how a kernel is started.

# One line per kernel of the matrix: name, then the suites it comes from ("+" marks the security archive).
# Of several suites the newest package wins.
kernel_table() {
	cat <<-'TABLE'
	5.10 bullseye bullseye-security+
	6.1 bookworm bookworm-security+
	6.12 trixie trixie-security+
	7 sid
	TABLE
}

kernel_names() {
	kernel_table | cut -d' ' -f1
}

kernel_cache() {
	echo "${CNITRACE_CACHE:-/var/cache/cnitrace}/kernels"
}

# kernel_mirror main|security: the archive that apt is configured for, overridden by CNITRACE_MIRROR and
# CNITRACE_SECURITY_MIRROR. Empty when there is none, which is the case off Debian.
kernel_mirror() {
	local want=$1 main security

	main=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' 2>/dev/null |
		awk '$1 ~ /\/debian\/?$/ && $2 !~ /-security|\/updates/ { print $1; exit }')
	security=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' 2>/dev/null |
		awk '$2 ~ /-security$/ && $1 ~ /debian/ { print $1; exit }')
	main=${CNITRACE_MIRROR:-$main}
	# A mirror nearly always carries both archives side by side.
	[ -n "$security" ] || security=$(sed -nE 's,/debian/?$,/debian-security/,p' <<<"$main")
	security=${CNITRACE_SECURITY_MIRROR:-$security}
	case $want in
	main) echo "$main" ;;
	security) echo "$security" ;;
	esac
}

# kernel_apt DIR PROGRAM ARGS…: apt-get or apt-cache on lists of our own below DIR.
kernel_apt() {
	local dir=$1 program=$2

	shift 2
	"$program" -q -q \
		-o Dir::State="$dir/state" -o Dir::State::status="$dir/status" -o Dir::Cache="$dir/cache" \
		-o Dir::Etc::sourcelist="$dir/sources.list" -o Dir::Etc::sourceparts=/dev/null \
		-o APT::Sandbox::User=root -o Acquire::Languages=none -o Acquire::Check-Valid-Until=false \
		-o Acquire::Retries=2 -o Acquire::http::Timeout=30 -o APT::Architecture="${KERNEL_ARCH:-amd64}" \
		-o APT::Architectures::="${KERNEL_ARCH:-amd64}" "$@"
}

# kernel_sources SUITE…: the sources.list of the suites on standard output, fails when there is no mirror.
kernel_sources() {
	local suite mirror option=
	local keyring=/usr/share/keyrings/debian-archive-keyring.gpg

	[ ! -e "$keyring" ] || option="[signed-by=$keyring]"
	for suite; do
		case $suite in
		*+) mirror=$(kernel_mirror security) suite=${suite%+} ;;
		*) mirror=$(kernel_mirror main) ;;
		esac
		[ -n "$mirror" ] || continue
		echo "deb $option $mirror $suite main"
	done | grep . || return 1
}

# kernel_packages DIR META: META and what it depends on, as far as a kernel needs it. Since 7.x the image
# and the modules are packages of their own.
kernel_packages() {
	local dir=$1 todo=$2 seen=' ' package

	while [ -n "$todo" ]; do
		package=${todo%%$'\n'*}
		todo=$(tail -n +2 <<<"$todo")
		case $seen in *" $package "*) continue ;; esac
		seen+="$package "
		todo+=${todo:+$'\n'}$(kernel_apt "$dir" apt-cache depends --no-recommends --no-suggests \
			--no-breaks --no-conflicts --no-replaces --no-enhances "$package" |
			sed -nE 's/^ *\|?Depends: (linux-(image|binary|modules)-[0-9].*)/\1/p')
	done
	tr ' ' '\n' <<<"$seen" | grep '[0-9]-\|-[0-9]'
}

# kernel_fetch NAME: downloads the kernel's packages unless they are cached. Prints nothing; on failure one
# line on standard error that says why, and 1.
kernel_fetch() {
	local name=$1 arch=${KERNEL_ARCH:-amd64} dir suites meta packages

	dir=$(kernel_cache)/$name${KERNEL_ARCH:+-$KERNEL_ARCH}
	[ ! -e "$dir/complete" ] || return 0
	suites=$(kernel_table | awk -v n="$name" '$1 == n { $1 = ""; print }')
	if [ -z "$suites" ]; then
		echo "kernel $name is not one of: $(kernel_names | xargs)" >&2
		return 1
	fi
	if ! command -v apt-get >/dev/null; then
		echo "kernel $name is not cached and this machine has no apt" >&2
		return 1
	fi
	mkdir -p "$dir/apt/state/lists/partial" "$dir/apt/cache/archives/partial" || return 1
	(
		flock 9
		[ ! -e "$dir/complete" ] || exit 0
		: >"$dir/apt/status"
		# shellcheck disable=SC2086
		if ! kernel_sources $suites >"$dir/apt/sources.list"; then
			echo "kernel $name: this machine's apt has no Debian mirror, set CNITRACE_MIRROR" >&2
			exit 1
		fi
		# A suite that is gone must not hide the other one, so only the outcome counts.
		kernel_apt "$dir/apt" apt-get update >"$dir/apt/log" 2>&1 || true
		# The cloud flavour is the small one and has every module a node needs.
		meta=linux-image-cloud-$arch
		packages=$(kernel_packages "$dir/apt" "$meta")
		if [ -z "$packages" ]; then
			echo "kernel $name: $meta cannot be had: $(grep -m1 '^[EW]:' "$dir/apt/log" || echo 'not in the archive')" >&2
			exit 1
		fi
		# shellcheck disable=SC2086
		if ! (cd "$dir" && kernel_apt "$dir/apt" apt-get download $packages) >>"$dir/apt/log" 2>&1; then
			echo "kernel $name: download failed: $(grep -m1 '^E:' "$dir/apt/log")" >&2
			exit 1
		fi
		rm -rf "$dir/apt/state" "$dir/apt/cache"
		: >"$dir/complete"
	) 9>"$dir/lock"
}

# kernel_unpack NAME DIR: the content of the kernel's packages below DIR.
kernel_unpack() {
	local deb

	for deb in "$(kernel_cache)/$1${KERNEL_ARCH:+-$KERNEL_ARCH}"/*.deb; do
		dpkg-deb -x "$deb" "$2" || return 1
	done
}
