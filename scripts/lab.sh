#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# A two-node pod network in namespaces of this machine, healthy or with one fault: flannel's, or a
# variant (host-gw, Calico, plain Docker …).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib/lab.sh
. "$here/lib/lab.sh"
# shellcheck source=scripts/lib/pods.sh
. "$here/lib/pods.sh"
# shellcheck source=scripts/lib/services.sh
. "$here/lib/services.sh"
# shellcheck source=scripts/lib/faults.sh
. "$here/lib/faults.sh"

usage() {
	cat <<-'END'
		usage: lab.sh [--prefix P] [--variant V] COMMAND
		  up [--ipv6] [--backend nft|legacy] [--proxy iptables|nftables|ipvs]   make the lab
		  down                                 remove it and everything in it
		  fault NAME                           inject a fault (the one before is healed)
		  heal                                 mend the fault
		  list                                 faults: name, finding, description
		  variants                             networks other than flannel's VXLAN: name, description
		  show NAME                            a fault as key=value: finding, pod, command, facts
		  status                               key=value: namespaces, roots, addresses, fault
		  exec NODE|POD COMMAND…               run a command there
		  verify [NAME…]                       does each fault break its traffic, does heal mend it?
		The prefix (default cl) names the lab; several can be up at a time. The variant is what
		kind of network up makes (default flannel), and whose faults list names; the lab
		remembers it.
	END
}

prefix=cl variant=
while (($#)); do
	case $1 in
	--prefix) prefix=${2:?--prefix needs a name} && shift 2 ;;
	--prefix=*) prefix=${1#*=} && shift ;;
	--variant) variant=${2:?--variant needs a name} && shift 2 ;;
	--variant=*) variant=${1#*=} && shift ;;
	-h | --help) usage && exit 0 ;;
	-*) lab_die "unknown option \"$1\"; see lab.sh --help" ;;
	*) break ;;
	esac
done
(($#)) || { usage >&2 && exit 2; }
command=$1
shift
lab_names "$prefix"

lab_command_up() {
	local backend=nft ipv6=no proxy=iptables why
	while (($#)); do
		case $1 in
		--ipv6) ipv6=yes && shift ;;
		--backend) backend=${2:?--backend needs nft or legacy} && shift 2 ;;
		--proxy) proxy=${2:?--proxy needs iptables, nftables or ipvs} && shift 2 ;;
		*) lab_die "up: unknown option \"$1\"" ;;
		esac
	done
	case $proxy in
	iptables | nftables) ;;
	ipvs)
		why=$(services_ipvs_possible)
		[[ -z $why ]] || lab_die "--proxy ipvs is not possible here: $why"
		;;
	*) lab_die "--proxy $proxy: want iptables, nftables or ipvs" ;;
	esac
	lab_up "$backend" "$ipv6" "${variant:-flannel}" "$proxy"
}

lab_command_list() {
	LAB_VARIANT=${variant:-flannel}
	variant_load "$LAB_VARIANT"
	[[ -n $variant || ! -e $LAB_DIR/up ]] || lab_load
	faults_list
}

lab_command_exec() {
	local where=${1:?exec needs a node or a pod}
	shift
	(($#)) || lab_die "exec: no command given"
	case $where in
	node1 | node2 | underlay) exec ip netns exec "$LAB_PREFIX-$where" "$@" ;;
	*) pod "${where#*/}" "$@" ;;
	esac
}

case $command in
up) lab_command_up "$@" ;;
down) lab_down ;;
list) lab_command_list ;;
variants) variants_list ;;
show) lab_load && fault_show "${1:?show needs the name of a fault}" ;;
fault) lab_load && fault_inject "${1:?fault needs a name; see lab.sh list}" ;;
heal) lab_load && fault_heal ;;
status) lab_load && lab_status ;;
exec) lab_load && lab_command_exec "$@" ;;
verify) lab_load && faults_verify "$@" ;;
*) lab_die "unknown command \"$command\"; see lab.sh --help" ;;
esac
