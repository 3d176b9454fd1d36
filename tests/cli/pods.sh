# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# For the tests of pods' names: processes in cgroups as each runtime and driver makes them, and drops in a pod. Goes
# after tests/faults/lib.sh; the cgroups are removed with the lab.

CGROUPS=()
pods_end() {
	local status=$? top
	trap - EXIT
	[[ -z ${monitor_pid:-} ]] || kill -KILL "$monitor_pid" 2>/dev/null || true
	lab_down || true
	for top in ${CGROUPS[@]+"${CGROUPS[@]}"}; do
		find "$top" -depth -type d -exec rmdir {} \; 2>/dev/null || true
	done
	(exit "$status") || true
	tests_end
}
trap pods_end EXIT

# hierarchy v1|v2: where one is mounted, nothing when there is none.
hierarchy() {
	local place
	for place in /sys/fs/cgroup/unified /sys/fs/cgroup; do
		[[ $1 != v2 || $(stat -f -c %T "$place" 2>/dev/null) != cgroup2fs ]] || { printf '%s' "$place" && return; }
	done
	[[ $1 != v1 || $(stat -f -c %T /sys/fs/cgroup/systemd 2>/dev/null) != cgroupfs ]] || printf /sys/fs/cgroup/systemd
}

# cgroup_make HIERARCHY PATH: CGROUP is its directory.
cgroup_make() {
	local top=$1/cnitrace-$LAB_PREFIX
	[[ " ${CGROUPS[*]-} " == *" $top "* ]] || CGROUPS+=("$top")
	CGROUP=$top/$2
	mkdir -p "$CGROUP"
}

# sandbox NAME HIERARCHY PATH [NETNS]: a process there, in a namespace of its own unless told.
sandbox() {
	local name=$1
	cgroup_make "$2" "$3"
	[[ -n ${4:-} ]] || netns_make "$name"
	# shellcheck disable=SC2016
	process_start "cg-$name" "${4:-$name}" sh -c 'echo $$ >"$0/cgroup.procs" && exec sleep infinity' "$CGROUP"
	wait_until 1000 grep -qs "cnitrace-$LAB_PREFIX/" "/proc/$(process_pid "cg-$name")/cgroup"
}
uid_new() { cat /proc/sys/kernel/random/uuid; }
id_new() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }

# cgroup_path RUNTIME-DRIVER UID ID
cgroup_path() {
	local slice=${2//-/_}
	case $1 in
	containerd-systemd) printf 'kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod%s.slice/cri-containerd-%s.scope' "$slice" "$3" ;;
	guaranteed-systemd) printf 'kubepods.slice/kubepods-pod%s.slice/cri-containerd-%s.scope' "$slice" "$3" ;;
	crio-systemd) printf 'kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod%s.slice/crio-%s.scope/container' "$slice" "$3" ;;
	docker-systemd) printf 'kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod%s.slice/docker-%s.scope' "$slice" "$3" ;;
	containerd-cgroupfs | docker-cgroupfs) printf 'kubepods/burstable/pod%s/%s' "$2" "$3" ;;
	guaranteed-cgroupfs) printf 'kubepods/pod%s/%s' "$2" "$3" ;;
	crio-cgroupfs) printf 'kubepods/besteffort/pod%s/crio-%s' "$2" "$3" ;;
	kind-systemd) printf 'system.slice/docker-%s.scope/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/kubelet-kubepods-burstable-pod%s.slice/cri-containerd-%s.scope' "$(id_new)" "$slice" "$3" ;;
	kind-cgroupfs) printf 'docker/%s/kubelet/kubepods/burstable/pod%s/%s' "$(id_new)" "$2" "$3" ;;
	mismatch) printf 'system.slice/containerd.service/kubepods-burstable-pod%s.slice:cri-containerd:%s' "$slice" "$3" ;;
	esac
}

# Five datagrams to a port that nobody listens on: a drop in the pod's namespace.
# shellcheck disable=SC2016 # Perl's variables
knock() { pod web perl -MIO::Socket::INET -e 'my $s = IO::Socket::INET->new(Proto => "udp", PeerAddr => $ARGV[0],
	PeerPort => $ARGV[1]) or die; for (1..50) { my $n = 5; while ($n) { $n-- if defined $s->send("knock") } last }' "$@"; }
