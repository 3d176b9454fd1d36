#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Faults of class unreachable: routes, forwarding, neighbours.
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"
class_faults unreachable '^(no-route|overlay-route|ip-forward|rp-filter|neighbour|ttl)'
