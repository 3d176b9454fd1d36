#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Compares the record layout that the BPF compiler sees with the one the C compiler sees: the
# BTF of headers/record.h, compiled for BPF, becomes assertions that the C compiler checks.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
clang=${CLANG:-clang}
bpftool=$(PATH=$PATH:/usr/sbin:/usr/local/sbin command -v bpftool)

# One variable of every struct and union the header defines, so that all of them enter the BTF.
mapfile -t types < <(grep -oE '^(struct|union) [a-z_0-9]+ \{' headers/record.h | sed 's/ {$//')
((${#types[@]})) || { echo "layout: headers/record.h defines no struct" >&2 && exit 1; }
{
	# As a BPF program includes it: minimal kernel types first.
	echo '#include "kernel.h"'
	echo '#include "record.h"'
	for type in "${types[@]}"; do
		printf '%s layout_%s;\n' "$type" "${type#* }"
	done
} >"$work/bpf.c"
# linux/types.h wants asm/types.h, which Debian keeps below the machine's own directory.
"$clang" -g -O2 -target bpf -Iheaders -idirafter "/usr/include/$("${CC:-gcc}" -print-multiarch)" -c -o "$work/bpf.o" "$work/bpf.c"

{
	printf '#include <stddef.h>\n#include "record.h"\n'
	"$bpftool" -j btf dump file "$work/bpf.o" | jq -r --args '
		[$ARGS.positional[] | split(" ")[1]] as $names
		| .types[] | select((.kind == "STRUCT" or .kind == "UNION") and (.name as $n | $names | index($n)))
		| (.kind | ascii_downcase) as $kind | .name as $name
		| "_Static_assert(sizeof(\($kind) \($name)) == \(.size), \"size of \($name)\");",
		  (.members[] | select(.name != "(anon)" and .name != null and (.bitfield_size // 0) == 0)
		   | "_Static_assert(offsetof(\($kind) \($name), \(.name)) == \(.bits_offset / 8), \"\($name).\(.name)\");")
	' "${types[@]}"
} >"$work/user.c"
count=$(grep -c _Static_assert "$work/user.c" || true)
((count >= ${#types[@]})) || { echo "layout: the BTF lacks types of headers/record.h" >&2 && exit 1; }
"${CC:-gcc}" -Iheaders -fsyntax-only "$work/user.c"
echo "layout: ${#types[@]} types, $count sizes and offsets agree"
