#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# The systemd unit: systemd reads it without complaint, and what it leaves to the monitor is enough. Where no
# systemd runs, its restrictions are laid on by hand: capabilities, no new privileges, a read-only file system, no
# writable code, and a filter made of the system calls the unit allows.
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/../faults/lib.sh"
UNIT=$(realpath "$TESTS_DIR/../../scripts/cnitrace.service")
setting() { sed -n "s/^$1=//p" "$UNIT"; }

if command -v systemd-analyze >/dev/null; then
	# systemd-analyze wants the program where the unit names it: a copy that names this one.
	mkdir "$WORK/units"
	sed "s|/usr/local/bin/cnitrace|$(realpath "$CNITRACE")|" "$UNIT" >"$WORK/units/cnitrace.service"
	systemd-analyze verify --man=no "$WORK/units/cnitrace.service" >"$WORK/verify" 2>&1 || true
	# shellcheck disable=SC2016
	check "systemd-analyze verify" bash -c '! grep -F cnitrace.service "$1"' - "$WORK/verify"
	# shellcheck disable=SC2046
	systemd-analyze syscall-filter $(setting SystemCallFilter | tr ' ' '\n' | grep '^@') >"$WORK/sets" 2>/dev/null || true
else
	skip "systemd-analyze verify" "systemd-analyze is not installed"
fi

# shellcheck disable=SC2119
lab_start
# Those of the unit that this machine has at all.
bounding=-all
for capability in $(setting CapabilityBoundingSet | tr '[:upper:]' '[:lower:]'); do
	capability=${capability#cap_}
	! setpriv --bounding-set "-all,+$capability" true 2>/dev/null || bounding+=,+$capability
done
printf '# capabilities: %s\n' "$bounding"
rule node1 -I FORWARD 1 -p udp --dport 7777 -m comment --comment "service test" -j DROP

# MDWE_REFUSE_EXEC_GAIN of PR_SET_MDWE (6.3) is what MemoryDenyWriteExecute= is made of.
cat >"$WORK/strict" <<'END'
mount --make-rprivate /
mount -o bind / / && mount -o remount,bind,ro /
exec setpriv --bounding-set "$1" --inh-caps=-all --no-new-privs python3 -c 'import ctypes, os, sys
ctypes.CDLL(None).prctl(65, 1, 0, 0, 0)
os.execv(sys.argv[1], sys.argv[1:])' "${@:2}"
END
nsenter --net="/run/netns/$LAB_PREFIX-node1" unshare -m bash "$WORK/strict" "$bounding" "$(realpath "$CNITRACE")" monitor \
	--json --interval 500ms --root "$LAB_DIR/node1" --listen 127.0.0.1:9435 >"$WORK/trace.json" 2>"$WORK/trace.err" </dev/null &
TRACE_PID=$!
check "it starts with the unit's privileges" wait_until 1000 trace_started
capabilities() { capsh --decode="$(awk '/^CapEff/ {print $2}' "/proc/$TRACE_PID/status")"; }
check "and no others" bash -c '! grep -qE "cap_(chown|setuid|sys_module|sys_boot|mknod|kill)"' <<<"$(capabilities)"
pod busybox python3 "$TESTS_DIR/noise.py" datagrams "$(address_of web)" 7777 21
pod busybox python3 "$TESTS_DIR/noise.py" datagrams "$(address_of web)" 4444 4
has() { trace_has "$1" 2>/dev/null; }
check "drops are counted and named" wait_until 1000 has '[.[] | select(.type == "drops" and .reason == "NETFILTER_DROP" and
	.function != "") | .packets] | add == 21'
check "pods' namespaces are entered" wait_until 500 has 'any(.[]; .type == "finding" and .id == "port-closed" and .where.pod == "default/web")'
check "rules are read" wait_until 500 has 'any(.[]; .type == "finding" and .id == "netfilter-drop" and (tostring | test("service test")))'
check "metrics are served" bash -c "nsenter --net=/run/netns/$LAB_PREFIX-node1 curl -s http://127.0.0.1:9435/metrics | grep -q '^cnitrace_build_info'"
TRACE_STATUS=0
kill -TERM "$TRACE_PID"
wait "$TRACE_PID" || TRACE_STATUS=$?
TRACE_PID=
check "SIGTERM: a summary, and a status that the unit calls success" test "$TRACE_STATUS" -eq "$(setting SuccessExitStatus)"
check "the last line is the summary" trace_has '.[-1].type == "summary"'
complaints() { [[ ! -s $WORK/trace.err ]] || { cat "$WORK/trace.err" && return 1; }; }
check "no complaint" complaints

# Every system call it makes is one that the unit's filter lets pass.
if command -v strace >/dev/null && [[ -s $WORK/sets ]]; then
	{ grep -E '^ {4}[a-z]' "$WORK/sets" | tr -d ' ' && setting SystemCallFilter | tr ' ' '\n'; } | sort -u >"$WORK/allowed"
	for _ in 1 2 3; do # sets within sets
		mapfile -t sets < <(grep '^@' "$WORK/allowed" "$WORK/sets" -h | tr -d ' ' | sort -u)
		systemd-analyze syscall-filter "${sets[@]}" 2>/dev/null | grep -E '^ {4}[a-z@]' | tr -d ' ' >>"$WORK/allowed" || true
		sort -u -o "$WORK/allowed" "$WORK/allowed"
	done
	ip netns exec "$LAB_PREFIX-node1" strace -f -qq -o "$WORK/strace" "$CNITRACE" monitor --lines --duration 3s --root "$LAB_DIR/node1" \
		--listen 127.0.0.1:9435 >/dev/null 2>&1 </dev/null || true
	sed -nE 's/^[0-9]+ +([a-z_0-9]+)\(.*/\1/p' "$WORK/strace" | sort -u | grep -vx execve >"$WORK/used"
	printf '# %s system calls\n' "$(wc -l <"$WORK/used")"
	# shellcheck disable=SC2016
	check "system calls are those of SystemCallFilter" bash -c 'test -s "$1" && ! grep -vxFf "$2" "$1"' - "$WORK/used" "$WORK/allowed"
	families() { sed -nE 's/.* socket\((AF_[A-Z0-9]+),.*/\1/p' "$WORK/strace" | sort -u; }
	# shellcheck disable=SC2016
	check "socket families are those of RestrictAddressFamilies" bash -c '! grep -vxFf <(tr " " "\n" <<<"$1") <<<"$2"' - \
		"$(setting RestrictAddressFamilies)" "$(families)"
else
	skip "system calls are those of SystemCallFilter" "no strace, or no systemd-analyze"
fi
plan
