#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# TCP targets: connect times, how refusals, errors and silence differ, SYNs sent again, full queues of a server on this
# node, and sends the kernel refuses before there is a packet. Services from pods and from the node.
# shellcheck source=tests/faults/probe.sh
. "$(dirname "$0")/probe.sh"

# shellcheck disable=SC2119
lab_start
web=$(address_of web) web2=$(address_of web2)

probe --count 10 --interval 50ms "tcp://$web2:80"
result "connect times" '.answered == 10 and .best_us > 0 and .best_us <= .avg_us and .avg_us <= .worst_us and has("stdev_us")'
rows "… and at each hop only SYN and SYN-ACK count" 'length > 0 and all(.[]; .packets == 10)'
# What the kernel measured from SYN to SYN-ACK cannot be shorter than what the trace saw of both.
check "… no shorter than from the pod's veth and back" jq -e -s \
	'[.[] | select(.type == "probe")][0].avg_us as $all | [.[] | select(.type == "hop_stats")] | max_by(.hop) | .avg_us <= $all' "$WORK/trace.json"

# How it ends.
in_netns web nft -f - <<-'END'
	table ip probe {
		chain input {
			type filter hook input priority 0
			tcp dport 81 counter drop
			tcp dport 82 reject with icmp type port-unreachable
			tcp dport 83 reject with icmp type admin-prohibited
			tcp dport 84 reject with tcp reset
		}
	}
END
probe --count 2 --timeout 400ms "tcp://$web:81" "tcp://$web:82" "tcp://$web:83" "tcp://$web:84" "tcp://$web:85"
in_netns web nft delete table ip probe
result "silence" '.silent == 2 and .refused == null and .unreachable == null' 0
result "ICMP port unreachable" '.unreachable == 2 and .refused == null and (.notes[0].text | test("ICMP port unreachable from"))' 1
result "ICMP prohibited" '.unreachable == 2 and (.notes[0].text | test("ICMP filtered from"))' 2
result "RST of a rule" '.refused == 2 and .unreachable == null' 3
result "RST of a closed port" '.refused == 2 and (.notes[0].text | test("RST"))' 4
fits_schema "five ways to fail"

# The first SYN of each connection is lost: the second gets through a second later.
in_netns node1 nft -f - <<-END
	table ip loss {
		set seen {
			type inet_service
			flags dynamic
			timeout 1m
		}
		chain forward {
			type filter hook forward priority 0
			ip daddr $web2 tcp flags syn tcp sport @seen accept
			ip daddr $web2 tcp flags syn add @seen { tcp sport } drop
		}
	}
END
probe --count 4 --timeout 2s "tcp://$web2:80"
in_netns node1 nft delete table ip loss
result "each first SYN lost: all connect, four SYNs sent again" '.answered == 4 and .retransmitted == 4'
result "… a second late" '.avg_us > 1000000 and .avg_us < 1300000'
rows "… half of the SYNs miss flannel.1" '[.[] | select(.device == "flannel.1" and .leg == "request")][0] | .packets == 4 and .lost == 4'

# Queues of a server here.
in_netns web sysctl -qw net.ipv4.tcp_syncookies=2
probe --count 5 --interval 50ms "tcp://$web:80"
in_netns web sysctl -qw net.ipv4.tcp_syncookies=1
result "SYN cookies: all connect" '.answered == 5'
check "… and it is told whose SYN queue they stand for" trace_has '[.[] | select(.type == "finding")] | length == 1 and
	(.[0] | .id == "listen-overflow" and .severity == "warning" and .facts.cookies >= 5 and .where.pod == "default/web")'
check "… exit status 0" test "$TRACE_STATUS" -eq 0
probe --count 5 --interval 50ms "tcp://$web:80"
no_finding "no cookies, no finding"
lab fault listen-overflow >/dev/null
probe --count 3 --timeout 500ms "tcp://$web:80"
lab heal >/dev/null
result "accept queue full: silence" '.silent >= 2'
only_finding "… and why" listen-overflow '.facts.queue >= .facts.backlog and .facts.port == 80'
# It fills and empties again while it is probed.
# shellcheck disable=SC2016
process_start slow-server web perl -MIO::Socket::INET -e \
	'my $s = IO::Socket::INET->new(LocalPort => 8090, Listen => 1, ReuseAddr => 1) or die "$!"; my @held;
	 sleep 2; while (my $c = $s->accept) { push @held, $c }'
