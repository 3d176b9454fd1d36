#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# The monitor's live screen, in a real terminal (tmux): each key does what the last line says.
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/../faults/lib.sh"

if ! command -v tmux >/dev/null; then
	skip "the live screen" "tmux is not installed"
	plan
	exit 0
fi
# shellcheck disable=SC2119
lab_start
web=$(address_of web)
terminal() { tmux -L "$LAB_PREFIX" -f /dev/null "$@"; }
screen_end() { terminal kill-server 2>/dev/null || true; }
trap 'screen_end; tests_end' EXIT
noise() { pod busybox python3 "$TESTS_DIR/noise.py" "$@"; }
keys() { terminal send-keys -t s "$@"; }
pane() { terminal capture-pane -p -t s 2>/dev/null; }
# shows REGEX | hides REGEX: sooner or later
pane_has() { pane >"$WORK/pane" && grep -qE -- "$1" "$WORK/pane"; }
pane_lacks() { pane >"$WORK/pane" && ! grep -qE -- "$1" "$WORK/pane"; }
shows() { wait_until 1000 pane_has "$1" || { cat "$WORK/pane" && return 1; }; }
hides() { wait_until 1000 pane_lacks "$1" || { cat "$WORK/pane" && return 1; }; }
# key TEXT KEY… -- shows|hides REGEX
key() {
	local text=$1 pressed=()
	shift
	while [[ $1 != -- ]]; do pressed+=("$1") && shift; done
	shift
	keys "${pressed[@]}"
	check "$text" "$@"
}

# monitor_on ARGUMENT: in a terminal of its own; ARGUMENT is env's and says what TERM is
monitor_on() {
	terminal kill-session -t s 2>/dev/null || true
	terminal new-session -d -s s -x 170 -y 40 "env $1 LC_ALL=C.UTF-8 ip netns exec $LAB_PREFIX-node1 \
		$(realpath "$CNITRACE") monitor --hold 10m --root $LAB_DIR/node1; echo status \$?; sleep 60"
}
# first REASON: the row below the heading
first() { pane_has "$1" && sed -n '/^ fault drops/{n;p;}' "$WORK/pane" | grep -q "^ $1"; }
comes_first() { wait_until 1000 first "$1" || { cat "$WORK/pane" && return 1; }; }

rule node1 -I FORWARD 1 -p udp --dport 7777 -m comment --comment 'say "hi"' -j DROP
monitor_on TERM=screen-256color
check "it starts" shows 'cnitrace monitor'
noise datagrams "$web" 7777 30
noise datagrams "$web" 4444 9
pod busybox ping -c 2 -i 0.2 -W 1 "$web" >/dev/null
check "rows of faults" shows 'NETFILTER_DROP .*FORWARD UDP'
check "… with their total" shows 'NETFILTER_DROP .* 30 '
check "… the pod" shows 'NO_SOCKET .*default/web'
check "… and a sparkline" shows 'NETFILTER_DROP.*█'
check "a finding stands below" shows 'ERROR +netfilter-drop'
check "benign drops are one line" shows '^ benign: '
check "not rows" hides 'echo reply'
key "b: benign rows" b -- shows 'echo reply'
key "b again: without" b -- hides 'echo reply: the'
for order in total 'last seen' reason pod rate; do
	key "s: by $order" s -- shows "by $order"
done
keys s # by total: the order is known
shows 'by total' >/dev/null || true
key "enter opens the first row" Enter -- shows '^ NETFILTER_DROP +FORWARD UDP'
check "… its function" shows 'dropped in n'
check "… its packets" shows 'UDP .*:7777'
check "… its finding and remedy" shows 'fix +'
key "enter goes back" Enter -- shows 'by total'
key "down, enter: the second row" Down Enter -- shows '^ NO_SOCKET'
key "escape goes back" Escape -- shows 'by total'
sleep 0.2
key "up, enter: the first again" Up Enter -- shows '^ NETFILTER_DROP +FORWARD'
keys Enter && shows 'by total' >/dev/null || true
key "j and k do the same" j Enter -- shows '^ NO_SOCKET'
keys Enter && shows 'by total' >/dev/null || true
key "k" k Enter -- shows '^ NETFILTER_DROP +FORWARD'
keys Enter && shows 'by total' >/dev/null || true
key "page down: the last row" NPage Enter -- shows '^ NO_SOCKET'
keys Enter && shows 'by total' >/dev/null || true
key "page up: the first" PPage Enter -- shows '^ NETFILTER_DROP +FORWARD'
keys Enter && shows 'by total' >/dev/null || true
key "f: a filter is typed" f N O _ S O C -- shows 'filter: NO_SOC_'
check "… what does not match is gone" hides 'NETFILTER_DROP +FORWARD'
key "… backspace" BSpace -- shows 'filter: NO_SO_'
key "… enter ends typing" Enter -- shows 'filter: NO_SO *$'
key "escape clears it" / Escape -- shows 'NETFILTER_DROP'
sleep 0.2
# The second row is the one seen last.
noise datagrams "$web" 4444 1
shows 'NO_SOCKET .* 10 ' >/dev/null || true
key "space freezes" Space -- shows FROZEN
noise datagrams "$web" 7777 12
sleep 1.5
check "… nothing moves" shows 'NETFILTER_DROP .* 30 '
key "… b: benign rows all the same" b -- shows 'echo reply: the'
key "… and without" b -- hides 'echo reply: the'
key "… s: another order" s -- shows 'by last seen'
check "… which the rows have" comes_first NO_SOCKET
keys s s s s
shows 'by total' >/dev/null || true
check "… all the orders round" comes_first NETFILTER_DROP
key "… a filter, also by what is in the packets" / : 4 4 4 4 Enter -- hides 'NETFILTER_DROP .*/s'
check "… leaves what matches" shows 'NO_SOCKET .* 10 '
key "… and is cleared" / Escape -- shows 'NETFILTER_DROP .* 30 '
check "… still frozen" shows FROZEN
sleep 0.2
key "space again: it goes on" Space -- shows 'NETFILTER_DROP .* 42 '

