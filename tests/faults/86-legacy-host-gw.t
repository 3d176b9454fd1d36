#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# flannel's host-gw with iptables-legacy.
VARIANT=host-gw
# shellcheck source=tests/faults/variant.sh
. "$(dirname "$0")/variant.sh"

lab_start --backend legacy
variant_legacy default "$(address_of web2)" netfilter-drop forward-policy-drop masquerade-missing server-netfilter-drop \
	server-nodeport-drop
