#compdef cnitrace
# SPDX-License-Identifier: GPL-2.0-only
# Completion of cnitrace for zsh. Options come from "cnitrace COMMAND --help", so that they
# are those of the installed version; pods from "cnitrace pods --json".

_cnitrace_options() {
	local -a options
	options=(${(f)"$(cnitrace $1 --help 2>/dev/null |
		sed -n 's/^  \(-., \|    \)\(--[a-z][a-z-]*\)\( [^ ]*\)\{0,1\}  *\(.*\)$/\2:\4/p')"})
	_describe -o option options
}

_cnitrace() {
	local -a commands
	local separator=${words[(i)--]}
	if ((CURRENT == 2)); then
		commands=(${(f)"$(cnitrace --help 2>/dev/null | sed -n 's/^  \([a-z][a-z]*\)  *\(.*\)$/\1:\2/p')"})
		_describe command commands
		return
	fi
	if ((separator < CURRENT)); then
		shift separator words
		((CURRENT -= separator))
		_normal
		return
	fi
	case ${words[CURRENT - 1]} in
	-p | --pod | --from)
		compadd -- ${(f)"$(cnitrace pods --json 2>/dev/null |
			sed -n 's/.*"namespace": *"\([^"]*\)", *"name": *"\([^"]*\)".*/\1\/\2/p')"}
		;;
	-d | --device) compadd -- /sys/class/net/*(N:t) ;;
	-n | --netns) compadd -- /run/netns/*(N:t) ;;
	--root) _directories ;;
	--color) compadd auto always never ;;
	*)
		if [[ ${words[CURRENT]} == -* ]]; then
			_cnitrace_options ${words[2]}
		elif [[ ${words[2]} == merge ]]; then
			_files
		fi
		;;
	esac
}

_cnitrace "$@"
