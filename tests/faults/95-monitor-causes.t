#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Faults that a monitor, which sees drops alone, is to call by the same name as a trace: each is injected, its traffic
# is sent, and when the monitor ends right behind it, that is its one error.
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"

# shellcheck disable=SC2119
lab_start

# fault NAME ID: what the monitor calls it.
fault() {
	local name=$1 id=$2
	if ! lab fault "$name" >"$WORK/complaints" 2>&1; then
		not_ok "$name cannot be injected" "$WORK/complaints"
		return
	fi
	lab_load
	eval "$(lab show "$name" | grep -E '^(TRAFFIC|FAULT_POD)=')"
	trace_begin node1 monitor --interval 500ms || { plan && exit 1; }
	pod "${FAULT_POD#default/}" "${TRAFFIC[@]}" >/dev/null 2>&1 || true
	sleep 0.5
	trace_end
	lab heal >/dev/null 2>&1 || true
	jq -c 'select(.type == "finding" or .type == "drops")' "$WORK/trace.json" >"$WORK/complaints"
	if trace_has "[.[] | select(.type == \"finding\" and .severity == \"error\" and .state == \"new\") | .id] == [\"$id\"]"; then
		ok "$name: $id, and no other error"
	else
		not_ok "$name: $id, and no other error" "$WORK/complaints"
	fi
}

fault bridge-netfilter-off bridge-netfilter-off
fault bridge-netfilter-off-tcp bridge-netfilter-off
fault port-closed port-closed
fault mtu-exceeded mtu-exceeded
fault conntrack-invalid conntrack-invalid

# The severities of conntrack-invalid, each time it was told as new.
severities() { jq -r 'select(.type == "finding" and .id == "conntrack-invalid" and .state == "new") | .severity' "$WORK/trace.json" | xargs; }
first_is() { [[ $(severities) == "$1"* ]]; }
another() { [[ $(severities) == *" "* ]]; }

# Healed while the monitor runs: what the server repeats to who has given up is no fault any more.
lab fault conntrack-invalid >/dev/null 2>&1
lab_load
fault_load conntrack-invalid
traffic
trace_begin node1 monitor --interval 500ms --hold 1s
pod busybox "${TRAFFIC[@]}" >/dev/null 2>&1 || true
check "conntrack-invalid is told" wait_until 1000 first_is error
lab heal >/dev/null 2>&1
wait_until 2000 another || true
trace_end
printf '# %s\n' "$(severities)"
told_as_left_over() { [[ $(severities) =~ ^error(\ info)+$ ]] || { cat "$WORK/trace.json" && return 1; }; }
check "… and once it is healed the answers that still come are a note" told_as_left_over

# A connection that lives, forgotten by conntrack: any segment of it tells. The server's socket is one of IPv6.
cat >"$WORK/talk" <<'END'
import os, socket, sys, time
to, files = sys.argv[1], sys.argv[2]
def until(name):
    end = time.time() + 30
    while not os.path.exists(files + name) and time.time() < end:
        time.sleep(0.01)
if to == "serve":
    listener = socket.create_server(("::", 4450), family=socket.AF_INET6, dualstack_ipv6=True)
    open(files + "/listens", "w").close()
    peer, _ = listener.accept()
else:
    peer = socket.create_connection((to, 4450))
    open(files + "/connected", "w").close()
    until("/go")
    peer.send(b"x" * 100)
until("/end")
END
in_netns node1 sysctl -qw net.netfilter.nf_conntrack_tcp_loose=0
pod web python3 "$WORK/talk" serve "$WORK" &
server=$!
wait_until 500 test -e "$WORK/listens"
pod busybox python3 "$WORK/talk" "$(address_of web)" "$WORK" &
client=$!
wait_until 500 test -e "$WORK/connected"
trace_begin node1 monitor --interval 500ms
in_netns node1 conntrack -D -p tcp --dport 4450 >/dev/null 2>&1
touch "$WORK/go"
lives() { trace_has 'any(.[]; .id == "conntrack-invalid" and .severity == "warning" and
	(.evidence | any(test("the connection lives at .*default/web"))))' || { cat "$WORK/trace.json" && return 1; }; }
check "a living connection that conntrack has forgotten is told, as a warning" wait_until 1000 lives
touch "$WORK/end"
wait "$server" "$client" || true
trace_end
in_netns node1 sysctl -qw net.netfilter.nf_conntrack_tcp_loose=1
plan
