# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Runs cnitrace in a lab node, as an operator would on the real node. Needs lab_load.

CNITRACE=${CNITRACE:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/build/cnitrace}

# cnitrace_on NODE COMMAND ARG…
cnitrace_on() {
	local node=$1 command=$2
	shift 2
	ip netns exec "$LAB_PREFIX-$node" "$CNITRACE" "$command" --root "$LAB_DIR/$node" "$@"
}

# cnitrace_arguments: sets CNITRACE_ARGS to what shows the loaded fault, and CNITRACE_NODE.
# shellcheck disable=SC2034 # demo.sh and the tests read them
cnitrace_arguments() {
	traffic
	CNITRACE_NODE=$(pod_var "${FAULT_SERVER:-$FAULT_POD}" node)
	case $FAULT_COMMAND/$FAULT_POD/$FAULT_SERVER in
	check/*) CNITRACE_ARGS=(check) ;;
	*/outside/) CNITRACE_ARGS=(trace -- nsenter --net="/run/netns/$LAB_PREFIX-underlay" -- "${TRAFFIC[@]}") ;;
	*/?*/?*) CNITRACE_ARGS=(trace --pod "$(pod_var "$FAULT_SERVER" name)" -- nsenter
		--net="/run/netns/$LAB_PREFIX-${FAULT_POD/#outside/underlay}" -- "${TRAFFIC[@]}") ;;
	*) CNITRACE_ARGS=(trace --pod "$(pod_var "$FAULT_POD" name)" -- "${TRAFFIC[@]}") ;;
	esac
}
