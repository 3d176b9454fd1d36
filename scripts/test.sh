#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# The whole suite, from nothing: packages, build, unit tests (also with sanitizers), record
# layout, then the lab under prove. The last line is prove's own "Result: …".
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [[ ${1:-} == -h || ${1:-} == --help ]]; then
	echo "usage: test.sh [TEST.t …]   the whole suite, or only these lab tests after building"
	exit 0
fi

step() { printf '\n== %s\n' "$*"; }

# BPF is impossible here (no CAP_BPF, no BTF, lockdown): the lab tests need a guest kernel.
need_guest() {
	if [[ -x scripts/guest.sh ]]; then
		step "this machine cannot run BPF: lab tests in a guest"
		exec scripts/guest.sh test "$@"
	fi
	echo "test: this machine cannot run BPF (see: build/cnitrace doctor) and scripts/guest.sh is not there to start a guest" >&2
	exit 1
}

step "packages"
scripts/setup.sh

step "build"
make --no-print-directory -j2 bins

if (($# == 0)); then
	step "unit tests"
	make --no-print-directory unit

	step "unit tests, AddressSanitizer and UndefinedBehaviorSanitizer"
	sanitized=(BUILD="build/sanitized" SAN="-fsanitize=address,undefined -fno-sanitize-recover=all")
	make --no-print-directory -j2 "${sanitized[@]}" bins
	make --no-print-directory "${sanitized[@]}" unit

	step "record layout"
	scripts/layout.sh
fi

step "lab"
((EUID == 0)) || { echo "test: the lab needs root: sudo scripts/test.sh" >&2 && exit 1; }
status=0
build/cnitrace doctor >/dev/null || status=$?
((status != 3)) || need_guest "$@"

tests=("$@")
if ((${#tests[@]} == 0)); then
	shopt -s nullglob
	tests=(tests/cli/*.t tests/faults/*.t)
fi
# The labs mostly wait for packets that never come: four at a time on two processors.
prove -j4 --timer "${tests[@]}"