# tidy WIDTH HEIGHT ROWS|more: every line of the list is what it should be, from its beginning to its end
tidy() {
	pane >"$WORK/pane" && awk -v width="$1" -v height="$2" -v rows="$3" '
		function wrong(what) { print "line " NR ", " what ": " $0; bad = 1 }
		NR == 1 && !/^cnitrace monitor .* faults [0-9]+\/s/ { wrong("title") }
		NR == 2 && !/^( by .*)?$/ { wrong("order") }
		NR == 3 && !/^ fault drops .* rate +total( |$)/ { wrong("heading") }
		NR == 3 && width >= 80 && !/ where +pod .* cause$/ { wrong("heading") }
		/^ benign: |^ findings$/ { below = 1 }
		NR > 3 && !below && ++seen && !/^ [A-Z_]+ +([^ ].* )?[0-9.]+\/s +[0-9]+( |$)/ { wrong("row") }
		NR > 3 && below && NR < height && !/^$|^ benign: |^ findings$/ &&
			!/^ ([0-9:]+  )?(ERROR|WARNING|INFO) +[a-z-]+  .*x  / { wrong("finding") }
		/^ [^ ]*  (ERROR|WARNING|INFO) / { findings++ }
		NR == height && !/^ q: quit   enter: flows   f: filter/ { wrong("keys") }
		END { if (NR != height || (rows == "more" ? seen < 3 : seen != rows) || (width >= 60 && findings != 2)) wrong(seen " rows, " findings " findings"); exit bad }
	' "$WORK/pane" >"$WORK/untidy"
}
is_tidy() { wait_until 1000 tidy "$@" || { cat "$WORK/untidy" "$WORK/pane" && return 1; }; }
# No key is needed for another size to be seen.
for size in 80x24 100x20 120x30 50x16; do
	width=${size%x*} height=${size#*x}
	terminal resize-window -t s -x "$width" -y "$height"
	check "$size: every line fits" is_tidy "$width" "$height" 2
	key "$size: with benign rows" b -- is_tidy "$width" "$height" more
	case $size in
	50x*) ;;
	80x*) check "$size: pod, total and cause of a row" shows '^ NETFILTER_DROP .* default/web .* 42 +netfilter-drop$' ;;
	*) check "$size: the sparkline besides" shows '^ NETFILTER_DROP .* default/web .* 42 .*█.* netfilter-' ;;
	esac
	check "$size: what is cut says so" shows ' A ru.*…$'
	key "$size: and without them" b -- is_tidy "$width" "$height" 2
done

terminal resize-window -t s -x 80 -y 24
is_tidy 80 24 2 >/dev/null || true
key "an opened row: its fix as it is to be typed" Enter -- shows '^   fix  .*iptables'
check "… backslashes are themselves" shows '\\"hi\\"'
fix=$(sed -n '/^   fix  /,$p' "$WORK/pane" | sed 's/^   fix  //; / q: quit/d')
printf '%s\n' "$fix" >"$WORK/fix"
check "… in lines that fit" test "$(wc -L <"$WORK/fix")" -le 80
check "… they can be pasted" in_netns node1 bash -ec "$fix"
rule node1 -S FORWARD >"$WORK/rules"
check "… and mend it" sh -c '! grep 7777 "$1"' sh "$WORK/rules"
keys Enter
is_tidy 80 24 2 >/dev/null || true
key "q leaves, a fault was found" q -- shows 'status 10'
check "the summary is on the terminal that was given back" shows 'fault drops'

for one in TERM=dumb '-u TERM'; do
	monitor_on "$one"
	check "$one: lines" shows '^monitoring drops of node1'
	sleep 1.5
	check "… no screen" hides 'q: quit|^cnitrace monitor'
	keys C-c
	check "… and their end" shows 'status 0'
done
plan
