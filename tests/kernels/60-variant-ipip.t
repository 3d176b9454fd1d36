#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Calico over IPIP, a kind of tunnel that hardened kernels lack: healthy, and each fault of it. Two kernels stand for all,
# as a lab of another kind takes a minute to make.
VARIANT=calico-ipip
# shellcheck source=tests/faults/variant.sh
. "$(dirname "$0")/../faults/variant.sh"
# shellcheck source=tests/kernels/lib.sh
. "$(dirname "$0")/lib.sh"

kernel_is_one_of 6.12 7
lab_names ki
# shellcheck disable=SC2119
lab_start
check_says() { ipip_check_says "$@"; }
ipip_healthy
while read -r name; do
	ALSO=variant_check kernel_fault "$name"
done < <(faults_names)
plan
