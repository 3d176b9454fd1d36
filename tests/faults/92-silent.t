#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# A million packets of all that a healthy node lives through, seen by one trace: no error. Then a little of the
# same with one rule that drops: exactly one.
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"

# PACKETS: fewer where a processor is emulated.
TARGET=${PACKETS:-1000000}
busybox='' web='' web2=''

noise() { local from=$1 && shift && pod "$from" python3 "$TESTS_DIR/noise.py" "$@"; }

# One packet for each segment, as a wire carries them: the pod's and its peers' stacks cut.
segments_small() {
	local name
	for name in busybox web web2; do
		in_netns "$name" ip link set dev eth0 gso_max_segs 1
	done
}

# What a reboot leaves: reservations, results and log directories of pods that are gone, some of which had the
# address, the device or the name of a pod that lives now.
stale_files() {
	local i id address veth root=$LAB_DIR/node1 result
	result=$root/var/lib/cni/results/cbr0-$(pod_var busybox id)-eth0
	for i in {100..119}; do
		id=$(printf 'dead%060d' "$i")
		address=10.244.1.$i veth=vethdead$i
		((i > 101)) || address=$busybox veth=$(veth_of busybox)
		[[ $address == "$busybox" ]] || printf '%s\r\neth0' "$id" >"$root/var/lib/cni/networks/cbr0/$address"
		sed "s/$(pod_var busybox id)/$id/g; s/$busybox/$address/g; s/$(veth_of busybox)/$veth/g
			s,/netns/$LAB_PREFIX-busybox,/netns/cni-dead-$i,g; s/busybox/old-$i/g" "$result" \
			>"$root/var/lib/cni/results/cbr0-$id-eth0"
		mkdir -p "$root/var/log/pods/default_old-$i""_$id/old" "$root/var/log/pods/default_busybox_$id/busybox"
	done
}

# The pod's own traffic, until so many packets have gone through its device. Several flows are bulk; the rest is small.
traffic_script() {
	cat <<-END
		target=\$1
		# What the pod sends and what comes in by the node's eth0: there is more, so the tool must count more.
		packets() {
			{
				cat /proc/net/dev
				nsenter --net=/run/netns/$LAB_PREFIX-node1 cat /proc/net/dev | sed 's/eth0/node/'
			} | sed 's/:/ /' | awk '\$1 == "eth0" { n += \$11 } \$1 == "node" { n += \$3 } END { printf "%d", n }'
		}
		begin=\$(packets)
		peer() { python3 $TESTS_DIR/traffic.py "\$@"; }
		curl -sS --limit-rate 30M -o /dev/null http://$web2/huge &
		curl -sS --limit-rate 15M -o /dev/null http://$web/huge &
		curl -sS --limit-rate 15M -o /dev/null http://10.96.0.20/huge &
		python3 $TESTS_DIR/traffic.py upload $web2 9000 8000000 &
		python3 $TESTS_DIR/traffic.py echo $web 9999 16 &
		python3 $TESTS_DIR/traffic.py echo 203.0.113.10 9999 4 &
		bulk=\$(jobs -p)
		while :; do
			ping -q -c 2 -i 0.1 -W 2 $web
			ping -q -c 2 -i 0.1 -W 2 $web2
			ping -q -c 1 -s 4000 -W 2 $web2
			ping -q -c 1 -W 2 192.168.1.11
			ping -q -c 1 -W 2 203.0.113.10
			for i in 1 2 3 4; do
				curl -sS --max-time 20 -o /dev/null http://10.96.0.20/
				curl -sS --max-time 20 -o /dev/null http://192.168.1.11:30080/
				dig +time=5 @10.96.0.10 web.default.svc.cluster.local
				dig +time=5 @10.96.0.10 www.example.org
			done
			dig +tcp +time=5 @10.96.0.10 web.default.svc.cluster.local
			getent ahosts web
			curl -sS --max-time 20 -o /dev/null http://203.0.113.10/
			peer resets $web2 9000 5
			peer hear 5 9001 $web2
			[ \$((\$(packets) - begin)) -lt \$target ] && [ \$SECONDS -lt 300 ] || break
		done
		kill \$bulk
		wait
		echo "packets \$((\$(packets) - begin))"
	END
}

