#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# The monitor's command line and its HTTP side: bad input gets one sentence; Prometheus reads the
# metrics; strangers who stay, flood or talk nonsense neither stop nor grow it.
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/../faults/lib.sh"

# shellcheck disable=SC2119
lab_start
node=$LAB_PREFIX-node1
root=$LAB_DIR/node1
REPOSITORY=$TESTS_DIR/../..
run() { ip netns exec "$node" "$CNITRACE" "$@"; }
refused() {
	local status=$1 text=$2 got=0
	shift 2
	run "$@" >"$WORK/out" 2>"$WORK/err" </dev/null || got=$?
	((got == status)) || { echo "exit status $got, expected $status" && cat "$WORK/err" && return 1; }
	grep -qF -- "$text" "$WORK/err" || { echo "no \"$text\" in:" && cat "$WORK/err" && return 1; }
	[[ ! -s $WORK/out ]] || { echo "standard output:" && cat "$WORK/out" && return 1; }
}

check "unknown option" refused 2 'unknown option "--jsn"' monitor --jsn
check "interval too short" refused 2 '100ms or more' monitor --interval 1ms
check "bad filter" refused 2 'filter' monitor 'tcp prot 80'
check "no command" refused 2 'runs no command' monitor -- true
check "unknown pod names those that exist" refused 2 'default/busybox' monitor --root "$root" --pod default/nobody
for listen in nonsense 127.0.0.1 127.0.0.1:http 127.0.0.1:70000 '::1:80' '[::1:80' 1.2.3:80; do
	check "--listen $listen" refused 2 '--listen' monitor --root "$root" --duration 1s --listen "$listen"
done
check "an address that is not ours" refused 1 'Cannot assign' monitor --root "$root" --listen 203.0.113.77:9435
check "--probes without a way" refused 3 'no way is left' monitor --root "$root" --probes tcx
check "--duration ends it" sh -c "ip netns exec $node '$CNITRACE' monitor --root '$root' --lines --duration 1s |
	tail -1 | grep -q 'fault drops'"
check "raw_tp counts too" sh -c "ip netns exec $node '$CNITRACE' monitor --root '$root' --json --duration 1s --probes raw_tp |
	head -1 | grep -q raw_tp"

# The start line says where it listens, so that it can be read there.
listens_at() {
	local listen=$1 url status=0
	run monitor --root "$root" --lines --duration 3s --listen "$listen" >"$WORK/out" 2>&1 </dev/null &
	LISTENER=$!
	wait_until 1000 grep -q http:// "$WORK/out"
	url=$(sed -n 's/.* · \(http:[^ ]*\).*/\1/p' "$WORK/out")
	[[ $url == "http://"$2 ]] || { cat "$WORK/out" && status=1; }
	in_netns node1 curl -gsS --max-time 2 "$url" | grep -q ^cnitrace_build_info || status=1
	kill "$LISTENER"
	wait "$LISTENER" || true
	return "$status"
}
check "--listen :PORT says its address" listens_at :9436 127.0.0.1:9436/metrics
check "--listen ADDR:0 says the port that it got" listens_at 127.0.0.1:0 '127.0.0.1:[1-9]*/metrics'
check "--listen on all addresses says one that can be asked" listens_at '[::]:9437' '\[::1\]:9437/metrics'
trace_begin node1 monitor --interval 1s --listen :9435 || { plan && exit 1; }
check "JSON names the address, too" trace_has '.[0].listen == "127.0.0.1:9435"'
get() { in_netns node1 curl -sS --max-time 3 "http://127.0.0.1:9435$1"; }
status_is() { [[ $(in_netns node1 curl -s -o /dev/null -w '%{http_code}' --max-time 3 "${@:2}") == "$1" ]]; }
url=http://127.0.0.1:9435
wait_until 500 status_is 200 $url/readyz || true
check "/readyz" status_is 200 $url/readyz
check "/healthz" status_is 200 $url/healthz
check "/drops is JSON" sh -c "nsenter --net=/run/netns/$node curl -s $url/drops | jq -e '.drops and .samples and .findings'"
check "another page" status_is 404 $url/../../etc/passwd
check "POST is refused" status_is 405 -d x=1 $url/metrics
check "HEAD" status_is 200 -I $url/metrics
check "loopback alone" sh -c "! nsenter --net=/run/netns/$LAB_PREFIX-busybox curl -s --max-time 1 http://10.244.1.1:9435/healthz"
get /metrics >"$WORK/metrics"
check "promtool: metrics" promtool check metrics <"$WORK/metrics"
check "promtool: rules" promtool check rules "$REPOSITORY/scripts/alerts.yml"
check "promtool: each rule on made-up series" promtool test rules "$REPOSITORY/tests/fixtures/alerts.yml"
alerts() { sed -nE "s/.*\\<$1: ([A-Za-z]+).*/\\1/p" "$2" | sort -u; }
# shellcheck disable=SC2016
check "no rule is left out" bash -c 'diff <(echo "$1") <(echo "$2")' - \
	"$(alerts alert "$REPOSITORY/scripts/alerts.yml")" "$(alerts alertname "$REPOSITORY/tests/fixtures/alerts.yml")"
