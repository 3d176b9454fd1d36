#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# kube-proxy's nftables mode: healthy Services are silent, and what breaks a Service is named as in the iptables mode.
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"

lab_start --proxy nftables
service_mode_healthy nftables
for name in service-rules-missing service-no-endpoints service-endpoint-dead service-port-wrong hairpin-off \
	nodeport-refused forward-policy-drop; do
	fault_load "$name"
	trace_fault "$name"
done
plan
