#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Format and static checks of everything in the repository; changes nothing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
status=0

have() {
	command -v "$1" >/dev/null && return 0
	echo "lint: $1 is not installed, its check is skipped" >&2
	return 1
}

mapfile -t c_files < <(git ls-files '*.c' '*.h')
mapfile -t shell_files < <(git ls-files '*.sh' '*.t' .ci/run)

if have clang-format; then
	clang-format --dry-run -Werror "${c_files[@]}" || status=1
fi
if have cppcheck; then
	# User space only: the BPF side is checked by the verifier and its own compiler.
	cppcheck --quiet --error-exitcode=1 --std=c11 --inline-suppr -Iuser -Iheaders -D_GNU_SOURCE -DCNITRACE_LINT \
		--enable=warning,performance,portability --suppress=missingIncludeSystem \
		--suppress=normalCheckLevelMaxBranches --suppress=internalAstError \
		--suppress=unknownMacro -j2 user || status=1
fi
if have shellcheck && ((${#shell_files[@]})); then
	# Tests hand code to other shells in single quotes (2016); "a && b || c" is meant as written (2015).
	shellcheck -x -S warning -e SC2015,SC2016 "${shell_files[@]}" || status=1
fi
((status)) || echo "lint: clean"
exit "$status"
