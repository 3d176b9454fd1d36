#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# The command line of probe: every option and target form, wrong and right. What is wrong gets one sentence
# and exit status 2, and nothing is sent.
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/../faults/lib.sh"

# shellcheck disable=SC2119
lab_start --ipv6
web=$(address_of web) web2=$(address_of web2)
web6=$(pod_var web address6)
run() { ip netns exec "$LAB_PREFIX-node1" "$CNITRACE" probe --root "$LAB_DIR/node1" "$@"; }

# refused TEXT ARG…: exit status 2, one line on standard error that holds TEXT, nothing on standard output.
refused() {
	local text=$1 got=0
	shift
	run "$@" >"$WORK/out" 2>"$WORK/err" </dev/null || got=$?
	((got == 2)) || { echo "exit status $got, expected 2" && cat "$WORK/out" "$WORK/err" && return 1; }
	grep -qF -- "$text" "$WORK/err" || { echo "no \"$text\" in:" && cat "$WORK/err" && return 1; }
	[[ ! -s $WORK/out ]] || { echo "standard output:" && cat "$WORK/out" && return 1; }
	[[ $(wc -l <"$WORK/err") == 1 && $(<"$WORK/err") == "cnitrace: "* ]] || { echo "not one sentence:" && cat "$WORK/err" && return 1; }
}
wrong() {
	local text=$1
	shift
	check "refused: probe $*" refused "$text" "$@"
}

# Targets.
wrong 'which port' tcp://web
wrong 'which port' "udp://$web"
wrong 'begins with icmp://, tcp://' http://web
wrong 'begins with icmp://, tcp://' ICMP://web
wrong 'which host' icmp://
wrong 'which host' ''
wrong 'which host' :80
wrong 'which name' dns://
wrong 'which name' dns:///
wrong 'no DNS name' 'dns:///a..b'
wrong 'no DNS name' "dns:///$(printf 'a%.0s' {1..64})"
wrong 'have no port' "icmp://$web:80"
wrong 'have no port' "mtu://$web:80"
wrong '1 to 65535' "tcp://$web:0"
wrong '1 to 65535' "tcp://$web:65536"
wrong '1 to 65535' "tcp://$web:http"
wrong '1 to 65535' "tcp://$web:"
wrong '[ADDRESS]:PORT' "tcp://[$web6"
wrong '[ADDRESS]:PORT' "tcp://[$web6]80"
wrong 'only dns://' "tcp://$web:80/index.html"
wrong 'a name or an address' 'icmp://we$b'
wrong 'a name or an address' 'a b'
wrong 'neither a name nor an address' icmp://1.2.3.4.:5:6
wrong 'too long' "icmp://$(printf 'a%.0s' {1..600})"
wrong '0 to 65000' "icmp://$web?size=65001"
wrong '0 to 65000' "icmp://$web?size=-1"
wrong '0 to 65000' "icmp://$web?size="
wrong '0 or 1' "icmp://$web?df=2"
wrong 'key=value' "icmp://$web?df"
wrong 'takes ?size= and &df=' "icmp://$web?ttl=3"
wrong 'tcp takes none' "tcp://$web:80?size=3"
wrong 'dns takes ?type=' 'dns:///web?size=3'
wrong 'A, AAAA' 'dns:///web?type=B'
wrong "no host's address" 224.0.0.1
wrong "no host's address" icmp://255.255.255.255
wrong "no host's address" 0.0.0.0
wrong "no host's address" 'icmp://[ff02::1]'
wrong "no host's address" 'tcp://[::]:80'

