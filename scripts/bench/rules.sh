# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2154 # set by bench.sh
# What 20 000 rules of 5 000 Services cost: from the last lost packet to the finding, `check` as a whole, and
# memory, each beside the lab's own few rules, for each of the ways in which rules are kept.

# Chains and rules of kube-proxy's iptables mode for Services 0 to $1 - 1.
rules_iptables() {
	awk -v n="$1" 'BEGIN {
		print "*nat"
		for (i = 0; i < n; i++)
			printf ":KUBE-SVC-BENCHAAAAAA%05d - [0:0]\n:KUBE-SEP-BENCHAAAAAA%05d - [0:0]\n", i, i
		for (i = 0; i < n; i++) {
			name = sprintf("bench/service-%05d:http", i)
			ip = sprintf("10.97.%d.%d", i / 250, i % 250 + 1)
			to = sprintf("10.244.%d.%d", 100 + i / 250, i % 250 + 1)
			match_ = sprintf("-d %s/32 -p tcp -m comment --comment \"%s cluster IP\" -m tcp --dport 80", ip, name)
			printf "-A KUBE-SERVICES %s -j KUBE-SVC-BENCHAAAAAA%05d\n", match_, i
			printf "-A KUBE-SVC-BENCHAAAAAA%05d -m comment --comment \"%s -> %s:8080\" -j KUBE-SEP-BENCHAAAAAA%05d\n", i, name, to, i
			printf "-A KUBE-SEP-BENCHAAAAAA%05d -s %s/32 -m comment --comment \"%s\" -j KUBE-MARK-MASQ\n", i, to, name
			printf "-A KUBE-SEP-BENCHAAAAAA%05d -p tcp -m comment --comment \"%s\" -m tcp -j DNAT --to-destination %s:8080\n", i, name, to
		}
		print "COMMIT"
	}'
}

# The same in its nftables mode.
rules_nftables() {
	awk -v n="$1" 'BEGIN {
		print "table ip kube-proxy {"
		for (i = 0; i < n; i++) {
			name = sprintf("bench/service-%05d/tcp/http", i)
			ip = sprintf("10.97.%d.%d", i / 250, i % 250 + 1)
			to = sprintf("10.244.%d.%d", 100 + i / 250, i % 250 + 1)
			printf "chain endpoint-BENCHAAA-%s__%s/8080 {\nip saddr %s jump mark-for-masquerade\n", name, to, to
			printf "meta l4proto tcp dnat to %s:8080\n}\n", to
			printf "chain service-BENCHAAA-%s {\nip daddr %s tcp dport 80 ip saddr != 10.244.0.0/16 jump mark-for-masquerade\n", name, ip
			printf "numgen random mod 1 vmap { 0 : goto endpoint-BENCHAAA-%s__%s/8080 }\n}\n", name, to
		}
		print "}"
		for (i = 0; i < n; i++) {
			name = sprintf("bench/service-%05d", i)
			ip = sprintf("10.97.%d.%d", i / 250, i % 250 + 1)
			printf "add element ip kube-proxy cluster-ips { %s }\n", ip
			printf "add element ip kube-proxy service-ips { %s . tcp . 80 comment \"%s\" : goto service-BENCHAAA-%s/tcp/http }\n", ip, name, name
		}
	}'
}

# What is measured runs from here: its time in ms and its peak in KiB are samples rules.WHAT.check and peak_check.
# shellcheck disable=SC2016 # Python
rules_timed() {
	local what=$1 elapsed peak
	shift
	read -r elapsed peak < <(ip netns exec "$LAB-node1" python3 -c '
import os, sys, time
begin = time.monotonic()
child = os.fork()
if not child:
	os.dup2(os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 1)
	os.execv(sys.argv[2], sys.argv[2:])
_, status, usage = os.wait4(child, 0)
print(1000 * (time.monotonic() - begin), usage.ru_maxrss)' "$WORK/out" "$CNITRACE" "$@" 2>"$WORK/tool.err")
	[[ -n $peak ]] || { note "$what: $(head -1 "$WORK/tool.err")" && return; }
	sample "$what.time" "$elapsed"
	sample "$what.peak" "$peak"
}

# A rule drops the pod's pings: from the command's end to the finding (grace for late drops included).
rules_round() {
	local what=$1 root=/run/cnitrace-lab/$LAB/node1
	rules_timed "$what.check" check --json --root "$root"
	rules_timed "$what.trace" trace --json --ring 65536 --root "$root" --pod default/busybox -- \
		sh -c "ping -q -c 1 -W 1 203.0.113.10 >/dev/null; date +%s%N >$WORK/ended"
	jq -r --argjson ended "$(cat "$WORK/ended")" 'select(.type == "finding" and .id == "netfilter-drop")
		| (.time_ns - $ended) / 1e6' "$WORK/out" | head -1 >"$WORK/delay"
	if [[ -s $WORK/delay ]]; then sample "$what.finding" "$(cat "$WORK/delay")"; else note "$what: no finding"; fi
}

# rules_backend NAME UP-OPTION…
rules_backend() {
	local name=$1 ipt=iptables-nft
	shift
	[[ $name != legacy ]] || ipt=iptables-legacy
	"$here/lab.sh" --prefix "$LAB" up "$@" >/dev/null
	ip netns exec "$LAB-node1" "$ipt" -I FORWARD 1 -d 203.0.113.10 -p icmp -j DROP
	for ((round = 0; round < rounds; round++)); do rules_round "rules.$name.few"; done
	case $name in
	nftables) rules_nftables 5000 >"$WORK/rules" && ip netns exec "$LAB-node1" nft -f "$WORK/rules" ;;
	*) rules_iptables 5000 | ip netns exec "$LAB-node1" "$ipt-restore" --noflush ;;
	esac
	for ((round = 0; round < rounds; round++)); do rules_round "rules.$name.many"; done
	"$here/lab.sh" --prefix "$LAB" down >/dev/null
}

rules_run() {
	rules_backend nft --backend nft
	rules_backend legacy --backend legacy
	rules_backend nftables --proxy nftables
}