# A round of what others do on the node meanwhile.
others() {
	local round=$1 name=churn$1$RANDOM
	{
		pod_make "$name" default node1
		pod "$name" ping -q -c 2 -i 0.1 -W 2 "$busybox"
		pod "$name" curl -sS --max-time 20 -o /dev/null http://10.96.0.20/
		# Every third goes without a word, as in a crash: its files stay.
		((round % 3 == 0)) || pod_detach "$name"
		process_stop "pod-$name"
		ip netns delete "$LAB_PREFIX-$name"

		((round % 2)) && service_endpoints default/web web:80 || services_reset
		pod web python3 "$TESTS_DIR/traffic.py" scan "$(address_of local)" 20 60
		pod web python3 "$TESTS_DIR/traffic.py" scan 192.168.1.11 20 60
		pod web2 python3 "$TESTS_DIR/traffic.py" scan "$web" 20 60
		pod web2 python3 "$TESTS_DIR/traffic.py" scan "$busybox" 20 60
		noise web frame 02:00:00:00:00:99 ipv4 5
		for name in web busybox; do
			noise "$name" frame 01:00:5e:01:02:03 multicast 5
			noise "$name" frame 01:80:c2:00:00:0e lldp 5
			noise "$name" frame 01:80:c2:00:00:00 stp 5
			noise "$name" frame 33:33:00:00:00:02 rs 5
			noise "$name" datagrams 10.244.1.255 9998 5
			noise "$name" datagrams 239.1.2.3 5353 5
		done
		for name in old ofo window; do noise busybox tcp "$name" 5; done
		noise busybox stray rst 5
		noise busybox stray ack 5
		noise busybox unread 5
		noise busybox tap 20
	} >>"$LAB_DIR/log/others" 2>&1
}

# silent_run TARGET: the trace, with others busy meanwhile until it ends. ROUNDS is how often.
silent_run() {
	ROUNDS=0
	trace_begin node1 trace --pod default/busybox --verdict dropped,rejected,vanished -- \
		bash "$LAB_DIR/traffic" "$1" || return 0
	while kill -0 "$TRACE_PID" 2>/dev/null; do
		ROUNDS=$((ROUNDS + 1))
		others "$ROUNDS"
	done
	TRACE_STATUS=0
	wait "$TRACE_PID" || TRACE_STATUS=$?
	TRACE_PID=
	jq -c 'select(.type == "finding")' "$WORK/trace.json" >"$WORK/findings"
}

# shellcheck disable=SC2119
lab_start
busybox=$(address_of busybox) web=$(address_of web) web2=$(address_of web2)
truncate -s 100G "$LAB_DIR/www/huge"
stale_files
segments_small
process_start sink web2 python3 "$TESTS_DIR/traffic.py" serve 9000 9001
wait_until 1500 listens web2 tcp 9001
traffic_script >"$LAB_DIR/traffic"
# Retransmissions: the other node loses one segment in a thousand, both ways.
for where in "-i cni0 -s $web2" "-i flannel.1 -d $web2"; do
	# shellcheck disable=SC2086
	rule node2 -t raw -A PREROUTING $where -p tcp -m statistic --mode nth --every 1000 --packet 0 -j DROP
done

silent_run "$TARGET"
check "exit status 0" test "$TRACE_STATUS" -eq 0
if trace_has 'all(.[]; .type != "finding" or .severity != "error")'; then ok "no error"; else not_ok "no error" "$WORK/findings"; fi
# What was left out for want of room was counted, and its share is said.
million=$(jq --argjson target "$TARGET" 'select(.type == "summary")
	| .journeys.total * 100 / (.records.share_percent // 100) >= $target' "$WORK/trace.json")
if [[ $million == true ]]; then
	ok "the tool counted $TARGET packets and more"
elif (($(jq 'select(.type == "summary") | .duration_ns / 1e9 | floor' "$WORK/trace.json") < 300)); then
	not_ok "the tool counted $TARGET packets and more" "$WORK/trace.err"
else
	skip "the tool counted $TARGET packets and more" "this machine does not carry them in 300 s"
fi
check "every record was kept, or the loss is said" trace_has '.[-1] | .records.lost == 0 or .complete == false'
check "every hook accounts for what it saw" trace_has '.[-1].records.hooks | all(.seen == .filtered + .recorded + .lost)'
check "segments were lost and sent again" sh -c "ip netns exec $LAB_PREFIX-node2 $IPT -t raw -vnxL PREROUTING |
	awk '/DROP/ && \$1 == 0 { quiet = 1 } END { exit quiet }'"
check "pods came and went meanwhile" test "$ROUNDS" -ge 1
jq -c 'select(.type == "summary") | {journeys, complete, flows, duration_ns}' "$WORK/trace.json" | sed 's/^/# /'

# A rule drops one of all these flows: in a table that the Services' rules, made anew all the time, have no part of.
rule node1 -t mangle -I FORWARD 1 -s "$busybox" -d 203.0.113.10 -p udp --dport 9999 -j DROP
silent_run 1000
if trace_has '[.[] | select(.type == "finding" and .severity == "error")] | length == 1 and .[0].id == "netfilter-drop"
	and (.[0].facts.rule | tostring | contains("--dport 9999"))'; then
	ok "a rule that drops one of the flows is the only error"
else
	not_ok "a rule that drops one of the flows is the only error" "$WORK/findings" "$WORK/trace.err"
fi
check "exit status 10" test "$TRACE_STATUS" -eq 10
plan
