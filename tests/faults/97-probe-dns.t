#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# DNS, asked by probe and watched by trace: the same faults get the same names, with the server and the name asked.
# The server before dnsmasq misbehaves as a query's name says.
# shellcheck source=tests/faults/probe.sh
. "$(dirname "$0")/probe.sh"

# shellcheck disable=SC2119
lab_start
server=$(address_of coredns)
other=10.244.1.250
in_netns coredns ip address add "$other/32" dev eth0
mapfile -t records < <(seq -f '--host-record=big.test,10.9.0.%g' 60)
process_stop dns
DNS_PORT=5353 dns_start "$DNS_WEB_RECORD" --address=/fault.test/10.9.9.9 --txt-record=text.test,hello \
	--srv-host=_http._tcp.text.test,web.default.svc.cluster.local,80 --host-record=both.test,10.9.8.1,fd00:9::1 "${records[@]}"
odd_start() {
	# shellcheck disable=SC2016
	process_start dns-odd coredns perl -MIO::Socket::INET -e '
		my ($server, $other) = @ARGV;
		sub server { IO::Socket::INET->new(Proto => "udp", LocalPort => $_[1], LocalAddr => $_[0], ReuseAddr => 1) or die "$!" }
		my ($in, $out, %lost) = (server($server, 53), server($other, 53));
		$SIG{CHLD} = "IGNORE";
		while (1) {
			my $from = $in->recv(my $query, 4096);
			next if !defined $from;
			my ($aaaa, $name) = (substr($query, -4, 2) eq "\0\x1c", substr($query, 12));
			next if $name =~ /silent/ || ($name =~ /twin/ && $aaaa && !$lost{$name}++);
			if ($name =~ /servfail/) {
				$in->send(substr($query, 0, 2) . "\x81\x82" . substr($query, 4), 0, $from); next }
			fork and next;
			my $up = IO::Socket::INET->new(Proto => "udp", PeerAddr => "127.0.0.1", PeerPort => 5353);
			$up->send($query); $up->recv(my $answer, 4096);
			sleep 2 if $name =~ /late/;
			($name =~ /elsewhere/ ? $out : $in)->send($answer, 0, $from);
			exit }' "$server" "$other"
	wait_until 1000 listens coredns udp 53 || not_ok "the odd server"
}
odd_start
digs() { pod busybox dig +short +tries=1 +time=2 "$@" | sort | paste -sd' ' -; }
same_as_dig() {
	local text=$1 ours theirs
	shift
	ours=$(jq -r -s '[.[] | select(.type == "probe") | .queries[] | .addresses // []] | flatten | sort | join(" ")' "$WORK/trace.json")
	theirs=$(digs "$@")
	check "$text: dig says the same: $theirs" test "$ours" = "$theirs"
}

# Right answers.
probe --count 1 "dns:///both.test.?type=A"
same_as_dig "A" @10.96.0.10 both.test A
probe --count 1 "dns:///both.test.?type=AAAA"
same_as_dig "AAAA" @10.96.0.10 both.test AAAA
probe --count 3 --interval 50ms "dns:///both.test."
result "A and AAAA leave at once, from one socket, and both are answered" '.sent == 6 and .answered == 6 and
	(.queries | map(.type) | sort == ["A", "AAAA"])'
rows "… at each hop" 'length >= 4 and all(.[]; .packets == 6 and .lost == 0)'
probe --count 1 "dns:///_http._tcp.text.test.?type=SRV" "dns:///text.test.?type=TXT" "dns:///nosuch.test.?type=A"
result "SRV: a record" '.queries[0].rcode == "NOERROR" and .queries[0].answers == 1'
result "TXT: a record" '.queries[0].rcode == "NOERROR" and .queries[0].answers == 1' 1
status=$(pod busybox dig +tries=1 @10.96.0.10 nosuch.test | sed -nE 's/.*status: ([A-Z]+),.*/\1/p')
result "a name that is not there: $status, as dig says" ".queries[0].rcode == \"$status\"" 2
ours=$(jq -r 'select(.type == "probe") | .best_us' "$WORK/trace.json" | head -n 1)
theirs=$(pod busybox dig +tries=1 @10.96.0.10 text.test TXT | sed -nE 's/;; Query time: ([0-9]+) msec/\1/p')
check "… in dig's time within noise: $ours µs here, $theirs ms there" awk -v a="$ours" -v b="$theirs" 'BEGIN { d = a / 1000 - b; if (d < 0) d = -d; exit !(d < 20) }'

# The search list.
probe --count 1 "dns:///www.example.org"
result "ndots: the walk is shown, what it wasted is counted" '.wasted_queries == 6 and (.queries | length) == 8 and
	([.queries[] | select(.searched) | .name] | unique | length) == 3 and (.queries[-1].name == "www.example.org")'
