#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Two nodes traced at once, merged: whole journeys through a Service and a tunnel, clocks
# that differ by what the test says, loss between the nodes, and what is not loss.
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/../faults/lib.sh"

# shellcheck disable=SC2119
lab_start
schema=$TESTS_DIR/../cli/check-schema

# both NAME SECONDS COMMAND…: traces both nodes while COMMAND runs in default/busybox.
both() {
	local name=$1 seconds=$2 node pids=()
	shift 2
	for node in node1 node2; do
		ip netns exec "$LAB_PREFIX-$node" "$CNITRACE" trace --json --root "$LAB_DIR/$node" \
			--duration "$seconds" >"$WORK/$name.$node" 2>>"$WORK/err" </dev/null &
		pids+=($!)
	done
	for node in node1 node2; do
		wait_until 1000 grep -qs '"type": *"start"' "$WORK/$name.$node"
	done
	ip netns exec "$LAB_PREFIX-busybox" "$@" >>"$WORK/err" 2>&1 || true
	wait "${pids[@]}" || true
}

merge() {
	MERGE_STATUS=0
	"$CNITRACE" merge --json "$@" >"$WORK/merged" 2>"$WORK/merge.err" || MERGE_STATUS=$?
}
has() { jq -e -s "$1" "$WORK/merged" >/dev/null; }

web2=$(address_of web2)
both healthy 3s ping -c 5 -i 0.2 "$web2"
merge "$WORK/healthy.node1" "$WORK/healthy.node2"
check "healthy: exit status 0" test "$MERGE_STATUS" = 0
check "lines fit the schema" "$schema" "$WORK/merged"
check "five pings, whole: from pod to pod over both nodes" has '
	[.[] | select(.type == "journey" and .packet.icmp_type == 8 and (.parts | length) == 2)
	| select(.verdict.kind == "delivered" and .verdict.node == "node2" and .flow.dst_pod == "default/web2"
		and .flow.src_pod == "default/busybox")] | length == 5'
check "their hops are in order of time" has '
	all(.[] | select(.type == "journey"); [.hops[].time_ns] as $t | $t == ($t | sort))'
check "one machine, one clock: the offset is less than its error" has '
	.[0].nodes[1] | .clock_known and (.clock_offset_ns | fabs) <= .clock_error_ns and .clock_packets >= 10'
check "nothing lost between the nodes" has '[.[] | select(.type == "between") | .lost] | add == 0'
check "no journey stays half" has '
	all(.[] | select(.type == "journey" and .flow.proto == "ICMP"); .verdict.kind == "delivered")'

# The other node's clock is 90 s ahead: every time in its file is.
jq -c --argjson s 90000000000 'walk(if type == "object" and has("time_ns") then .time_ns += $s else . end)' \
	"$WORK/healthy.node2" | sed 's/\([0-9]\)\.0\b/\1/g' >"$WORK/shifted.node2"
merge "$WORK/healthy.node1" "$WORK/shifted.node2"
# jq's numbers are doubles: exact to 256 ns at this size.
check "a clock 90 s ahead is found by the packets" has '
	.[0].nodes[1] | (.clock_offset_ns + 90000000000 | fabs) <= .clock_error_ns + 1000'
check "journeys are whole as before" has '
	[.[] | select(.type == "journey" and .packet.icmp_type == 8 and (.parts | length) == 2)] | length == 5'

# Twice the same file, lines out of order, a line that was cut: nothing is counted twice.
{ cat "$WORK/healthy.node2" && head -c 500 "$WORK/healthy.node2"; } >"$WORK/cut.node2"
tac "$WORK/healthy.node1" >"$WORK/turned.node1"
merge "$WORK/turned.node1" "$WORK/cut.node2" "$WORK/healthy.node1" - <"$WORK/healthy.node2"
check "repeated and cut lines: still five whole pings" has '
	[.[] | select(.type == "journey" and .packet.icmp_type == 8 and (.parts | length) == 2)] | length == 5'
check "… and both are told" has '.[0] | .repeated > 10 and .bad_lines == 1'
check "… also to the reader" grep -q '1 line is no whole JSON' "$WORK/merge.err"

# A million records: the first ping 125 000 times, four hops on each node, 2 µs apart. Node 2's clock is 40 s behind, its lines come
# in blocks that are turned round, every 1000th packet never came, and every 5000th came twice.
# shellcheck disable=SC2016 # Perl's variables
million() {
	jq -c 'select(.type == "start")' "$WORK/healthy.$1"
	jq -cn "first(inputs | $3)" "$WORK/healthy.$1" | perl -e 'my ($second, $shift) = ($ARGV[0] eq "node2", $ARGV[1]);
		my $line = <STDIN>;
		my @block;
		for my $i (0 .. 124999) {
			my ($id, $sequence, $later) = ($i % 50000 + 1, int($i / 50000) + 1, $i * 2000 + $shift);
			next if $second && $i % 1000 == 500;
			my $copy = $line =~ s/"ip_id":\d+/"ip_id":$id/gr =~ s/"icmp_seq":\d+/"icmp_seq":$sequence/gr
				=~ s/"time_ns":(\d+)/"\"time_ns\":" . ($1 + $later)/ger =~ s/"id":\d+/"id":$i/r;
			push @block, $copy;
			push @block, $copy if $second && $i % 5000 == 0;
			next if @block < 100 && $i < 124999;
			print $second ? reverse(@block) : @block;
			@block = ();
		}' "$1" "$2"
	jq -c 'select(.type == "summary")' "$WORK/healthy.$1"
}
request='select(.type == "journey" and .packet.icmp_type == 8 and (.hops | length) == 4)'
million node1 0 "$request" >"$WORK/million.node1"
jq -c --argjson s 40000000000 'if .type == "start" or .type == "summary" then .time_ns -= $s else . end' <"$WORK/healthy.node2" >"$WORK/healthy2"
million node2 -40000000000 "$request" | sed '1d;$d' >"$WORK/body"
{ head -n 1 "$WORK/healthy2" && cat "$WORK/body" && tail -n 1 "$WORK/healthy2"; } | sed 's/\([0-9]\)\.0\b/\1/g' >"$WORK/million.node2"
rm "$WORK/body"
begin_ns=$(date +%s%N)
merge "$WORK/million.node1" "$WORK/million.node2"
printf '# %s lines, %s MB of JSON merged in %s ms\n' "$(cat "$WORK"/million.* | wc -l)" \
	"$(($(cat "$WORK"/million.* | wc -c) / 1000000))" "$((($(date +%s%N) - begin_ns) / 1000000))"
