#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Calico with iptables-legacy: Felix's chains in the other back end.
VARIANT=calico
# shellcheck source=tests/faults/variant.sh
. "$(dirname "$0")/variant.sh"

lab_start --backend legacy
variant_legacy default "$(address_of web2)" netfilter-drop policy-ingress server-netfilter-drop server-policy
