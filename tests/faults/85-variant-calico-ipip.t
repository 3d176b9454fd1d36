#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Calico over IPIP, where the kernel has it (else the kernel matrix runs this).
VARIANT=calico-ipip
# shellcheck source=tests/faults/variant.sh
. "$(dirname "$0")/variant.sh"

variant_load "$VARIANT"
why=$(variant_possible)
if [[ -n $why ]]; then
	skip "$VARIANT" "$why"
	plan
	exit 0
fi

# shellcheck disable=SC2119
lab_start
check_says() { ipip_check_says "$@"; }
ipip_healthy
variant_faults_all
plan
