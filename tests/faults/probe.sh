# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# For the tests of probe: a run from pod busybox, and questions to what it printed.

# shellcheck source=tests/faults/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

probe() { trace_run node1 probe --pod default/busybox "$@"; }
# drop_some NETNS FAMILY RULE…: rules with numgen, which drop every Nth packet. The rules match on the
# length of echo requests, so that packets of other kinds do not shift the count.
drop_some() {
	local name=$1 family=$2
	shift 2
	in_netns "$name" nft -f - <<-END
		table $family loss {
			chain forward {
				type filter hook forward priority 0
				$(printf '%s\n' "$@")
			}
		}
	END
}
drop_none() { in_netns "$1" nft delete table "$2" loss; }
fits_schema() { check "$1: fits the schema" "$TESTS_DIR/../cli/check-schema" "$WORK/trace.json"; }
# result TEXT FILTER [N]: does FILTER hold of what came of the Nth target?
result() { check "$1" trace_has "[.[] | select(.type == \"probe\")][${3:-0}] | $2"; }
# rows TEXT FILTER: … of all rows of the tables?
rows() { check "$1" trace_has "[.[] | select(.type == \"hop_stats\")] | $2"; }
# only_finding TEXT ID [FILTER]: one finding of severity error, with that id.
only_finding() {
	check "$1" trace_has "[.[] | select(.type == \"finding\" and .severity == \"error\")] |
		length == 1 and .[0].id == \"$2\" and (.[0] | ${3:-true})"
}
no_finding() { check "$1" trace_has 'all(.[]; .type != "finding")'; }
