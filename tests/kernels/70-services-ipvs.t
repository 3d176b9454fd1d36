#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# kube-proxy's IPVS mode, which hardened kernels lack: the same Services as everywhere, healthy and with each fault. The
# oldest kernel and a recent one stand for all.
# shellcheck source=tests/kernels/lib.sh
. "$(dirname "$0")/lib.sh"

kernel_is_one_of 5.10 6.12
lab_start --proxy ipvs
service_mode_healthy ipvs
for name in service-rules-missing service-no-endpoints service-endpoint-dead service-port-wrong dns-server-unreachable; do
	kernel_fault "$name"
done
plan
