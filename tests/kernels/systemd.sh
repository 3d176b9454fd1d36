# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# For the tests of the unit, which make systemd the first process of their guest. Needs lib.sh.

UNIT=$TESTS_DIR/../../scripts/cnitrace.service

# Else the test ends here.
systemd_needed() {
	local need

	for need in /usr/lib/systemd/systemd /usr/lib/systemd/systemd-journald /usr/bin/systemctl /usr/bin/journalctl; do
		[[ -x $need ]] || { echo "1..0 # SKIP the machine that made this guest has no ${need##*/}" && exit 0; }
	done
}

first_is_systemd() { [[ $(</proc/1/comm) == systemd ]]; }
up() { systemctl is-active --quiet basic.target 2>/dev/null; }

# One test. Then systemd runs, has read the unit anew and runs nothing of it, also in a second try.
systemd_begin() {
	first_is_systemd || kill -USR1 1
	check "the first process is systemd" wait_until 1000 first_is_systemd
	wait_until 1000 up || true
	systemctl stop cnitrace systemd-journald.socket systemd-journald 2>/dev/null || true
	systemctl daemon-reload
	systemctl reset-failed
	systemctl start systemd-journald.socket systemd-journald
}

setting() { sed -n "s/^$1=//p" "$UNIT"; }
property() { systemctl show --value -p "$1" cnitrace; }
# journal: what this start of the service wrote, in $WORK/trace.json what is JSON of it.
journal() {
	journalctl -q -o cat _TRANSPORT=stdout "_SYSTEMD_INVOCATION_ID=$(property InvocationID)" >"$WORK/journal"
	grep '^{.*}$' "$WORK/journal" >"$WORK/trace.json" || true
}
said() { journal && trace_has "$1" 2>/dev/null; }
started_said() { said 'any(.[]; .type == "start")'; }
# Each line of the journal is a document of its own, and there is no complaint.
plain() { journal && [[ -s $WORK/journal ]] && ! grep -vE '^[{].*[}]$|: this kernel gives no drop reasons' "$WORK/journal" && jq -e . "$WORK/trace.json" >/dev/null; }
ended() { systemctl show -p ActiveState,Result,ExecMainStatus cnitrace | sort | xargs; }

# UDP_SEND HOST PORT COUNT: so many datagrams.
# shellcheck disable=SC2016,SC2034 # Perl's variables; the tests use it
UDP_SEND='my ($to, $port, $count) = @ARGV;
	my $s = IO::Socket::INET->new(Proto => "udp", PeerAddr => $to, PeerPort => $port) or die;
	while ($count) { $count-- if defined $s->send("x" x 32) }'
