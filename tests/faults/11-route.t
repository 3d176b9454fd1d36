#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Faults of class unreachable: routes, forwarding, neighbours.
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"
class_faults unreachable '^(server-)?(no-route|route-missing|overlay-route|ip-forward|rp-filter|neighbour|ttl)'
