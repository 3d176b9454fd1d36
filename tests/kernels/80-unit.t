#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# The unit exactly as it is shipped: the program where it names it, the guest's own network namespace, no drop-in. It counts
# what a rule there drops to the packet, and nothing else as a fault.
# shellcheck source=tests/kernels/lib.sh
. "$(dirname "$0")/lib.sh"
guest_only
# shellcheck source=tests/kernels/systemd.sh
. "$(dirname "$0")/systemd.sh"
systemd_needed

DROPPED=137 PASSED=41
HERE=198.51.100.1 THERE=198.51.100.2
RULE=(INPUT -i wire -p udp --dport 7777 -m comment --comment "unit test" -j DROP)
COMMAND=$(setting ExecStart)
PROGRAM=${COMMAND%% *}
ADDRESS=$(sed -n 's/.* --listen \([^ ]*\).*/\1/p' <<<"$COMMAND")

# What the lab drops is dropped by this kernel, too; and what an earlier try left.
[[ ! -d $LAB_DIR ]] || lab down >&2
{ ip netns pids outside | xargs -r kill -KILL && ip netns delete outside; } 2>/dev/null || true
ip address delete "$HERE/32" dev lo 2>/dev/null || true
while iptables -D "${RULE[@]}" 2>/dev/null; do :; done
rm -rf /etc/systemd/system/cnitrace.service.d "$PROGRAM"

# As the unit's first lines say.
install -D "$CNITRACE" "$PROGRAM"
install -D -m 644 "$UNIT" /etc/systemd/system/cnitrace.service
systemd_begin
# As on a node that is up. What no target wants would be forgotten once it is stopped.
systemctl start multi-user.target
verified() {
	systemd-analyze verify --man=no cnitrace.service >"$WORK/verify" 2>&1 || { cat "$WORK/verify" && return 1; }
	! grep -i cnitrace "$WORK/verify"
}
if [[ -x /usr/bin/systemd-analyze ]]; then
	check "systemd-analyze verify" verified
else
	skip "systemd-analyze verify" "the machine that made this guest has no systemd-analyze"
fi

check "systemctl enable --now" systemctl enable -q --now cnitrace
if ! wait_until 100 started_said; then
	{ systemctl status cnitrace || true; } >"$WORK/status" 2>&1
	not_ok "its first line is in the journal" "$WORK/status"
	plan
	exit 1
fi
ok "its first line is in the journal"
active() { systemctl is-active cnitrace && [[ $(property NRestarts) == 0 ]]; }
check "it is active, by its first start" active
shipped() {
	systemctl show -p FragmentPath,DropInPaths,Environment,EnvironmentFiles,NetworkNamespacePath cnitrace
	cmp "$UNIT" "$(property FragmentPath)" && [[ -z $(property DropInPaths)$(property Environment)$(property EnvironmentFiles) ]]
}
check "no drop-in and no environment are added to it" shipped
runs() {
	local of

	of=/proc/$(property MainPID)
	tr '\0' ' ' <"$of/cmdline" | tee "$WORK/cmdline" && readlink "$of/exe"
	[[ $(<"$WORK/cmdline") == "$COMMAND " && $(readlink "$of/exe") == "$PROGRAM" ]]
}
check "the program runs from where the unit names it, with those arguments" runs
check "… in the machine's own network namespace" test "/proc/$(property MainPID)/ns/net" -ef /proc/1/ns/net

get() { curl -sSf "http://$ADDRESS/$1"; }
# drops FILTER: does jq's FILTER hold for the page?
drops() { get drops >"$WORK/drops" && jq -e --argjson dropped "$DROPPED" "$1" "$WORK/drops" >/dev/null; }
# A failed check says what the page had.
page() { drops "$1" || { jq -c '(.drops[] | select(.class == "fault")), .findings[]' "$WORK/drops" && return 1; }; }
waited() { wait_until 100 drops "$1" || page "$1"; }
check "it is ready, at the unit's address" wait_until 200 get readyz
NO_FAULT='all(.drops[]; .class == "benign") and .findings == []'
check "nothing is a fault yet" page "$NO_FAULT"

