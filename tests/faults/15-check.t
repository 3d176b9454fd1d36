#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# What cnitrace check finds without a packet: every fault whose injection shows in the
# node's state, and silence after it is healed. A fault that shows in traffic alone is not here.
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"

# FAULT SEVERITY FINDING, as check names it: it sees the cause, not which packets suffer.
visible() {
	cat <<-'END'
		bridge-netfilter-off error bridge-netfilter-off
		bridge-port-detached error bridge-port-detached
		bridge-port-detached-disabled error bridge-port-detached
		cni-subnet-mismatch error cni-subnet-mismatch
		dns-config warning dns-config
		forward-policy-drop error forward-policy-drop
		hairpin-off warning hairpin-off
		ip-conflict error ip-conflict
		ip-forward-disabled error ip-forward-disabled
		ip-forward-disabled-device error ip-forward-disabled
		ipam-exhausted error ipam-exhausted
		link-down error link-down
		link-down-bridge error link-down
		link-down-carrier error link-down
		link-down-nic error link-down
		link-down-pod error link-down
		masquerade-missing error masquerade-missing
		mtu-blackhole warning mtu-mismatch
		mtu-blackhole-bridge-port warning mtu-mismatch
		mtu-exceeded error mtu-mismatch
		mtu-mismatch error mtu-mismatch
		netfilter-drop warning netfilter-drop
		netfilter-drop-legacy warning netfilter-drop
		netfilter-drop-mangle warning netfilter-drop
		netfilter-drop-nft warning netfilter-drop
		netfilter-drop-output warning netfilter-drop
		netfilter-drop-pod warning netfilter-drop
		netfilter-drop-raw warning netfilter-drop
		netfilter-reject warning netfilter-reject
		network-policy-drop info network-policy-drop
		network-policy-drop-calico info network-policy-drop
		no-route warning no-route
		no-route-blackhole warning no-route
		no-route-rule warning no-route
		overlay-down error overlay-down
		overlay-down-missing error overlay-down
		overlay-peer-missing error overlay-peer-missing
		overlay-peer-missing-fdb error overlay-peer-missing
		overlay-route-missing error overlay-route-missing
		pod-config error pod-config
		pod-config-prefix error pod-config
		pod-config-route error pod-config
		rp-filter error rp-filter
		service-endpoint-dead error service-endpoint-dead
		service-rules-missing error service-rules-missing
	END
}

# check_found NAME SEVERITY ID: one finding, this one; none after healing.
check_found() {
	local name=$1 severity=$2 id=$3 status=0 why
	fault_load "$name"
	why=$(possible)
	if [[ -n $why ]]; then
		skip "check finds $name" "$why"
		return
	fi
	if ! lab fault "$name" >"$WORK/complaints" 2>&1; then
		not_ok "$name: cannot be injected" "$WORK/complaints"
		lab heal >&2 || true
		return
	fi
	[[ $severity == error ]] && status=10
	trace_run node1 check
	: >"$WORK/complaints"
	((TRACE_STATUS == status)) || echo "exit status $TRACE_STATUS, expected $status" >>"$WORK/complaints"
	[[ $(findings_list) == "$severity $id" ]] || echo "found: $(findings_list)" >>"$WORK/complaints"
	lab heal >>"$WORK/complaints" 2>&1 || true
	trace_run node1 check
	[[ -z $(findings_list) ]] || echo "after healing: $(findings_list)" >>"$WORK/complaints"
	if [[ -s $WORK/complaints ]]; then
		not_ok "check finds $name as $severity $id" "$WORK/complaints" "$WORK/trace.err"
	else
		ok "check finds $name as $severity $id"
	fi
}

# shellcheck disable=SC2119
lab_start
while read -r name severity id; do
	check_found "$name" "$severity" "$id"
done < <(visible)
plan