probe --count 1 "dns:///www.example.org."
result "… with a final dot nothing is" '.wasted_queries == 0 and (.queries | length) == 2'
pod busybox getent ahostsv4 www.example.org >"$WORK/getent"
probe --count 1 "www.example.org"
# shellcheck disable=SC2016
check "… a host's name leads where the pod's C library goes" sh -c \
	'test "$(jq -r "select(.type == \"probe\") | .flow.dst" "$1")" = "$(awk "NR == 1 { print \$1 }" "$2")"' - "$WORK/trace.json" "$WORK/getent"

# Cut answers are asked for again by TCP.
process_stop dns-odd
process_stop dns
dns_start "$DNS_WEB_RECORD" "${records[@]}"
probe --count 1 "dns:///big.test.?type=A"
result "cut: asked again by TCP, whole" '.queries | map(.transport) == ["udp", "tcp"] and .[0].truncated and .[1].answers == 60 and (.[1].truncated | not)'
check "… as many as dig gets" test "$(pod busybox dig +short +bufsize=512 +tries=1 @10.96.0.10 big.test | wc -l)" = 60
in_netns coredns nft -f - <<-'END'
	table ip no {
		chain input {
			type filter hook input priority 0
			tcp dport 53 reject with tcp reset
		}
	}
END
probe --count 1 --timeout 500ms "dns:///big.test.?type=A"
in_netns coredns nft delete table ip no
result "… and TCP refused: said so" '.queries[1] | .transport == "tcp" and (.error | test("TCP: .*refused"))'
fits_schema "cut"
process_stop dns
DNS_PORT=5353 dns_start "$DNS_WEB_RECORD" --address=/fault.test/10.9.9.9
odd_start

# finds TEXT ID JQ: a finding of that id for which JQ holds, and no other of severity error.
finds() { holds "$1" "[.[] | select(.type == \"finding\" and .severity == \"error\")] | length == 1 and .[0].id == \"$2\" and (.[0].facts | $3)"; }

# The 5-second race: the C library of the pod and the probe wait alike.
probe --count 1 "dns:///a.twin.fault.test."
result "one of the twins lost: seen, asked again as the C library does, and so long did it take" \
	'.sent == 3 and .answered == 2 and (.queries | map(select(has("took_us") | not) | .type)) == ["AAAA"] and
	(.notes | any(.[]; .text | test("AAAA got no answer, A from the same socket.*waited 5.0 s")))'
finds "… a finding with the name and the twin" dns-timeout '.name == "a.twin.fault.test" and .query == "AAAA" and .twin == "A" and .waited_ms >= 4900'
trace_run node1 trace --pod default/busybox -- getent ahosts b.twin.fault.test.
finds "… and trace sees it when the C library asks" dns-timeout '.name == "b.twin.fault.test" and .twin == "A" and .waited_ms >= 4900 and .server == "10.96.0.10"'

# The same faults, probed and watched.
both() {
	local text=$1 name=$2 id=$3 filter=$4
	probe --count 1 --timeout 3s "dns:///p.$name.fault.test.?type=A"
	finds "probe: $text" "$id" ".name == \"p.$name.fault.test\" and .server == \"10.96.0.10\" and ($filter)"
	trace_run node1 trace --pod default/busybox -- dig +tries=1 +time=3 @10.96.0.10 "t.$name.fault.test"
	finds "trace: $text" "$id" ".name == \"t.$name.fault.test\" and .server == \"10.96.0.10\" and ($filter)"
}
both "never answered" silent dns-timeout '.pod == "kube-system/coredns"'
both "answered late" late dns-slow '.worst_ms >= 2000 and .worst_ms < 3000'
both "answered with an error" servfail dns-error '.rcode == "SERVFAIL"'
trace_run node1 trace --pod default/busybox -- sh -c 'dig +tries=1 +time=3 @10.96.0.10 x.late.fault.test; dig +tries=1 @10.96.0.10 x.servfail.fault.test; dig +tries=1 @10.96.0.10 x.fine.fault.test'
holds "trace: two names, two findings, each with its own" '[.[] | select(.type == "finding") | [.id, .facts.name]] | sort ==
	[["dns-error", "x.servfail.fault.test"], ["dns-slow", "x.late.fault.test"]]'
trace_run node1 trace --pod default/busybox -- dig +tries=1 @10.96.0.10 x.fine.fault.test
no_finding "trace: a name that is answered at once: nothing"

# From another address than asked: resolvers ignore it.
probe --count 1 --timeout 500ms "dns://$server/x.elsewhere.fault.test.?type=A"
result "an answer from another address: seen, and no answer" '.answered == 0 and (.queries[0] |
	.answered_by == "'"$other"'" and (.error | test("answered by '"$other"', which was not asked")))'
pod busybox dig +tries=1 +time=1 "@$server" x.elsewhere.fault.test >"$WORK/dig" || true
check "… nor does dig take it for one" grep -qE 'timed out|no servers could be reached' "$WORK/dig"
fits_schema "another address"
plan
