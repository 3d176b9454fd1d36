#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Each capability of the systemd unit: all of them together let the monitor tell everything, and without any one of them
# something is lost that all of them give, and that is said. None of them is there for nothing.
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/../faults/lib.sh"
UNIT=$(realpath "$TESTS_DIR/../../scripts/cnitrace.service")
read -ra ALL < <(sed -n 's/^CapabilityBoundingSet=//p' "$UNIT" | tr '[:upper:]' '[:lower:]' | sed 's/cap_//g')

# iptables-legacy, whose rules are read by another way than those of nft.
lab_start --backend legacy
rule node1 -I FORWARD 1 -p udp --dport 7777 -m comment --comment "privilege test" -j DROP
# Pods' processes seldom run as root.
ip netns exec "$LAB_PREFIX-web" setpriv --reuid 65534 --regid 65534 --clear-groups perl -MIO::Socket::INET -e '
	my $s = IO::Socket::INET->new(Proto => "udp", LocalPort => 4446) or die; sleep 600' &
LISTENER=$!
# lib.sh ends the monitor, not this.
trap 'kill "$LISTENER" 2>/dev/null; tests_end' EXIT
wait_until 500 listens web udp 4446

# limited [CAPABILITY…]: the monitor as the unit starts it, without these, until it has told both drops and what it lacks,
# or long enough.
limited() {
	local bounding=-all capability
	for capability in "${ALL[@]}"; do [[ " $* " == *" $capability "* ]] || bounding+=,+$capability; done
	TRACE_STATUS=0
	: >"$WORK/trace.json"
	: >"$WORK/trace.err"
	nsenter --net="/run/netns/$LAB_PREFIX-node1" setpriv --bounding-set "$bounding" --inh-caps=-all --no-new-privs \
		"$(realpath "$CNITRACE")" monitor --json --interval 300ms --root "$LAB_DIR/node1" \
		>"$WORK/trace.json" 2>"$WORK/trace.err" </dev/null &
	TRACE_PID=$!
	if wait_until 500 started_or_ended && trace_started; then
		pod busybox python3 "$TESTS_DIR/noise.py" datagrams "$(address_of web)" 7777 21
		# What the rule drops is counted; of the closed port any drop will do, and this kernel may have shown nobody a burst's.
		for _ in 1 2 3 4 5; do
			pod busybox python3 "$TESTS_DIR/noise.py" datagrams "$(address_of web)" 4444 4
			! wait_until 100 told || break
		done
		# What is lost is said while it runs, not months later.
		wait_until 1000 said || true
		cp "$WORK/trace.err" "$WORK/running.err"
		kill -TERM "$TRACE_PID"
	fi
	wait "$TRACE_PID" || TRACE_STATUS=$?
	TRACE_PID=
}
said() { [[ -z $SENTENCE ]] || grep -qE "$SENTENCE" "$WORK/trace.err"; }
started_or_ended() { trace_started || ! kill -0 "$TRACE_PID" 2>/dev/null; }
told() { trace_has '[.[] | select(.type == "finding") | .id] | contains(["netfilter-drop", "port-closed"])'; }

# What there is to tell, one function each.
counts() { trace_has '[.[] | select(.type == "drops" and .reason == "NETFILTER_DROP") | .packets] | add == 21'; }
functions() { trace_has 'all(.[] | select(.type == "drops"); .function // "" != "")'; }
rules() { trace_has 'any(.[]; .id == "netfilter-drop" and (.facts.rule // "" | test("privilege test")))'; }
closed='any(.[]; .id == "port-closed" and .where.pod == "default/web" and (.evidence | tostring | test($text)))'
pods() { trace_has 'any(.[]; .id == "port-closed" and .where.pod == "default/web")'; }
sockets() { trace_has "${closed/\$text/\"what listens there on UDP: \"}"; }
processes() { trace_has "${closed/\$text/\":9999 perl\"}"; }
others() { trace_has "${closed/\$text/\":4446 perl\"}"; }
PARTS=(counts functions rules pods sockets processes others)

# tells [PART…]: everything but these parts, and none of these.
tells() {
	local part
	for part in "${PARTS[@]}"; do
		if [[ " $* " == *" $part "* ]]; then
			! "$part" || { echo "told all the same: $part" && return 1; }
		else
			"$part" || { echo "not told: $part" && cat "$WORK/trace.json" && return 1; }
		fi
	done
}
says() { grep -E "$1" "$2" || { cat "$WORK/trace.err" && return 1; }; }
complaints() { [[ ! -s $WORK/trace.err ]] || { cat "$WORK/trace.err" && return 1; }; }

printf '# %s\n' "${ALL[*]}"
SENTENCE=
limited
check "with all of them everything is told" tells
check "… and nothing is complained of" complaints

# lost CAPABILITY SENTENCE PART…
tried=()
lost() {
	local capability=$1 SENTENCE=$2
	shift 2
	tried+=("$capability")
	limited "$capability"
	check "without $capability this is lost, and nothing else: $*" tells "$@"
	check "… and it is said while it runs" says "$SENTENCE" "$WORK/running.err"
}
lost net_admin 'CAP_NET_ADMIN is not held: no netfilter rules' rules
lost sys_admin 'CAP_SYS_ADMIN is not held: other namespaces cannot be entered' sockets processes others
lost sys_ptrace 'CAP_SYS_PTRACE is not held: processes' processes others
if (($(</proc/sys/kernel/kptr_restrict) == 0 && $(</proc/sys/kernel/perf_event_paranoid) <= 1)); then
	tried+=(syslog)
	skip "without syslog this is lost, and nothing else: functions" "this machine shows them to everybody"
else
	lost syslog 'CAP_SYSLOG is not held: function names are hidden' functions
fi
lost dac_read_search 'processes of other users in default/web cannot be looked into.*CAP_DAC_READ_SEARCH' others

# CAP_SYS_ADMIN holds what these two do: each of them is needed where it is taken away.
for capability in bpf perfmon; do
	tried+=("$capability")
	limited sys_admin "$capability"
	check "without sys_admin and $capability nothing can be counted" test "$TRACE_STATUS" = 3
	check "… and it is said" says "^cnitrace: needs CAP_BPF and CAP_PERFMON; not held: CAP_${capability^^}" "$WORK/trace.err"
done
untried() { printf '%s\n' "${ALL[@]}" | grep -vxFf <(printf '%s\n' "${tried[@]}"); }
check "the unit has no other" bash -c '! test "$1"' - "$(untried)"
plan
