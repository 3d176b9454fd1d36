# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=dns-slow
FAULT_CLASS=dns
FAULT_TEXT="the DNS server answers after two seconds"
REMEDY=operator
REMEDY_WHY="the DNS server, or the one it asks, needs more capacity"
FAULT_SILENT=yes

inject() {
	process_stop dns
	DNS_PORT=5353 dns_start "$DNS_WEB_RECORD" --listen-address=127.0.0.1 --bind-interfaces
	# shellcheck disable=SC2016
	process_start dns-slow coredns perl -MIO::Socket::INET -e \
		'my $in = IO::Socket::INET->new(Proto => "udp", LocalAddr => "0.0.0.0", LocalPort => 53) or die "$!";
		 while (defined(my $from = $in->recv(my $query, 4096))) {
			my $up = IO::Socket::INET->new(Proto => "udp", PeerAddr => "127.0.0.1", PeerPort => 5353);
			$up->send($query); $up->recv(my $answer, 4096); sleep 2; $in->send($answer, 0, $from) }'
	wait_until 1000 listens coredns udp 53 || process_failed dns-slow
}

heal() {
	process_stop dns-slow
	process_stop dns
	dns_start "$DNS_WEB_RECORD"
}

traffic() {
	TRAFFIC=(dig +time=5 +tries=1 @10.96.0.10 web.default.svc.cluster.local)
}
