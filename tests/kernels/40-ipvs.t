#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# kube-proxy's IPVS mode on this kernel: the same test as in the lab, which needs a kernel with IPVS.
exec bash "$(dirname "$0")/../faults/63-service-ipvs.t"
