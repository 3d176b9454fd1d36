# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2154 # set by bench.sh
# From samples ("NAME VALUE", one a line in $SAMPLES) to the table and the history file. What a
# figure is compared with, and how, stands in figures.txt beside this file.

note() { printf '%s\n' "$*" >>"$NOTES"; }
sample() { printf '%s %s\n' "$1" "$2" >>"$SAMPLES"; }

# wait_for FILE TEXT: at most five seconds
wait_for() {
	local i
	for ((i = 0; i < 250; i++)); do
		! grep -q "$2" "$1" 2>/dev/null || return 0
		sleep 0.02
	done
	return 1
}

# NAME MIN MEDIAN MAX, a line for each name
figures() {
	sort -k1,1 -k2,2g "$SAMPLES" | awk '
		function out() { if (n) print name, v[1], v[int((n + 1) / 2)], v[n] }
		$1 != name { out(); name = $1; n = 0 }
		{ v[++n] = $2 }
		END { out() }'
}

# baseline FILE [BEFORE]: "NAME MEDIAN RUNS" of the runs in a history file, under this kernel, without those at or after BEFORE
baseline() {
	[[ -s $1 ]] || return 0
	awk -F, -v kernel="$(uname -r)" -v before="${2:-}" 'NR > 1 && $3 == kernel && (before == "" || $1 < before) { print $4, $6 }' "$1" |
		sort -k1,1 -k2,2g | awk '
		function out() { if (n) print name, v[int((n + 1) / 2)], n }
		$1 != name { out(); name = $1; n = 0 }
		{ v[++n] = $2 }
		END { out() }'
}

# "NAME MIN MEDIAN MAX" on standard input: the lines that are worse than in the file of baseline() by more than $2 percent,
# with " PERCENT RUNS" appended. More is better where the unit is a rate, else less is; a figure of less than one unit is no figure.
worse() {
	awk -v table="$(dirname "${BASH_SOURCE[0]}")/figures.txt" -v known="$1" -v limit="$2" '
		BEGIN {
			while ((getline line < table) > 0)
				if (split(line, f, "|") > 2) more[f[1]] = f[3] ~ /\/s$/ || f[3] == "of 1"
			while ((getline line < known) > 0) {
				split(line, f, " ")
				median[f[1]] = f[2]
				runs[f[1]] = f[3]
			}
		}
		$1 in median && $1 in more && median[$1] > 0 {
			percent = ($3 / median[$1] - 1) * (more[$1] ? -100 : 100)
			if (percent > limit && (more[$1] || $3 >= 1))
				printf "%s %.0f %d\n", $0, percent, runs[$1]
		}'
}

# regressions FILE PERCENT: what of the last run in the history file is worse than in those before. 1: something is.
regressions() {
	local last known
	last=$(tail -n +2 "$1" | tail -1 | cut -d, -f1)
	known=$(mktemp)
	baseline "$1" "$last" >"$known"
	awk -F, -v OFS=' ' -v last="$last" '$1 == last { print $4, $5, $6, $7 }' "$1" | worse "$known" "$2" |
		awk -v last="$last" 'NR == 1 { print "run of " last ", worse than before:" }
			{ printf "%-24s %10s   %s %% worse than the median of %s runs\n", $1, $3, $5, $6 }
			END { exit NR > 0 }' && { rm -f "$known" && return 0; }
	rm -f "$known"
	return 1
}

table_print() {
	: >"$WORK/baseline"
	[[ -z $history ]] || baseline "$history" >"$WORK/baseline"
	figures | worse "$WORK/baseline" "$worse_percent" >"$WORK/worse"
	figures | awk -v table="$(dirname "${BASH_SOURCE[0]}")/figures.txt" -v worse="$WORK/worse" '
		function shown(x) { return x >= 1000 || x == int(x) ? sprintf("%.0f", x) : sprintf("%.3g", x) }
		{ low[$1] = $2; mid[$1] = $3; high[$1] = $4 }
		END {
			while ((getline line < worse) > 0) {
				split(line, f, " ")
				mark[f[1]] = sprintf("WORSE by %s %% than in %s runs", f[5], f[6])
			}
			printf "%-46s %-6s %10s %10s %10s   %s\n", "what", "unit", "min", "median", "max", "beside"
			while ((getline line < table) > 0) {
				if (line ~ /^#/ || split(line, f, "|") < 5 || !(f[1] in mid))
					continue
				beside = ""
				if (f[4] in mid && f[5] == "-")
					beside = sprintf("%+.1f over %s", mid[f[1]] - mid[f[4]], f[4])
				else if (f[4] in mid && mid[f[4]])
					beside = sprintf("%.3f x %s", mid[f[1]] / mid[f[4]], f[4])
				if (f[6] != "")
					beside = beside (beside == "" ? "" : ", ") "target " f[6]
				if (f[1] in mark)
					beside = beside (beside == "" ? "" : ", ") mark[f[1]]
				printf "%-46s %-6s %10s %10s %10s   %s\n", f[2], f[3], shown(low[f[1]]), \
					shown(mid[f[1]]), shown(high[f[1]]), beside
			}
		}'
	[[ ! -s $NOTES ]] || sed 's/^/note: /' "$NOTES"
}

history_append() {
	local file=$1 stamp commit
	stamp=$(date -u +%FT%TZ)
	commit=$(git -C "$tree" rev-parse --short HEAD 2>/dev/null || echo unknown)
	[[ -s $file ]] || echo 'date,commit,kernel,name,min,median,max' >"$file"
	figures | awk -v OFS=, -v a="$stamp" -v b="$commit" -v c="$(uname -r)" '{ print a, b, c, $1, $2, $3, $4 }' >>"$file"
}
