#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Faults on this kernel: those named in KERNEL_FAULTS, each must be reported with its id, and its witnesses speak by each
# way that this kernel allows.
# shellcheck source=tests/kernels/lib.sh
. "$(dirname "$0")/lib.sh"

if [[ -z ${KERNEL_FAULTS:-} ]]; then
	echo '1..0 # SKIP no fault is built yet'
	exit 0
fi
# shellcheck disable=SC2119
lab_start
export KERNEL_WITNESSES=yes
for name in $KERNEL_FAULTS; do
	kernel_fault "$name"
done
plan
