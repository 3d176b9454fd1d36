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
# What the tables and results were, for whoever reads a failure.
brief() {
	jq -c 'select(.type == "hop_stats") | [.target, .leg, .device // .router, .direction, .packets, .lost, .avg_us]' "$WORK/trace.json"
	jq -c 'select(.type == "probe")' "$WORK/trace.json"
	jq -c 'select(.type == "finding") | [.severity, .id, .count, .of, .summary]' "$WORK/trace.json"
}
# holds TEXT FILTER
holds() {
	if trace_has "$2" >"$WORK/check" 2>&1; then
		ok "$1"
	else
		brief >>"$WORK/check" 2>&1
		not_ok "$1" "$WORK/check" "$WORK/trace.err"
	fi
}
# result TEXT FILTER [N]: does FILTER hold of what came of the Nth target?
result() { holds "$1" "[.[] | select(.type == \"probe\")][${3:-0}] | $2"; }
# rows TEXT FILTER: … of all rows of the tables?
rows() { holds "$1" "[.[] | select(.type == \"hop_stats\")] | $2"; }
# only_finding TEXT ID [FILTER]: one finding of severity error, with that id.
only_finding() {
	holds "$1" "[.[] | select(.type == \"finding\" and .severity == \"error\")] |
		length == 1 and .[0].id == \"$2\" and (.[0] | ${3:-true})"
}
no_finding() { holds "$1" 'all(.[]; .type != "finding")'; }
