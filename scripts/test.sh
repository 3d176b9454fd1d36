#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# The whole suite, from nothing: packages, build, static checks, unit tests (also with sanitizers), record
# layout, then the lab and the kernel matrix under prove. The last line is prove's own "Result: …".
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

build=yes kernels=yes within=
case ${1:-} in
-h | --help)
	cat <<-'END'
		usage: test.sh                         the whole suite
		       test.sh TEST.t…                 set-up and build, then these lab tests
		       test.sh --no-build [TEST.t…]    only the lab tests, of what is built already
		       test.sh --no-kernels            the whole suite without the kernel matrix
		       test.sh --within SECONDS        the whole suite; of the matrix, what has not begun by then is
		                                       skipped, and said
	END
	exit 0
	;;
--no-build) build=no && shift ;;
--no-kernels) kernels=no && shift ;;
--within) within=${2:?--within needs seconds} && shift 2 ;;
-*) printf 'test: unknown option "%s"; see test.sh --help\n' "$1" >&2 && exit 2 ;;
esac

step() { printf '\n== %s\n' "$*"; }

# shellcheck source=scripts/lib/guest/fallback.sh
. scripts/lib/guest/fallback.sh

if [[ $build == yes ]]; then
	step "packages"
	if [[ $kernels == yes ]] && (($# == 0)); then scripts/setup.sh --matrix; else scripts/setup.sh; fi
	step "build"
	make --no-print-directory -j2 bins
fi

if [[ $build == yes ]] && (($# == 0)); then
	step "format and static checks"
	scripts/lint.sh

	step "unit tests"
	make --no-print-directory unit

	step "unit tests, AddressSanitizer and UndefinedBehaviorSanitizer"
	sanitized=(BUILD="build/sanitized" SAN="-fsanitize=address,undefined -fno-sanitize-recover=all")
	make --no-print-directory -j2 "${sanitized[@]}" bins
	make --no-print-directory "${sanitized[@]}" unit

	step "fuzzers"
	make --no-print-directory -s -j2 fuzz >build/fuzz.log 2>&1 || { tail -50 build/fuzz.log && exit 1; }
	grep -E "^# build|executed_units" build/fuzz.log

	step "record layout"
	scripts/layout.sh
fi

step "lab"
((EUID == 0)) || { echo "test: the lab needs root: sudo scripts/test.sh" >&2 && exit 1; }
# shellcheck disable=SC2119 # its argument is another build
if need_guest; then
	step "this machine cannot run BPF: lab tests in a guest"
	run_in_guest scripts/test.sh --no-build "$@"
fi

tests=("$@")
if ((${#tests[@]} == 0)); then
	shopt -s nullglob
	tests=(tests/cli/*.t tests/faults/*.t)
	# An emulator beside labs would take the time that they need: by itself, below.
	mapfile -t tests < <(printf '%s\n' "${tests[@]}" | grep -vxF tests/cli/fallback.t)
fi
# The labs mostly wait for packets that never come: four at a time on two processors.
# What fails is tried again by itself, twice at most, and said: on a machine this busy a packet may be late.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if ! prove -j4 --timer --failures --comments --state=save --statefile="$work/state" "${tests[@]}"; then
	for try in second third; do
		step "$try try of what failed above, one at a time"
		prove --failures --comments --timer --state=failed,save --statefile="$work/state" | tee "$work/again" || true
		# When it was prove that failed, there is nothing to try: that is no success.
		[[ $(tail -n 1 "$work/again") != 'Result: PASS' ]] || break
	done
	[[ $(tail -n 1 "$work/again") == 'Result: PASS' ]] || exit 1
fi
[[ $build == yes ]] && (($# == 0)) || exit 0

step "fallback into a guest"
prove --timer --failures --comments tests/cli/fallback.t
[[ $kernels == yes ]] || exit 0

# Debian's kernels in QEMU. One that cannot be had here is skipped, and said.
step "kernel matrix"
left=()
[[ -z $within ]] || left=(--within $((within > SECONDS ? within - SECONDS : 1)))
prove --verbose --timer --exec bash scripts/test-kernels.sh :: "${left[@]}"