wait_until 1000 listens web tcp 8090 || not_ok "a slow server"
probe --count 8 --interval 10ms --timeout 5s "tcp://$web:8090"
process_stop slow-server
check "overflow that is over: told all the same" trace_has 'any(.[]; .type == "finding" and .id == "listen-overflow" and .facts.port == 8090)'
result "… SYNs were sent again" '.retransmitted >= 1'

# No packet at all.
lab fault ports-exhausted >/dev/null
probe --count 3 --interval 50ms "tcp://$web:80"
lab heal >/dev/null
result "no free port: said, nothing sent" '.failed == 3 and (.notes | any(.[]; .text | test("no free local port.*no packet was sent")))'
only_finding "… a finding" ports-exhausted
probe --count 2 --interval 50ms "udp://$web:9999?size=2000&df=1" "icmp://$web?size=2000&df=1"
result "EMSGSIZE, UDP: said" '.failed == 2 and (.notes | any(.[]; .text | test("larger than the device.s MTU; no packet was sent")))'
result "EMSGSIZE, echo: said" '.failed == 2 and (.notes | any(.[]; .text | test("no packet was sent")))' 1
check "… findings mtu-local and no other" trace_has '[.[] | select(.type == "finding") | .id] | unique == ["mtu-local"]'
for type in unreachable prohibit blackhole; do
	in_netns busybox ip route add "$type" 198.51.100.7
	probe --count 2 --interval 50ms tcp://198.51.100.7:80 udp://198.51.100.7:80 198.51.100.7
	in_netns busybox ip route del "$type" 198.51.100.7
	result "a $type route: nothing sent, TCP" '.failed == 2 and (.notes | any(.[]; .text | test("no packet was sent")))'
	result "a $type route: nothing sent, UDP" '.failed == 2' 1
	result "a $type route: nothing sent, echo" '.failed == 2' 2
	check "… no-route and no other" trace_has '[.[] | select(.type == "finding") | .id] | unique == ["no-route"]'
done

# Services.
probe --count 12 --interval 30ms tcp://10.96.0.20:80
result "a Service from a pod" '.answered == 12'
rows "… both endpoints' ways are in the table" '([.[] | select(.leg == "request") | .device] | index("flannel.1")) and ([.[] | .pod] | index("default/web"))'
trace_run node1 probe --count 12 --interval 30ms tcp://10.96.0.20:80 dns://10.96.0.10/web.default.svc.cluster.local.
result "a Service from the node" '.answered == 12'
rows "… has a table, too: the way to each endpoint" '[.[] | select(.target == "tcp://10.96.0.20:80")] |
	([.[] | select(.leg == "request") | .device] | index("flannel.1")) and any(.[]; .pod == "default/web" and .leg == "reply") and all(.[]; .lost == 0)'
rows "… where every connection counts once" '[.[] | select(.target == "tcp://10.96.0.20:80" and .leg == "request") |
	select(.device == "flannel.1" or (.pod == "default/web"))] | map(.packets) | add == 12'
rows "… and so for DNS" '[.[] | select(.target | startswith("dns"))] | length >= 2 and all(.[]; .lost == 0)'
no_finding "… no finding"

# The test's own listener, in the second pod.
trace_run node1 probe --from default/busybox --to default/local --listen 8088 --count 3 --interval 50ms
result "--listen: connected without the application" '.answered == 3'
check "… and gone afterwards" sh -c "! ip netns exec '$LAB_PREFIX-local' ss -Hlnt 'sport = :8088' | grep -q ."
node1 iptables-nft -I FORWARD -d "$(address_of local)" -p tcp --dport 8088 -j DROP
trace_run node1 probe --from default/busybox --to default/local --listen 8088 --count 3 --interval 50ms --timeout 500ms
node1 iptables-nft -D FORWARD -d "$(address_of local)" -p tcp --dport 8088 -j DROP
only_finding "… a policy on the way is found" netfilter-drop
plan
