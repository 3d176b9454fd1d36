#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Faults of class unreachable: rules that drop or refuse.
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"
class_faults unreachable '^(server-)?(netfilter|forward-policy|network-policy|nodeport-drop)|-to-'
