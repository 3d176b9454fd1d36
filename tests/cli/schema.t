#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Documents of every type fit the schema, and what does not fit is refused: a check that
# lets everything through would prove nothing.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1

build=${BUILD:-build}
WORK=$(mktemp -d) && trap 'rm -rf "$WORK"' EXIT
lines=$WORK/lines
# shellcheck source=tests/tap.sh
. tests/tap.sh

fits() { tests/cli/check-schema "$1"; }
refused() { ! sed "$1" "$lines" | tests/cli/check-schema - >/dev/null; }
no_lines() { ! tests/cli/check-schema /dev/null >/dev/null; }

"$build/tests/unit/test_output_document" "$lines" || echo "# cannot make the documents"
check "documents of every type fit" fits "$lines"
check "a direction that is none is refused" refused 's/"direction":"in"/"direction":"up"/'
check "a verdict that is none is refused" refused 's/"kind":"rejected"/"kind":"lost"/'
check "a missing field is refused" refused 's/"confidence":[0-9.]*,//'
check "a string for a number is refused" refused 's/"seen":10/"seen":"10"/'
check "an unknown type is refused" refused 's/"type":"summary"/"type":"sumary"/'
check "a cut line is refused" refused '$s/.....$//'
check "a key that is there twice is refused" refused 's/"type":"start"/"type":"start","type":"start"/'
check "no line at all is refused" no_lines
plan