# Made after its start, and linked as pods are: addresses of their own, a route to each.
ip netns add outside
ip link add wire type veth peer name wire netns outside
ip -n outside address add "$THERE/32" dev wire
ip -n outside link set wire up
ip -n outside route add "$HERE" dev wire scope link
ip link set wire up
ip address add "$HERE/32" dev lo
ip route add "$THERE" dev wire scope link src "$HERE"
outside() { nsenter --net=/run/netns/outside -- "$@"; }
outside perl -MIO::Socket::INET -e "$UDP_ECHO" "$THERE" >/dev/null 2>&1 &
iptables -I "${RULE[@]}"
# echoed COUNT: so many datagrams go there and come back, one after the other.
echoed() {
	# shellcheck disable=SC2016
	perl -MIO::Socket::INET -e 'my ($to, $count, $data) = @ARGV;
		my $s = IO::Socket::INET->new(Proto => "udp", PeerAddr => $to, PeerPort => 9999) or die "$!";
		alarm 60;
		for (1 .. $count) { $s->send("x$_") && defined $s->recv($data, 100) && $data eq "x$_" or die "$_: $!" }' "$THERE" "$1"
}
echoes() { [[ -n $(outside ss -Hlnu "sport = :9999") ]]; }
wait_until 1000 echoes || true
check "allowed traffic passes, both ways" echoed "$PASSED"
check "… and is no fault" page "$NO_FAULT"

outside perl -MIO::Socket::INET -e "$UDP_SEND" "$HERE" 7777 "$DROPPED"
COUNTED='[.drops[] | select(.class == "fault")] | length == 1 and (.[0] | .packets == $dropped and .total_packets == $dropped and
	.reason == "NETFILTER_DROP" and .proto == "UDP" and .device == "wire" and .netns_name == "node" and .flow.dport == 7777)'
check "/drops has the $DROPPED packets that the rule dropped, as one row" waited "$COUNTED"
check "… and the rule as its only finding" waited '.findings | length == 1 and (.[0] | .id == "netfilter-drop" and .count == $dropped and
	(.facts.rule | test("unit test")))'
in_rule() { iptables -nvxL INPUT | awk -v count="$DROPPED" '{ print } /unit test/ { right = $1 == count } END { exit !right }'; }
check "the rule's own counter has as many" in_rule
# More comes after it: allowed traffic, and answers to a ping, whose copies the kernel frees.
check "allowed traffic passes beside it" echoed "$PASSED"
check "… also a ping" outside ping -q -c 5 -i 0.05 "$HERE"
check "a namespace made after the start has its name" waited 'any(.drops[]; .proto == "ICMP" and .netns_name == "outside" and
	.class == "benign" and .packets == 5)'
check "all of that changed no fault row" page "$COUNTED"
# Only what is not 0 is looked at.
metrics() {
	get metrics >"$WORK/metrics" && grep -E '^cnitrace_(drop_packets|lost|findings)' "$WORK/metrics" | grep -v ' 0$' | tee "$WORK/counted"
	[[ $(wc -l <"$WORK/counted") == 2 ]] && grep -xE "cnitrace_drop_packets_total[{]reason=\"NETFILTER_DROP\",.*protocol=\"UDP\"[}] $DROPPED" "$WORK/counted" &&
		grep -xF 'cnitrace_findings{id="netfilter-drop",severity="error"} 1' "$WORK/counted"
}
check "/metrics has the same, and nothing lost" metrics
check "each line of the journal is a document of its own, and there is no complaint" plain

check "it is stopped" systemctl stop cnitrace
check "its status is that of a finding, which is no failure" grep -x 'ActiveState=inactive ExecMainStatus=10 Result=success' <(ended)
check "the last line is the summary: complete, with as many" said ".[-1].type == \"summary\" and .[-1].complete and
	.[-1].drops.fault == $DROPPED and .[-1].findings.error == 1"
check "… and the journal is still one of whole lines" plain
check "nothing serves the address any longer" bash -c '! curl -sS "http://$1/healthz"' - "$ADDRESS"
systemctl disable -q cnitrace
ip netns pids outside | xargs -r kill -KILL
plan
