#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Every command and every option that --help names is in the man page's section of the command and in the README,
# and is what bash, zsh and fish complete; the man page names none that is not there.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1

build=${BUILD:-build}
binary=${CNITRACE:-$build/cnitrace}
WORK=$(mktemp -d) && trap 'rm -rf "$WORK"' EXIT
mkdir "$WORK/bin"
ln -s "$(realpath "$binary")" "$WORK/bin/cnitrace"
export PATH=$WORK/bin:$PATH
# shellcheck source=tests/tap.sh
. tests/tap.sh

cnitrace --help | sed -n 's/^  \([a-z][a-z]*\) .*/\1/p' | sort >"$WORK/commands"
check "seven commands" test "$(wc -l <"$WORK/commands")" = 7
# The options' own lines, not what the text around them mentions.
options() { cnitrace "$1" --help | sed -n 's/^  \(-., \|    \)\(--[a-z][a-z-]*\).*/\2/p' | grep -vx -e --help | sort; }
letters() { cnitrace "$1" --help | sed -n 's/^  \(-.\), --.*/\1/p' | grep -vx -e -h | sort; }
section() { sed 's/\\-/-/g; s/\\fI//g; s/\\fR//g' user/cnitrace.8 | sed -n "/^.SH ${1^^}\$/,/^.SH /p" | sed '1d;$d'; }
words_of() { grep -oE -e '(^|[^a-zA-Z0-9-])--?[a-zA-Z][a-z-]*' | sed 's/^[^-]*//' | sort -u; }

man_has() { comm -23 <({ options "$1" && letters "$1"; } | sort -u) <(section "$1" | words_of) | { ! grep .; }; }
man_invents_none() { comm -13 <({ options "$1" && letters "$1" && printf '%s\n' -h --help; } | sort -u) <(section "$1" | grep '^\.BR\? ' | words_of) | { ! grep .; }; }
readme_has() { comm -23 <(options "$1") <(words_of <README.md) | { ! grep .; }; }
bash_completes() {
	bash -c '. user/completion.bash; COMP_WORDS=(cnitrace "$1" --) COMP_CWORD=2; _cnitrace; printf "%s\n" "${COMPREPLY[@]}"' bash "$1" |
		sort >"$WORK/got"
	comm -23 <(options "$1") "$WORK/got" | { ! grep .; }
}
# zsh's own functions are replaced by ones that print what they are given.
# shellcheck disable=SC2016 # zsh's
zsh_completes() {
	zsh -f -c 'compdef() { }
		_describe() { local name=${@[-1]}; print -l -- ${(P)name} }
		words=(cnitrace $1 --) CURRENT=3
		source user/completion.zsh' zsh "$1" | sed 's/:.*//' | sort >"$WORK/got"
	{ options "$1" && echo --help; } | sort | diff - "$WORK/got"
}
# shellcheck disable=SC2016 # fish's
fish_completes() {
	HOME=$WORK fish --no-config -c 'source user/completion.fish; complete -C "cnitrace $argv[1] --"' "$1" | cut -f1 | sort >"$WORK/got"
	comm -23 <(options "$1") "$WORK/got" | { ! grep .; }
}

while read -r command; do
	check "$command: the man page's section has every option" man_has "$command"
	check "$command: … and none that is not there" man_invents_none "$command"
	check "$command: the README has every option" readme_has "$command"
	check "$command: bash completes them" bash_completes "$command"
	for shell in zsh fish; do
		if command -v "$shell" >/dev/null; then
			check "$command: $shell completes them" "${shell}_completes" "$command"
		else
			skip "$command: $shell completes them" "no $shell"
		fi
	done
	check "$command: in the man page's list of commands" sh -c "sed -n '/^.SH COMMANDS/,/^.SH FILTER/p' user/cnitrace.8 | grep -qx '.B $command'"
done <"$WORK/commands"
bash_commands() { bash -c '. user/completion.bash; COMP_WORDS=(cnitrace "") COMP_CWORD=1; _cnitrace; printf "%s\n" "${COMPREPLY[@]}"' | grep -v '^--' | sort | diff - "$WORK/commands"; }
check "bash completes the commands" bash_commands
if command -v fish >/dev/null; then
	fish_commands() { HOME=$WORK fish --no-config -c 'source user/completion.fish; complete -C "cnitrace "' | cut -f1 | sort | diff - "$WORK/commands"; }
	check "fish completes the commands" fish_commands
fi
if command -v man >/dev/null; then
	check "the man page has no mistake" sh -c 'LC_ALL=C.UTF-8 MANROFFSEQ= MANWIDTH=80 man --warnings -E UTF-8 -l -Tutf8 -Z user/cnitrace.8 2>&1 >/dev/null | { ! grep .; }'
else
	skip "the man page has no mistake" "no man"
fi
installed() {
	make -s install BUILD="$build" DESTDIR="$WORK/root" PREFIX=/usr >/dev/null &&
		(cd "$WORK/root/usr" && ls bin/cnitrace share/man/man8/cnitrace.8 share/bash-completion/completions/cnitrace \
			share/zsh/vendor-completions/_cnitrace share/fish/vendor_completions.d/cnitrace.fish share/cnitrace/schema.json) &&
		grep -x 'ExecStart=/usr/bin/cnitrace monitor .*' "$WORK/root/usr/lib/systemd/system/cnitrace.service"
}
check "make install installs all of it, and a unit that starts it from there" installed
# The README's table of faults is the catalogue: the same ids with the same words in the same order, and in each row what
# is shown, how it is known, on which kernels.
sed -n 's/^\t{"\([a-z-]*\)", "\([a-z]*\)", "\([^"]*\)",.*/| `\1` | \2 | \3 |/p' user/diagnose/catalogue.c >"$WORK/catalogue"
sed -nE 's/^(\| `[a-z-]+` \| [a-z]+ \| [^|]+ \|) [^|]+ \| [^|]+ \| [^|]*5\.10\+[^|]* \|$/\1/p' README.md >"$WORK/table"
check "the catalogue is read" test "$(wc -l <"$WORK/catalogue")" -ge 58
check "the README's table of faults is the catalogue" diff "$WORK/catalogue" "$WORK/table"
plan
