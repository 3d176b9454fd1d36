#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Faults of class unreachable: links, ports, addresses, BPF programs.
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"
class_faults unreachable '^(link|bridge|ip-conflict|pod-config|bpf|security)'
