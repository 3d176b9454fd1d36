#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Plain Docker with iptables-legacy.
VARIANT=docker
# shellcheck source=tests/faults/variant.sh
. "$(dirname "$0")/variant.sh"

lab_start --backend legacy
variant_legacy docker 203.0.113.10 user-chain forward-policy masquerade server-netfilter-drop
