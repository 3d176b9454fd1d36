# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Faults: each is a file faults/NAME.sh that says which finding it must give (FAULT_ID,
# FAULT_CLASS, EXPECT), how to inject and heal it, and which traffic of which pod shows it.
# Demo, tests and the kernel matrix all read these same definitions.

FAULTS_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/faults

# Loads the definition of $1 over the defaults:
#   FAULT_ID       finding id of the catalogue        FAULT_CLASS  its class
#   FAULT_TEXT     one line for people                FAULT_POD    pod that sends (lab name)
#   FAULT_BROKEN   yes: the lab has it from the start, heal repairs it
#   FAULT_SILENT   yes: the traffic's own exit status does not show it
#   FAULT_FACTS    JSON the finding's `facts` must contain
#   inject, heal   functions                          traffic      sets TRAFFIC=(command …)
#   possible       prints why this kernel cannot do it, or nothing
fault_load() {
	[[ $1 =~ ^[a-z0-9-]+$ && -e $FAULTS_DIR/$1.sh ]] ||
		lab_die "no fault \"$1\"; see lab.sh list"
	FAULT=$1 FAULT_ID='' FAULT_CLASS='' FAULT_TEXT='' FAULT_POD=busybox FAULT_BROKEN=no FAULT_SILENT=no
	FAULT_FACTS='{}'
	TRAFFIC=()
	possible() { :; }
	# shellcheck disable=SC1090
	. "$FAULTS_DIR/$1.sh"
}

faults_names() {
	local file
	for file in "$FAULTS_DIR"/*.sh; do
		file=${file##*/}
		printf '%s\n' "${file%.sh}"
	done
}

faults_list() {
	local name
	while read -r name; do
		fault_load "$name"
		printf '%-28s %-24s %s\n' "$name" "$FAULT_ID" "$FAULT_TEXT"
	done < <(faults_names)
}

# For scripts: everything quoted so that `eval` or `.` takes it.
fault_show() {
	fault_load "$1"
	traffic
	printf 'FAULT=%q\nFAULT_ID=%q\nFAULT_CLASS=%q\nFAULT_TEXT=%q\nFAULT_POD=%q\nFAULT_NODE=%q\nFAULT_BROKEN=%q\nFAULT_FACTS=%q\nFAULT_IMPOSSIBLE=%q\n' \
		"$FAULT" "$FAULT_ID" "$FAULT_CLASS" "$FAULT_TEXT" "$(pod_var "$FAULT_POD" name)" \
		"$(pod_var "$FAULT_POD" node)" "$FAULT_BROKEN" "$FAULT_FACTS" "$(possible)"
	printf 'TRAFFIC=('
	printf ' %q' "${TRAFFIC[@]}"
	printf ' )\n'
}

# The name is kept before anything changes, so that a half-injected fault is healed too.
fault_inject() {
	local why
	[[ ! -e $LAB_DIR/fault ]] || fault_heal
	fault_load "$1"
	why=$(possible)
	[[ -z $why ]] || lab_die "fault $1 is not possible here: $why"
	printf '%s\n' "$1" >"$LAB_DIR/fault"
	inject
}

fault_heal() {
	[[ -e $LAB_DIR/fault ]] || return 0
	fault_load "$(cat "$LAB_DIR/fault")"
	heal
	rm -f "$LAB_DIR/fault"
}

# undo CMD…: a step of heal; it may have nothing to undo.
undo() { "$@" 2>/dev/null || true; }

fault_traffic() {
	traffic
	pod "$FAULT_POD" "${TRAFFIC[@]}" >"$LAB_DIR/log/traffic" 2>&1
}

# One TAP line each: passes before, fails with the fault, passes after healing.
faults_verify() {
	local name why
	(($#)) || mapfile -t names < <(faults_names) && (($#)) && names=("$@")
	for name in "${names[@]}"; do
		fault_load "$name"
		why=$(possible)
		if [[ -n $why ]]; then
			printf 'ok - %s # SKIP %s\n' "$name" "$why"
		elif why=$(fault_verify "$name"); then
			printf 'ok - %s\n' "$name"
		else
			printf 'not ok - %s: %s\n' "$name" "$why"
		fi
	done
}

fault_verify() {
	[[ $FAULT_BROKEN == yes ]] || fault_traffic || { echo "traffic fails in the healthy lab" && return 1; }
	fault_inject "$1" >/dev/null || { echo "cannot be injected" && return 1; }
	if [[ $FAULT_SILENT == no ]] && fault_traffic; then
		echo "traffic passes in spite of it"
		fault_heal
		return 1
	fi
	fault_heal || { echo "cannot be healed" && return 1; }
	fault_traffic || { echo "traffic fails after healing" && return 1; }
}
