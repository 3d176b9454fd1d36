# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Starts one guest, streams what it prints and brings back its exit status. It does not know what runs inside.
# Needs kernels.sh and initramfs.sh.

guest_lib=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
guest_timeout=600
guest_memory=1024
guest_cpus=2
guest_build=
guest_console=
guest_env=()
guest_get=()

# guest_tree DIR TREE COMMAND…: DIR gets what differs between runs: the first process, the tree, the command.
guest_tree() {
	local dir=$1 tree=$2 name build
	local -a binaries

	shift 2
	mkdir -p "$dir/cnitrace" "$dir/guest" "$dir"/usr/{bin,sbin,lib,lib64} || return 1
	# As in the programs' archive: a directory of that name here would replace the link there.
	ln -s usr/bin usr/sbin usr/lib usr/lib64 "$dir"
	cp "$guest_lib/init" "$dir/init"
	chmod +x "$dir/init"
	for name in scripts tests README.md Makefile user/output/schema; do
		[ ! -e "$tree/$name" ] || (cd "$tree" && cp -r --parents "$name" "$dir/cnitrace/") || return 1
	done
	if type -P clang >/dev/null; then
		# shellcheck source=scripts/lib/guard.sh
		(. "$guest_lib/../guard.sh" && guard_prepare "$dir/cnitrace/build/guard") || return 1
	fi
	build=${guest_build:-$tree/build}
	if [ -d "$build" ]; then
		mkdir -p "$dir/cnitrace/build"
		# Objects, skeletons and builds with sanitizers are of no use there.
		(cd "$build" && find . -path ./sanitized -prune -o -type f -perm -u+x -print0 | xargs -0r cp --parents -t "$dir/cnitrace/build") ||
			return 1
		mapfile -t binaries < <(find "$dir/cnitrace/build" -type f)
		if [ ${#binaries[@]} -gt 0 ]; then
			# shellcheck disable=SC2046
			guest_copy "$dir" $(guest_libraries "${binaries[@]}") || return 1
		fi
	fi
	if [ $# -eq 0 ]; then
		: >"$dir/guest/shell"
		return 0
	fi
	{
		for name in "${guest_env[@]}"; do printf 'export %q\n' "$name"; done
		printf '%q ' "$@"
		printf '\n'
	} >"$dir/guest/command"
	printf '%s\n' "${guest_get[@]}" >"$dir/guest/get"
}

# guest_reason CONSOLE QEMU-LOG: one line that says why a guest ended without a status.
guest_reason() {
	local line

	line=$(grep -a -m1 -E 'Kernel panic|BUG:|Oops' "$1" | sed 's/^\[[^]]*\] //' | tr -d '\r')
	if [ -n "$line" ]; then
		echo "the guest's kernel died: $line"
	elif [ -s "$2" ]; then
		echo "QEMU ended: $(tail -1 "$2")"
	else
		echo "the guest ended without a result: $(tr -d '\r' <"$1" | grep -a . | tail -1)"
	fi
}

# guest_machine: the emulator, its CPU and the first console, by the guest's architecture.
guest_machine() {
	if [[ ${KERNEL_ARCH-} == arm64 ]]; then
		# A CPU without pointer authentication, which takes TCG several times as long.
		qemu=(qemu-system-aarch64 -M virt -accel 'tcg,thread=multi' -cpu cortex-a72)
		console=ttyAMA0
		return
	fi
	# Without cx16, QEMU's TCG now and then returns wrong flags for it, which panics 6.12. The others cost it time:
	# deeper page tables, byte-wise string moves, and vector registers that C libraries then prefer.
	qemu=(qemu-system-x86_64 -accel 'tcg,thread=multi' -cpu 'max,-cx16,-la57,-erms,-fsrm,-avx,-avx2,-smap,-smep,-pku')
	console=ttyS0
}

# guest_watch STATUS: until the guest should have ended: it said its command's exit status a while ago, or its time is over.
# An emulated machine at times hangs as it powers off, with both CPUs busy.
guest_watch() {
	local end=$((SECONDS + guest_timeout)) left=20

	while ((SECONDS < end && left)); do
		sleep 1
		! grep -qs '^exit ' "$1" || left=$((left - 1))
	done
}

# guest_run KERNEL TREE [COMMAND…]: see guest.sh --help for what it returns. Sets guest_booted to the seconds that
# the guest's kernel counted until the command started.
guest_run() {
	local kernel=$1 tree=$2 run programs console pid watch status out err hold_out hold_err
	local -a qemu

	shift 2
	guest_machine
	type -P "${qemu[0]}" >/dev/null || { echo "guest: ${qemu[0]} is not installed" >&2 && return 125; }
	programs=$(if [[ ${KERNEL_ARCH-} == arm64 ]]; then arm64_programs; else guest_programs "$guest_lib"; fi) || return 125
	guest_modules "$kernel" "$guest_lib" || { echo "guest: the packages of kernel $kernel cannot be unpacked" >&2 && return 125; }
	run=$(mktemp -d) || return 125
	# shellcheck disable=SC2154 # set by guest_modules
	guest_tree "$run/tree" "$tree" "$@" && guest_pack "$run/tree" "$run/tree.cpio" &&
		cat "$programs" "$guest_modules_cpio" "$run/tree.cpio" >"$run/initrd" || return 125
	rm -rf "$run/tree" "$run/tree.cpio"

	# norandmaps: TCG keeps what it translated by virtual address, so programs at the same one each time run a third faster.
	# shellcheck disable=SC2154 # set by guest_modules
	qemu+=(-smp "$guest_cpus" -m "$guest_memory" -nodefaults -no-user-config
		-display none -no-reboot -kernel "$guest_vmlinuz" -initrd "$run/initrd"
		-device 'virtio-serial-pci,max_ports=5'
		-append "console=$console rdinit=/init panic=-1 oops=panic loglevel=4 mitigations=off random.trust_cpu=on net.ifnames=0 tsc=reliable lsm=bpf norandmaps init_on_alloc=0")
	: >"$run/console"
	: >"$run/qemu"
	: >"$run/status"
	: >"$run/get"
	mkfifo "$run/out" "$run/err"
	if [ $# -eq 0 ]; then
		qemu+=(-serial 'mon:stdio')
	else
		qemu+=(-serial "file:$run/console")
	fi
	qemu+=(-chardev "file,id=out,path=$run/out" -device 'virtserialport,chardev=out,nr=1'
		-chardev "file,id=err,path=$run/err" -device 'virtserialport,chardev=err,nr=2'
		-chardev "file,id=status,path=$run/status" -device 'virtserialport,chardev=status,nr=3'
		-chardev "file,id=get,path=$run/get" -device 'virtserialport,chardev=get,nr=4')
	# Held open here, so that the readers end when QEMU has ended, and also when it never started.
	exec {hold_out}<>"$run/out" {hold_err}<>"$run/err"
	cat "$run/out" {hold_out}>&- {hold_err}>&- &
	out=$!
	cat "$run/err" >&2 {hold_out}>&- {hold_err}>&- &
	err=$!
	if [ $# -eq 0 ]; then
		"${qemu[@]}"
		pid=
	else
		"${qemu[@]}" </dev/null >"$run/qemu" 2>&1 {hold_out}>&- {hold_err}>&- &
		pid=$!
	fi
	if [ -n "$pid" ]; then
		# An interrupted caller must not leave a guest behind.
		trap 'kill "$pid" 2>/dev/null; rm -rf "$run"; exit 130' INT TERM HUP
		guest_watch "$run/status" {hold_out}>&- {hold_err}>&- &
		watch=$!
		wait -n "$pid" "$watch"
		if kill -0 "$pid" 2>/dev/null; then
			kill "$pid" 2>/dev/null
			sleep 1
			kill -KILL "$pid" 2>/dev/null
			if ! grep -qs '^exit ' "$run/status"; then
				status=124
				echo "guest: kernel $kernel: not finished after $guest_timeout seconds, ended" >&2
			fi
		fi
		kill "$watch" 2>/dev/null
		wait "$pid" "$watch" 2>/dev/null
		trap - INT TERM HUP
	fi
	exec {hold_out}>&- {hold_err}>&-
	wait "$out" "$err" 2>/dev/null
	# shellcheck disable=SC2034 # callers read it
	guest_booted=$(sed -n 's/^booted \([^ ]*\) .*/\1/p' "$run/status")
	if [ -z "${status-}" ]; then
		status=$(sed -n 's/^exit \([0-9]*\)$/\1/p' "$run/status" | tail -1)
		if [ -z "$status" ]; then
			status=124
			echo "guest: kernel $kernel: $(guest_reason "$run/console" "$run/qemu")" >&2
		fi
	fi
	[ -z "$guest_console" ] || cp "$run/console" "$guest_console"
	[ ! -s "$run/get" ] || tar -C "$tree" -xzf "$run/get"
	rm -rf "$run"
	return "$status"
}
