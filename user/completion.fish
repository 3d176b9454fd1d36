# SPDX-License-Identifier: GPL-2.0-only
# Completion of cnitrace for fish. Options come from "cnitrace COMMAND --help", so that they
# are those of the installed version; pods from "cnitrace pods --json".

function __cnitrace_command
    set -l words (commandline -opc)
    test (count $words) -gt 1; and echo $words[2]
end

function __cnitrace_after_separator
    contains -- -- (commandline -opc)[2..-1]
end

function __cnitrace_options
    cnitrace (__cnitrace_command) --help 2>/dev/null |
        sed -n 's/^  \(-., \|    \)\(--[a-z][a-z-]*\)\( [^ ]*\)\{0,1\}  *\(.*\)$/\2\t\4/p'
end

function __cnitrace_commands
    cnitrace --help 2>/dev/null | sed -n 's/^  \([a-z][a-z]*\)  *\(.*\)$/\1\t\2/p'
end

function __cnitrace_pods
    cnitrace pods --json 2>/dev/null |
        sed -n 's/.*"namespace": *"\([^"]*\)", *"name": *"\([^"]*\)".*/\1\/\2/p'
end

function __cnitrace_value
    contains -- (commandline -opc)[-1] $argv
end

complete -c cnitrace -f
complete -c cnitrace -n 'test -z (__cnitrace_command)' -a '(__cnitrace_commands)'
complete -c cnitrace -n 'test -n (__cnitrace_command); and not __cnitrace_after_separator; and string match -q -- "-*" (commandline -ct)' -a '(__cnitrace_options)'
complete -c cnitrace -n '__cnitrace_value -p --pod --from' -a '(__cnitrace_pods)'
complete -c cnitrace -n '__cnitrace_value -d --device' -a '(command ls /sys/class/net)'
complete -c cnitrace -n '__cnitrace_value -n --netns' -a '(command ls /run/netns 2>/dev/null)'
complete -c cnitrace -n '__cnitrace_value --color' -a 'auto always never'
complete -c cnitrace -n '__cnitrace_value --root' -a '(__fish_complete_directories (commandline -ct))'
complete -c cnitrace -n 'string match -q merge (__cnitrace_command)' -F
complete -c cnitrace -n __cnitrace_after_separator -a '(__fish_complete_subcommand --fcs-skip=(math 1 + (contains -i -- -- (commandline -opc))))'
