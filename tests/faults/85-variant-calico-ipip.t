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

check_says() {
	case $1 in
	mtu-exceeded) echo "error mtu-mismatch" ;;
	overlay-down) echo "error overlay-down" ;;
	route-missing) echo "error overlay-route-missing" ;;
	esac
}

# shellcheck disable=SC2119
lab_start
ipip_healthy
variant_faults_all
plan
