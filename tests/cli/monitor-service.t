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

# What the unit's filter lets pass: names, then numbers.
: >"$WORK/allowed"
if [[ -s ${WORK}/sets ]]; then
	{ grep -E '^ {4}[a-z]' "$WORK/sets" | tr -d ' ' && setting SystemCallFilter | tr ' ' '\n'; } | sort -u >"$WORK/allowed"
	for _ in 1 2 3; do # sets within sets
		mapfile -t sets < <(grep '^@' "$WORK/allowed" "$WORK/sets" -h | tr -d ' ' | sort -u)
		systemd-analyze syscall-filter "${sets[@]}" 2>/dev/null | grep -E '^ {4}[a-z@]' | tr -d ' ' >>"$WORK/allowed" || true
		sort -u -o "$WORK/allowed" "$WORK/allowed"
	done
fi
# Which systemd cannot look into, and so refuses.
[[ $(setting RestrictSUIDSGID) != yes ]] || sed -i '/^openat2$/d' "$WORK/allowed"
"${CC:-cc}" -E -dM -include asm/unistd.h -x c /dev/null 2>/dev/null | sed -nE 's/^#define __NR_([a-z0-9_]+) ([0-9]+)$/\1 \2/p' |
	awk 'FILENAME != "-" { allowed[$1] = 1; next } $1 in allowed { print $2 }' "$WORK/allowed" - >"$WORK/numbers" || true

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
exec setpriv --bounding-set "$1" --inh-caps=-all --no-new-privs python3 "${@:2}"
END
# As systemd does it: whatever is not let pass ends the process (SECCOMP_RET_KILL_PROCESS).
cat >"$WORK/filtered" <<'END'
import ctypes, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.prctl(65, 1, 0, 0, 0)
numbers = open(sys.argv[1]).read().split()
if numbers:
    arch, kill, allow = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}[os.uname().machine], 0x80000000, 0x7FFF0000
    code = [(0x20, 0, 0, 4), (0x15, 1, 0, arch), (0x06, 0, 0, kill), (0x20, 0, 0, 0)]
    for number in numbers:
        code += [(0x15, 0, 1, int(number)), (0x06, 0, 0, allow)]
    text = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *i) for i in code + [(0x06, 0, 0, kill)]))
    program = struct.pack("HP", len(code) + 1, ctypes.addressof(text))
    if libc.prctl(22, 2, program, 0, 0):
        sys.exit("seccomp: " + os.strerror(ctypes.get_errno()))
os.execvp(sys.argv[2], sys.argv[2:])
END
if [[ -s $WORK/numbers ]]; then
	killed() { local status=0 && python3 "$WORK/filtered" "$WORK/numbers" "$@" || status=$? && ((status == 128 + 31)); }
	check "the unit's filter of system calls ends what goes beyond it" killed mount -o bind "$WORK" "$WORK"
	check "… and lets pass what does not" python3 "$WORK/filtered" "$WORK/numbers" true
else
	skip "the unit's filter of system calls" "no systemd-analyze, or no headers, to tell its calls"
fi
nsenter --net="/run/netns/$LAB_PREFIX-node1" unshare -m bash "$WORK/strict" "$bounding" "$WORK/filtered" "$WORK/numbers" \
	"$(realpath "$CNITRACE")" monitor \
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
	check "the kernel's types are read once" test "$(grep -c 'openat(.*"/sys/kernel/btf/vmlinux"' "$WORK/strace")" -eq 1
else
	skip "system calls are those of SystemCallFilter" "no strace, or no systemd-analyze"
fi
plan
