#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# kube-proxy's IPVS mode, where the kernel has IPVS (else the kernel matrix runs this).
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"

why=$(services_ipvs_possible)
if [[ -n $why ]]; then
	skip "Services by IPVS" "$why"
	plan
	exit 0
fi
lab_start --proxy ipvs
service_mode_healthy ipvs
for name in service-rules-missing service-no-endpoints service-endpoint-dead service-port-wrong dns-server-unreachable; do
	fault_load "$name"
	trace_fault "$name"
done
plan
