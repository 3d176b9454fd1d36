# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Completion of cnitrace for bash. Options come from "cnitrace COMMAND --help", so that they
# are those of the installed version; pods from "cnitrace pods --json".

_cnitrace_commands() {
	cnitrace --help 2>/dev/null | sed -n 's/^  \([a-z][a-z]*\) .*/\1/p'
}

_cnitrace_options() {
	cnitrace "$1" --help 2>/dev/null | grep -o -- '--[a-z][a-z-]*'
}

_cnitrace_pods() {
	cnitrace pods --json 2>/dev/null |
		sed -n 's/.*"namespace": *"\([^"]*\)", *"name": *"\([^"]*\)".*/\1\/\2/p'
}

_cnitrace_devices() {
	local path
	for path in /sys/class/net/*; do
		printf '%s\n' "${path##*/}"
	done
}

_cnitrace_netns() {
	local path
	for path in /run/netns/*; do
		[[ -e $path ]] && printf '%s\n' "${path##*/}"
	done
}

# Names of probes and ways to attach them, as the complaint about one that does not exist lists them.
_cnitrace_probes() {
	cnitrace trace --probes '?' 2>&1 | sed -n 's/.*known: //p' | tr -d ,
}

_cnitrace_words() {
	mapfile -t COMPREPLY < <(compgen -W "$1" -- "$2")
}

# The place of "--" in the words before the one that is completed, 0 none.
_cnitrace_separator() {
	local i
	for ((i = 2; i < COMP_CWORD; i++)); do
		[[ ${COMP_WORDS[i]} == -- ]] && printf '%d' "$i" && return
	done
	printf 0
}

_cnitrace() {
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} separator
	COMPREPLY=()
	if ((COMP_CWORD == 1)); then
		_cnitrace_words "$(_cnitrace_commands) --help --version" "$word"
		return
	fi
	separator=$(_cnitrace_separator)
	if ((separator)); then
		if ((COMP_CWORD == separator + 1)); then
			mapfile -t COMPREPLY < <(compgen -c -- "$word")
		else
			mapfile -t COMPREPLY < <(compgen -f -- "$word")
		fi
		return
	fi
	case $before in
	-p | --pod | --from | --to) _cnitrace_words "$(_cnitrace_pods)" "$word" ;;
	-d | --device) _cnitrace_words "$(_cnitrace_devices)" "$word" ;;
	-n | --netns) _cnitrace_words "$(_cnitrace_netns)" "$word" ;;
	--root) mapfile -t COMPREPLY < <(compgen -d -- "$word") ;;
	--verdict) _cnitrace_words 'delivered left-node dropped rejected vanished' "$word" ;;
	--probes) _cnitrace_words "$(_cnitrace_probes)" "$word" ;;
	--color) _cnitrace_words 'auto always never' "$word" ;;
	*)
		if [[ $word == -* ]]; then
			_cnitrace_words "$(_cnitrace_options "${COMP_WORDS[1]}")" "$word"
		elif [[ ${COMP_WORDS[1]} == merge ]]; then
			mapfile -t COMPREPLY < <(compgen -f -- "$word")
		fi
		;;
	esac
}

complete -F _cnitrace cnitrace