check "no address, no port is a label" sh -c "! grep -vE '^#' '$WORK/metrics' | grep -E '=\"[0-9]+\\.[0-9]+\\.[0-9]+\\.[0-9]+\"|port='"

# The dashboard and the rules use metrics that are there, and all of ours are shown.
exported() { sed -n 's/^# TYPE \([a-z_]*\) .*/\1/p' "$WORK/metrics" | sort -u; }
used() { grep -oE '(cnitrace|process)_[a-z_]+' "$@" | sed 's/.*://' | sort -u; }
# shellcheck disable=SC2016
check "the dashboard shows exactly these metrics" bash -c 'diff <(echo "$1") <(echo "$2")' - \
	"$(used "$REPOSITORY/scripts/grafana-dashboard.json")" "$(exported)"
# shellcheck disable=SC2016
check "the rules use what is there" bash -c 'comm -23 <(echo "$1") <(echo "$2") | grep -q . && exit 1 || exit 0' - \
	"$(used "$REPOSITORY/scripts/alerts.yml")" "$(exported)"

# A real Prometheus.
if command -v prometheus >/dev/null; then
	cat >"$WORK/prometheus.yml" <<-END
		global: {scrape_interval: 1s}
		rule_files: ["$(realpath "$REPOSITORY")/scripts/alerts.yml"]
		scrape_configs:
		  - job_name: cnitrace
		    static_configs: [{targets: ["127.0.0.1:9435"]}]
	END
	in_netns node1 prometheus --config.file="$WORK/prometheus.yml" --storage.tsdb.path="$WORK/tsdb" \
		--web.listen-address=127.0.0.1:19090 --log.level=error >"$WORK/prometheus.log" 2>&1 &
	PROMETHEUS_PID=$!
	scraped() {
		in_netns node1 curl -s --max-time 2 'http://127.0.0.1:19090/api/v1/query?query=up' |
			jq -e '.data.result[0].value[1] == "1"'
	}
	check "Prometheus scrapes it" wait_until 2000 scraped
	kill "$PROMETHEUS_PID" && wait "$PROMETHEUS_PID" 2>/dev/null || true
else
	skip "Prometheus scrapes it" "prometheus is not installed"
fi

# Strangers. The child of `ip netns exec` is the monitor itself.
resident() { awk '/^VmRSS/ {print $2}' "/proc/$TRACE_PID/status"; }
files() { find "/proc/$TRACE_PID/fd" -mindepth 1 | wc -l; }
before=$(resident)
files_before=$(files)
cat >"$WORK/strangers" <<'END'
import os, random, socket, sys, time
def connect():
    s = socket.socket(); s.settimeout(1)
    try: s.connect(("127.0.0.1", 9435))
    except OSError: return None
    return s
def send(s, data):
    try: s.send(data)
    except OSError: pass
random.seed(7)
slow = [s for s in (connect() for _ in range(300)) if s]
for s in slow: send(s, b"GET /metrics HTTP/1.1\r\nX-A: ")
for i in range(2000):
    s = connect()
    if s:
        send(s, [os.urandom(random.randrange(1, 4000)), b"GET " + b"/" * 20000 + b" HTTP/1.1\r\n\r\n",
                 b"GET /metrics HTTP/9.9\r\n\r\n", b"\r\n" * 500, b"POST /drops HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n",
                 b"GET /drops HTTP/1.1\r\n" + b"A: b\r\n" * 2000 + b"\r\n"][i % 6])
        if i % 3: s.close()
for _ in range(8):
    time.sleep(1)
    for s in slow: send(s, b"x")
END
in_netns node1 python3 "$WORK/strangers" >/dev/null 2>"$WORK/strangers.err" &
strangers=$!
sleep 3
answers() {
	for _ in 1 2 3 4 5; do get /metrics 2>/dev/null | grep -q cnitrace_build_info && return 0; done
	return 1
}
check "it answers while slow clients hold on" answers
wait "$strangers" || cat "$WORK/strangers.err"
sleep 6
grown=$(($(resident) - before))
check "memory did not grow with them ($grown KiB)" test "$grown" -lt 4096
check "no descriptor is left of them" test "$(files)" -le $((files_before + 1))
check "it answers after all of it" answers
trace_end
check "and ends cleanly" trace_has '.[-1].type == "summary"'
check "the lines fit the schema" "$TESTS_DIR/../cli/check-schema" "$WORK/trace.json"
plan
