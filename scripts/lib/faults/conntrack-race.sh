# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=conntrack-race
FAULT_CLASS=overload
FAULT_TEXT="two pods send at once from the same port: both are masqueraded to it, and one conntrack entry is refused"
FAULT_SILENT=yes
EXPECT='{"table":"nat","chain":"FLANNEL-POSTRTG"}'

# In each round both pods send one datagram from the same source port, both at the same instant of the clock. An older
# kube-proxy and flannel masquerade without --random-fully, so both want the same port of the node. The window between
# choosing and entering it is a microsecond; a long chain of rules after NAT, as some firewalls have, makes it a
# hundred. RACE_SEND HOST ROUNDS: fails when no answer came at all.
# shellcheck disable=SC2016
RACE_SEND='use Time::HiRes qw(clock_gettime CLOCK_REALTIME usleep);
	my ($got, @open) = 0;
	for (1 .. $ARGV[1]) {
		my $tick = int(clock_gettime(CLOCK_REALTIME) * 100) + 1;
		my $s = IO::Socket::INET->new(Proto => "udp", LocalPort => 20000 + $tick % 10000,
			PeerAddr => $ARGV[0], PeerPort => 9999) or next;
		my $rest = 1e4 * ($tick - clock_gettime(CLOCK_REALTIME) * 100) - 500;
		usleep($rest) if $rest > 0;
		1 while clock_gettime(CLOCK_REALTIME) * 100 < $tick;
		$s->send("x");
		push @open, $s;
		$got++ if @open > 20 && defined(shift(@open)->recv(my $answer, 100, 0x40));
	}
	exit($got ? 0 : 1)'

possible() {
	[[ ! -e /guest/command ]] || { echo "emulated CPUs are too slow to meet" && return; }
	(($(nproc) > 1)) || echo "one CPU has no race"
}

inject() {
	node1 "$IPT-restore" -w --noflush <<-'END'
		*nat
		-F FLANNEL-POSTRTG
		-A FLANNEL-POSTRTG -s 10.244.0.0/16 -d 10.244.0.0/16 -j RETURN
		-A FLANNEL-POSTRTG -s 10.244.0.0/16 ! -d 224.0.0.0/4 -m comment --comment "flanneld masq" -j MASQUERADE
		COMMIT
	END
	{
		echo 'table ip inspection {'
		echo 'chain slow { type filter hook postrouting priority 150; policy accept;'
		for ((i = 0; i < 3000; i++)); do
			printf 'ip daddr 198.51.%s.%s udp dport 1 counter\n' $((i / 250)) $((i % 250))
		done
		printf '}\n}\n'
	} | node1 nft -f -
	process_start race-partner web taskset -c 0 perl -MIO::Socket::INET -e "$RACE_SEND" 203.0.113.10 100000
}

heal() {
	process_stop race-partner
	undo node1 nft delete table ip inspection
	services_apply node1
}

traffic() {
	TRAFFIC=(taskset -c 1 perl -MIO::Socket::INET -e "$RACE_SEND" 203.0.113.10 150)
}
