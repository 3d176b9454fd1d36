#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# No fault may fall between the tests: every definition is complete and belongs to one test.
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"

classes=' unreachable overload port mtu cni service dns path '
while read -r name; do
	fault_load "$name"
	check "$name has a finding and a text" test -n "$FAULT_ID" -a -n "$FAULT_TEXT"
	check "$name has a known class" grep -qF " $FAULT_CLASS " <<<"$classes"
	check "$name says who mends it, and why a person must" test "$REMEDY ${REMEDY_WHY:+why}" = "node " \
		-o "$REMEDY ${REMEDY_WHY:+why}" = "cluster " -o "$REMEDY ${REMEDY_WHY:+why}" = "operator why"
	check "$name expects a JSON object" jq -e 'type == "object"' <<<"$EXPECT"
	[[ $FAULT_CLASS != unreachable ]] ||
		check "$name is in one of the files of its class" test "$(grep -hoE "'\^[^']*'" "$TESTS_DIR"/1[0-2]-*.t |
			tr -d "'" | while read -r pattern; do [[ ! $name =~ $pattern ]] || echo yes; done)" = yes
done < <(faults_names)

# One list of ids: what cnitrace doctor says it can tell, README's table, and the faults that are injected.
"$CNITRACE" doctor --json | jq -r '.faults[].id' | sort -u >"$WORK/told"
sed -n 's/^| `\([a-z-]*\)` | [a-z]* | .* | .* | .* | .* |$/\1/p' "$TESTS_DIR/../../README.md" | sort -u >"$WORK/readme"
check "README's table has the faults that doctor names" diff "$WORK/told" "$WORK/readme"
{
	while read -r name; do
		fault_load "$name"
		printf '%s\n' "$FAULT_ID"
	done < <(faults_names)
	sed -n 's/^check_told ".*" [a-z]* \([a-z-]*\) .*/\1/p' "$TESTS_DIR/15-check.t"
} | sort -u >"$WORK/injected"
check "every fault that doctor names is injected" diff "$WORK/told" "$WORK/injected"

while read -r name; do
	check "built names a fault: $name" test -e "$FAULTS_DIR/$name.sh"
done <"$TESTS_DIR/built"
plan
