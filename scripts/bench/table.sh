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

table_print() {
	figures | awk -v table="$(dirname "${BASH_SOURCE[0]}")/figures.txt" '
		function shown(x) { return x >= 1000 || x == int(x) ? sprintf("%.0f", x) : sprintf("%.3g", x) }
		{ low[$1] = $2; mid[$1] = $3; high[$1] = $4 }
		END {
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