# Options.
wrong 'no target' --count 1
wrong 'unknown option "--jsn"' --jsn "$web"
wrong '--count needs' "$web" --count
wrong 'whole number' --count 0 "$web"
wrong 'whole number' --count many "$web"
wrong 'at most 100000' --count 100001 "$web"
wrong 'duration' --interval soon "$web"
wrong 'at least 10ms' --interval 9ms "$web"
# shellcheck disable=SC2046
wrong 'at least 22ms with 11 targets' --interval 20ms $(seq -f '10.9.9.%g' 11)
# shellcheck disable=SC2046
wrong 'at most 64 targets' $(seq -f '10.9.9.%g' 65)
wrong 'duration' --timeout -1 "$web"
wrong 'takes no value' --continuous=yes "$web"
wrong 'takes no value' --report=yes "$web"
wrong 'an address' --source nowhere "$web"
wrong 'no address of the sender' --source 192.0.2.1 "$web"
wrong 'is IPv6, --source is not' --pod busybox --source "$(address_of busybox)" "icmp://[$web6]"
wrong '1 to 255' --tos 256 "$web"
wrong 'whole number' --tos 0 "$web"
wrong 'power of two' --ring 5000 "$web"
wrong 'auto, always or never' --color pink "$web"
wrong 'No such file' --targets "$WORK/nosuch" "$web"
printf '%s\n%s %s\n' "$web" "$web" "$web2" >"$WORK/two"
wrong 'one target a line' --targets "$WORK/two"
printf '# nothing\n\n' >"$WORK/none"
wrong 'no target' --targets "$WORK/none"
printf '\033[31m\001\377x://evil\n' >"$WORK/noise"
wrong '"\x1b[31m\x01\xffx://evil": begins with' --targets "$WORK/noise"
wrong 'default/busybox' --pod default/nosuch "$web"
wrong 'no network namespace "nowhere"' --netns nowhere "$web"
wrong 'exclude each other' --pod busybox --netns "$LAB_PREFIX-web" "$web"
wrong 'no pod "nosuch"' --to nosuch
wrong 'a port, 1 to 65535, and --to' --listen 8080 "$web"
wrong 'a port, 1 to 65535' --to web --listen 65536
wrong 'listens there already' --to web --listen 80
wrong 'runs no command' "$web" -- true
wrong '/no/such/root' --root /no/such/root "$web"
unprivileged() {
	local got=0
	ip netns exec "$LAB_PREFIX-node1" setpriv --reuid 65534 --regid 65534 --clear-groups "$CNITRACE" probe "$web" \
		>"$WORK/out" 2>"$WORK/err" || got=$?
	((got == 3)) && grep -q 'CAP_' "$WORK/err"
}
check "no privileges: exit status 3 and what is missing" unprivileged

# Every option of --help stands in the README and in the man page; every target form in the help.
for option in $("$CNITRACE" probe --help | grep -oE -- '--[a-z]+' | sort -u); do
	check "README and man page know probe $option" sh -c \
		"grep -q -- '$option' '$TESTS_DIR/../../README.md' && sed 's/\\\\-/-/g' '$TESTS_DIR/../../user/cnitrace.8' | sed -n '/^.SH PROBE/,/^.SH OUTPUT/p' | grep -q -- '$option'"
done
check "--help names every kind of target" sh -c "for kind in icmp tcp udp dns mtu; do '$CNITRACE' probe --help | grep -q \"\$kind://\" || exit 1; done"

# Every form that is right, in one run.
printf '# comment\n%s  # a host\n\n  tcp://%s:80\n' "$web" "$web" >"$WORK/targets"
trace_run node1 probe --pod default/busybox --count 2 -i 40ms -W 2s --targets "$WORK/targets" "$web2" "$web:80" "icmp://$web?size=100&df=1" \
	"icmp://[$web6]" "$web6" "tcp://[$web6]:80" "[$web6]:80" "udp://$web:9999?size=10" 'dns:///web?type=A' 'dns://10.96.0.10:53/web.default.svc.cluster.local.' \
	"mtu://$web" 'web:80' 'tcp://web.default.svc.cluster.local.:80' 'udp://[::1]:9?size=0&df=0'
check "every right form: all targets, in order" trace_has '[.[] | select(.type == "probe")] | length == 16 and
	([.[].kind] | join(" ")) == "icmp tcp icmp icmp icmp tcp tcp udp dns dns mtu tcp tcp udp icmp tcp"'
check "… and all answered but the closed port" trace_has '[.[] | select(.type == "probe")] |
	map(select(.answered != .sent and .kind != "mtu") | .target) == ["udp://[::1]:9?size=0&df=0"]'
check "… fits the schema" "$TESTS_DIR/../cli/check-schema" "$WORK/trace.json"
plan