check "a million records: a packet in a thousand lost is a warning" test "$MERGE_STATUS" = 0
jq -c 'select(.type != "journey")' "$WORK/merged" >"$WORK/rest"
grep -c '"type":"journey".*"state":"lost"' "$WORK/merged" >"$WORK/lost" || true
mv "$WORK/rest" "$WORK/merged"
check "… joined in spite of order, copies and clock: all but the 125 that never came" has '
	. as $all | [.[] | select(.type == "between" and .from == "node1")][0] | .left == 125000 and .arrived == 124875 and .lost == 125
	and any($all[]; .id == "vanished" and .severity == "warning" and .count == 125) and $all[0].repeated == 25
	and ($all[0].nodes[1].clock_offset_ns - 40000000000 | fabs) < 1000000'
check "… each of which is told" test "$(cat "$WORK/lost")" = 125
rm "$WORK"/million.*

# The third ping never reached node 2: its journey is taken out of that node's file.
jq -c 'select((.type == "journey" and .packet.icmp_type == 8 and .packet.icmp_seq == 3) | not)' \
	"$WORK/healthy.node2" >"$WORK/lossy.node2"
merge "$WORK/healthy.node1" "$WORK/lossy.node2"
check "a lost packet: exit status 10" test "$MERGE_STATUS" = 10
check "lines fit the schema then too" "$schema" "$WORK/merged"
check "it is said to be lost between the nodes, in its tunnel header" has '
	[.[] | select(.verdict.between.state == "lost")] | length == 1 and (.[0]
	| .packet.icmp_seq == 3 and .verdict.kind == "vanished" and .verdict.between.from == "node1"
	and .verdict.between.to == "node2" and .verdict.between.encap.kind == "vxlan"
	and .verdict.between.encap.dst == "192.168.1.12")'
check "one finding, vanished, with the numbers" has '
	[.[] | select(.type == "finding")] | length == 1 and (.[0] | .id == "vanished" and .facts.lost == 1
	and .facts.port == 8472)'
check "the text says so" sh -c "'$CNITRACE' merge '$WORK/healthy.node1' '$WORK/lossy.node2' |
	grep -q 'lost between node1 and node2, in VXLAN 1 192.168.1.11 → 192.168.1.12'"

# Node 2's trace began after the third ping: what came before is not loss.
third=$(jq -r 'select(.type == "journey" and .packet.icmp_type == 8 and .packet.icmp_seq == 3) | .time_ns' \
	"$WORK/healthy.node2")
jq -c --argjson t "$third" 'if .type == "start" then .time_ns = $t + 50000000
	elif .type == "journey" and .time_ns <= $t + 1000000 then empty else . end' \
	"$WORK/healthy.node2" >"$WORK/late.node2"
merge "$WORK/healthy.node1" "$WORK/late.node2"
check "a trace that began late: unseen, not lost" has '
	([.[] | select(.type == "between" and .from == "node1")][0] | .unseen >= 3 and .lost == 0)
	and ([.[] | select(.type == "finding")] | length == 0)'

# For real: the underlay loses all tunnel packets towards node 2.
lab fault overlay-blocked >/dev/null 2>"$WORK/err" || true
both blocked 4s ping -c 3 -i 0.2 -W 1 "$web2"
lab heal >/dev/null 2>&1 || true
merge "$WORK/blocked.node1" "$WORK/blocked.node2"
check "a firewall between the nodes: overlay-blocked, known from both ends" has '
	any(.[] | select(.type == "finding"); .id == "overlay-blocked" and .facts.to_node == "node2" and .facts.lost == 3)'

refused() {
	local text=$1 status=0
	shift
	"$CNITRACE" merge "$@" >"$WORK/out" 2>"$WORK/err" </dev/null || status=$?
	((status == 2)) && grep -q "$text" "$WORK/err" && [[ ! -s $WORK/out ]] || { cat "$WORK/err" && return 1; }
}
check "no file" refused 'no file given'
check "a file that is not there" refused 'cannot open "/no/such/file"' /no/such/file
check "a directory" refused 'is a directory' /tmp
check "a file of something else" refused 'no line of cnitrace' /etc/passwd
check "nothing at all" refused 'no line of cnitrace' -
plan
