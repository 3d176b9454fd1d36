#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Faults of class overload.
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"
class_faults overload
