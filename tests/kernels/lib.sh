# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# For the tests of the kernel matrix, which run inside a guest: the lab tests' functions, and what only a guest
# needs to know. Emulated CPUs are some twenty times slower, so a fault is traced once here, not twice.

# shellcheck source=tests/faults/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../faults/lib.sh"
# shellcheck source=tests/kernels/witness.sh
. "$(dirname "${BASH_SOURCE[0]}")/witness.sh"
TRACE_LIMIT=180

# Everything in a guest is ours, and it ends when the tests end: all of them share one lab, which takes emulated CPUs
# most of a minute to make.
if [[ -e /guest/command ]]; then
	export LAB_OWN_KERNEL=yes
	lab_names kt
	lab_down() { :; }
	# The one lab changes its kube-proxy's mode as a node does: the rules of the other are replaced.
	# shellcheck disable=SC2120 # options are optional
	lab_start() {
		LAB_UP=("$@")
		[[ -e $LAB_DIR/up ]] || lab up "$@" || { echo "Bail out! the lab does not come up" && exit 1; }
		lab_load
		[[ "${*:---proxy iptables}" == "--proxy $LAB_PROXY" ]] || lab_renew
		[[ -e $LAB_DIR/fault ]] || return 0
		lab_step fault_heal >&2
		((STEP_STATUS == 0)) || lab_renew
	}
fi

# lab_step CMD…: what `lab.sh` does in a process of its own, without the half second that bash takes to read it there.
# Sets STEP_STATUS. It stops at its first failure, so it must not be called where bash ignores failures.
lab_step() {
	STEP_STATUS=0
	("$@") &
	wait "$!" || STEP_STATUS=$?
}

# After what could not be mended.
LAB_UP=()
lab_renew() {
	lab down >&2 || true
	lab up "${LAB_UP[@]}" >&2 || { echo "Bail out! the lab does not come up again" && exit 1; }
	lab_load
}

# guest_only: anywhere else a test that changes the whole machine ends here.
guest_only() {
	[[ ! -e /guest/command ]] || return 0
	echo "1..0 # SKIP it changes the whole machine, so it runs in a guest only"
	exit 0
}

# kernel_is_one_of VERSION…: else the test ends here.
kernel_is_one_of() {
	local one
	for one; do
		[[ $(uname -r) != "$one".* ]] || return 0
	done
	echo "1..0 # SKIP $* have it in their stead"
	exit 0
}

# fault_once: the loaded fault: inject, trace, compare, with KERNEL_WITNESSES ask its witnesses, heal. What is wrong goes to
# $WORK/complaints. ALSO: as for trace_fault.
fault_once() {
	: >"$WORK/complaints"
	: >"$WORK/witnessed"
	lab_step fault_inject "$FAULT" >"$WORK/step" 2>&1
	if ((STEP_STATUS)); then
		{ echo "cannot be injected" && cat "$WORK/step"; } >"$WORK/complaints"
	else
		lab_load
		cnitrace_arguments
		trace_run "$CNITRACE_NODE" "${CNITRACE_ARGS[@]}"
		fault_complaints >"$WORK/complaints"
		[[ ! -s $WORK/complaints ]] || { cat "$WORK/trace.err" && journeys_brief; } >>"$WORK/complaints"
		${ALSO:-:} "$FAULT" >>"$WORK/complaints"
		[[ -s $WORK/complaints || -z ${KERNEL_WITNESSES-} ]] || witness_complaints "$FAULT" >>"$WORK/complaints"
	fi
	lab_step fault_heal >"$WORK/step" 2>&1
	((STEP_STATUS == 0)) || { echo "cannot be healed" && cat "$WORK/step"; } >>"$WORK/complaints"
	lab_load
}

# kernel_fault NAME: one test. What fails is tried again in a new lab, twice at most, and said: emulated CPUs may be late.
kernel_fault() {
	local name=$1 why try started=$SECONDS once=fault_once

	if [[ -n ${KERNEL_END-} ]] && (($(cut -d. -f1 /proc/uptime) > KERNEL_END)); then
		skip "$name" 'no time was left'
		return
	fi
	fault_load "$name"
	why=$(possible)
	if [[ -n $why ]]; then
		skip "$name" "$why"
		return
	fi
	: >"$WORK/witnessed"
	# Nobody else can try the remedy of what needs a kernel of its own.
	[[ -z $(LAB_OWN_KERNEL=no possible) ]] || once=fault_mended
	$once
	for try in second third; do
		[[ -s $WORK/complaints ]] || break
		echo "# $name: $try try after"
		head -c 3000 "$WORK/complaints" | sed 's/^/#   /'
		lab_renew
		fault_load "$name"
		$once
	done
	if [[ -s $WORK/complaints ]]; then
		not_ok "$name is reported as $FAULT_ID" "$WORK/complaints"
	else
		ok "$name is reported as $FAULT_ID"
		witness_report
	fi
	printf '# %s took %s s\n' "$name" $((SECONDS - started))
}
