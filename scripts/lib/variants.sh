# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
# Variants of the lab: other networks than flannel's VXLAN with its bridge cni0. Each is a file
# variants/NAME.sh that says what it is (VARIANT_TEXT), redefines the steps of lab.sh, pods.sh and
# services.sh that differ, names the faults of scripts/lib/faults that hold there as they are
# (VARIANT_FAULTS), and defines its own as functions variant_fault_NAME ('-' as '_').

VARIANTS_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/variants

# What may differ: netfilter rules (on their way to iptables-restore), and what comes after them.
variant_rules() { cat; }
variant_services() { :; }
# Prints why this machine cannot have the variant, or nothing.
variant_possible() { :; }

variants_names() {
	local file
	for file in "$VARIANTS_DIR"/*.sh; do
		file=${file##*/}
		printf '%s\n' "${file%.sh}"
	done
}

# variant_load NAME: the functions of that variant replace the defaults. "flannel" is the default.
variant_load() {
	[[ $1 != flannel ]] || return 0
	[[ $1 =~ ^[a-z0-9-]+$ && -e $VARIANTS_DIR/$1.sh ]] ||
		lab_die "no variant \"$1\"; there are: flannel $(variants_names | paste -sd' ' -)"
	VARIANT_TEXT='' VARIANT_FAULTS=''
	# shellcheck disable=SC1090
	. "$VARIANTS_DIR/$1.sh"
}

variants_list() {
	local name
	printf '%-12s %s\n' flannel "flannel's VXLAN, bridge cni0, IPv4 (the default)"
	while read -r name; do
		variant_load "$name"
		printf '%-12s %s\n' "$name" "$VARIANT_TEXT"
	done < <(variants_names)
}

variant_faults() {
	# shellcheck disable=SC2086 # a list
	{
		compgen -A function variant_fault_ | sed 's/^variant_fault_//; s/_/-/g'
		[[ -z $VARIANT_FAULTS ]] || printf '%s\n' $VARIANT_FAULTS
	} | sort
}

# For faults of variants: what most of them ping or fetch.
ping_to() { TRAFFIC=(ping -c 3 -i 0.2 -W 1 "$1"); }
fetch() { TRAFFIC=(curl -sS --max-time 2 -o /dev/null "http://$1/"); }
dig_web() { TRAFFIC=(sh -c "dig +time=1 +tries=1 @$1 ${2:-A} web.default.svc.cluster.local | grep -q 'status: NOERROR'"); }
