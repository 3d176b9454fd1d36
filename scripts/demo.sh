#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Shows cnitrace at work: a two-node lab, a healthy ping, then three faults and what it says
# of each. demo.sh FAULT shows one fault; demo.sh --list names them.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
for part in lab pods services faults trace guest/fallback; do
	# shellcheck disable=SC1090
	. "$here/lib/$part.sh"
done

usage() {
	cat <<-'END'
		usage: demo.sh            healthy lab, then three faults
		       demo.sh FAULT…     these faults only
		       demo.sh --list     the faults that cnitrace diagnoses
	END
}

case ${1:-} in
-h | --help) usage && exit 0 ;;
--list)
	# What has a definition but no diagnosis yet is no demonstration.
	faults_list | grep -wFf "$here/../tests/faults/built" || echo "demo: no fault is diagnosed yet" >&2
	exit 0
	;;
-*) printf 'demo: unknown option "%s"; see demo.sh --help\n' "$1" >&2 && exit 2 ;;
esac
for name in "$@"; do
	fault_load "$name"
done
((EUID == 0)) || { echo "demo: must be root: sudo $0 $*" >&2 && exit 3; }

[[ -e /guest/command ]] || "$here/setup.sh" --lab
# Up to date already: nothing to say. Otherwise the compiler's messages matter.
[[ -e /guest/command ]] || make -C "$here/.." --no-print-directory -j2 >"${TMPDIR:-/tmp}/cnitrace-demo-build.$$" 2>&1 || {
	cat "${TMPDIR:-/tmp}/cnitrace-demo-build.$$" >&2
	rm -f "${TMPDIR:-/tmp}/cnitrace-demo-build.$$"
	exit 1
}
rm -f "${TMPDIR:-/tmp}/cnitrace-demo-build.$$"

! need_guest || run_in_guest scripts/demo.sh "$@"

lab_names "demo$$"
traced=
finish() {
	trap '' INT TERM
	[[ -z $traced ]] || kill -INT "$traced" 2>/dev/null || true
	lab_down
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

title() { printf '\n\033[1m== %s\033[0m\n' "$*"; }

# Prints the command as one would type it on the node, then runs it there.
show_run() {
	local node=$1 status=0
	shift
	printf '%s# cnitrace' "$node"
	printf ' %s' "$@"
	printf '\n'
	cnitrace_on "$node" "$@" &
	traced=$!
	wait "$traced" || status=$?
	traced=
	((status == 0 || status == 10)) || { echo "demo: cnitrace failed with status $status" >&2 && exit 1; }
}

show_fault() {
	fault_load "$1"
	title "$1: $FAULT_TEXT"
	"$here/lab.sh" --prefix "$LAB_PREFIX" fault "$1"
	lab_load
	cnitrace_arguments
	show_run "$CNITRACE_NODE" "${CNITRACE_ARGS[@]}"
	"$here/lab.sh" --prefix "$LAB_PREFIX" heal
	lab_load
}

tunnel_sent() {
	node1 cat /proc/self/net/dev 2>/dev/null | awk '$1 == "flannel.1:" { print $10 }'
}

tunnel_used() { (($(tunnel_sent) >= $1 + 2)); }

# flannel.1 of the other node goes while the pod pings: after its first packets went through.
show_tunnel_deleted() {
	local before saboteur
	fault_load remote-overlay-down
	title "flannel.1 of the other node is deleted while a pod pings"
	before=$(tunnel_sent)
	(
		trap - EXIT
		wait_until 1000 tunnel_used "$before" &&
			"$here/lab.sh" --prefix "$LAB_PREFIX" fault remote-overlay-down
	) &
	saboteur=$!
	show_run node1 trace --pod default/busybox -- ping -c 6 -i 0.3 -W 1 "$(address_of web2)"
	wait "$saboteur"
	"$here/lab.sh" --prefix "$LAB_PREFIX" heal
}

"$here/lab.sh" --prefix "$LAB_PREFIX" up
lab_load
if (($#)); then
	for name in "$@"; do
		show_fault "$name"
	done
	exit 0
fi
title "a healthy network"
show_run node1 trace --pod default/busybox -- ping -c 3 -i 0.2 "$(address_of web2)"
show_tunnel_deleted
show_fault mtu-exceeded
show_fault service-port-wrong
