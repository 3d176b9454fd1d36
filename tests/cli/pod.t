#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# The image's root file system run by runc as the manifests say (tests/cli/pod-config translates
# them), on a node of the lab: right names, drops, metrics; and what is said when a capability is missing.
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/../faults/lib.sh"

for tool in runc jq /usr/bin/python3; do
	command -v "$tool" >/dev/null || { echo "1..0 # SKIP no $tool" && exit 0; }
done
# shellcheck disable=SC2119
lab_start
export CNITRACE
image_size() { # what is downloaded, as image.sh says it, is at most 15 MB
	"$SCRIPTS/image.sh" --output "$WORK/image" >"$WORK/size" && cat "$WORK/size" &&
		awk '{ exit !($4 > 1 && $4 <= 15 && $5 == "MB") }' "$WORK/size" &&
		(($(find "$WORK/image/blobs" -type f -printf '%s\n' | awk '{ s += $1 } END { print s }') <= 15000000))
}
check "the image is made, of at most 15 MB" image_size
printf '# %s\n' "$(sed "s,$WORK/,," "$WORK/size")"
only_what_is_linked() { # no program but ours, no library that it does not ask for
	diff <(ldd "$CNITRACE" | awk '$2 == "=>" { print $3; next } $1 ~ "^/" { print $1 }' | xargs -n 1 basename | sort) \
		<(find "$WORK/rootfs/usr/lib" "$WORK/rootfs/usr/lib64" -type f -printf '%f\n' | sort) &&
		[[ $(ls "$WORK/rootfs/usr/bin") == cnitrace ]]
}
check "the root file system is made" "$SCRIPTS/image.sh" --rootfs "$WORK/rootfs"
check "… of the binary and what it links to, nothing else" only_what_is_linked
node_ip=$("$SCRIPTS/lab.sh" --prefix "$LAB_PREFIX" status | sed -n 's/^node1_address=//p')

# pod_bundle MANIFEST [OPTION…] [--args WORD…]: a runc bundle; BUNDLE and CONTAINER name it.
bundles=0
pod_bundle() {
	local manifest=$SCRIPTS/k8s/$1.yaml
	[[ $1 != /* ]] || manifest=$1
	shift
	bundles=$((bundles + 1))
	BUNDLE=$WORK/bundle$bundles
	CONTAINER=cnitrace-$LAB_PREFIX-$bundles
	mkdir "$BUNDLE"
	"$TESTS_DIR/../cli/pod-config" "$manifest" --rootfs "$WORK/rootfs" --image "$WORK/image" \
		--node-root "$LAB_DIR/node1" --node-netns "/run/netns/$LAB_PREFIX-node1" --node-ip "$node_ip" \
		"$@" >"$BUNDLE/config.json"
}

# On a real node /run/netns is part of /; here it is mounted below the node's root, in a mount namespace of
# the container's own. Namespaces that are made later appear there too.
pod_run() {
	unshare --mount --propagation slave sh -c '
		mkdir -p "$1/run/netns" && mount --rbind /run/netns "$1/run/netns" &&
		exec runc --root "$2" run --bundle "$3" "$4"' \
		sh "$LAB_DIR/node1" "$WORK/runc" "$BUNDLE" "$CONTAINER"
}

# Probe: can runc run anything here at all?
pod_bundle pod --args --version
if ! pod_run >"$WORK/out" 2>&1; then
	skip "a privileged pod" "runc cannot run here: $(tail -n 1 "$WORK/out")"
	plan
	exit 0
fi
check "the binary runs in the image" grep -q '^cnitrace ' "$WORK/out"

pod_bundle pod --args pods --json --root /host
pod_run >"$WORK/out" 2>"$WORK/err"
check "the node's pods, by name" sh -c "jq -r '.namespace + \"/\" + .name' '$WORK/out' | sort | paste -sd' ' - |
	grep -qx 'default/busybox default/local default/web kube-system/coredns'"

in_background() {
	pod_run >"$WORK/trace.json" 2>"$WORK/trace.err" </dev/null &
	TRACE_PID=$!
	wait_until 1000 trace_started
}
background_end() {
	TRACE_STATUS=0
	runc --root "$WORK/runc" kill "$CONTAINER" INT 2>/dev/null || true
	wait "$TRACE_PID" || TRACE_STATUS=$?
	TRACE_PID=
}

web2=$(address_of web2)
pod_bundle pod --args trace --json --root /host --duration 20s
check "trace starts as pod.yaml has it" in_background
in_netns busybox ping -c 3 -i 0.2 "$web2" >/dev/null 2>&1 || true
lab fault netfilter-drop >/dev/null 2>&1 || true
lab_load
in_netns busybox ping -c 2 -i 0.2 -W 1 "$web2" >/dev/null 2>&1 || true
sleep 0.5
background_end
lab heal >/dev/null 2>&1 || true
check "it runs to its end" test "$TRACE_STATUS" = 0 -o "$TRACE_STATUS" = 10
check "lines fit the schema" "$TESTS_DIR/../cli/check-schema" "$WORK/trace.json"
check "devices carry pods' names" trace_has '.[0].node == "node1" and ([.[0].devices[].pod] | index("default/busybox"))'
check "journeys carry pods' names" trace_has 'any(.[]; .type == "journey" and .flow.src_pod == "default/busybox"
	and .packet.icmp_type == 8 and .verdict.kind == "left-node")'
check "drops carry the kernel's reason and function" trace_has 'any(.[]; .type == "journey"
	and .verdict.kind == "dropped" and (.verdict.function // "") != "")'
check "nothing lost in the ring" trace_has '.[-1].type == "summary" and .[-1].complete'
left_behind() { in_netns node1 bpftool net show | grep -iE 'tcx|clsact|cnitrace'; }
nothing_left() { ! left_behind; }
check "no program is left on the node's devices" nothing_left

# The DaemonSet, word for word.
if "$CNITRACE" monitor --help 2>/dev/null | grep -qE '^ *--listen'; then
	pod_bundle daemonset
	check "monitor starts as daemonset.yaml has it" in_background
	http() { in_netns node1 curl -sf -m 5 "http://$node_ip:9435$1"; }
	ready() { http /readyz >/dev/null; }
	check "it is ready" wait_until 500 ready
	check "it is alive" http /healthz
	http /metrics >"$WORK/metrics" || true
	check "it has metrics" grep -q '^cnitrace_.*_total' "$WORK/metrics"
	elsewhere() { ! in_netns node1 curl -sf -m 2 http://127.0.0.1:9435/metrics >/dev/null; }
	check "… on the node's address only" elsewhere
	background_end
	check "it ends when told to" test "$TRACE_STATUS" = 0 -o "$TRACE_STATUS" = 10
else
	skip "monitor's metrics as daemonset.yaml has them" "no --listen in this build"
fi
if "$CNITRACE" --help | grep -q '^  monitor '; then
	pod_bundle daemonset --args monitor --root /host --json --interval 1s --duration 20s
	check "monitor runs in the DaemonSet's pod" in_background
	lab fault netfilter-drop >/dev/null 2>&1 || true
	in_netns busybox ping -c 3 -i 0.2 -W 1 "$web2" >/dev/null 2>&1 || true
	monitor_names() { trace_has 'any(.[]; .type == "drops" and .class == "fault" and .flow.src_pod == "default/busybox")'; }
	check "its drops carry the pod's name" wait_until 500 monitor_names
	lab heal >/dev/null 2>&1 || true
	background_end
	check "it ends when told to" test "$TRACE_STATUS" = 0 -o "$TRACE_STATUS" = 10
else
	skip "monitor runs in the DaemonSet's pod" "no monitor in this build"
fi

# without CAPABILITY… STATUS TEXT WORDS…: what the tool says when they are missing.
without() {
	local options=() status=0 capability
	for capability in $1; do options+=(--without "$capability"); done
	pod_bundle pod "${options[@]}" --args "${@:4}"
	pod_run >"$WORK/out" 2>&1 </dev/null || status=$?
	((status == $2)) || { echo "exit status $status, expected $2" && cat "$WORK/out" && return 1; }
	grep -qE -- "$3" "$WORK/out" || { echo "no \"$3\" in:" && cat "$WORK/out" && return 1; }
}
# README's other ways onto a node, its commands word for word. The stand-in kubectl makes the pod that kubectl 1.32 makes of
# "debug node/…" with the profile sysadmin; the stand-in ssh runs on a node whose files are the lab's.
mkdir "$WORK/bin"
cat >"$WORK/bin/kubectl" <<'END'
#!/usr/bin/env bash
set -euo pipefail
[[ $1 == debug && $2 == node/node1 ]] || { echo "unexpected: $*" >&2 && exit 1; }
shift 2
while [[ $1 != -- ]]; do
	case $1 in -it | --profile=sysadmin) ;; --image=*) image=${1#*=} ;; *) echo "unexpected: $1" >&2 && exit 1 ;; esac
	shift
done
shift
jq -cn --arg image "$image" --argjson words "$(printf '%s\n' "$@" | jq -R . | jq -sc .)" '{apiVersion: "v1", kind: "Pod", metadata: {name: "node-debugger-node1"}, spec: {nodeName: "node1",
	hostNetwork: true, hostPID: true, hostIPC: true, restartPolicy: "Never", tolerations: [{operator: "Exists"}],
	containers: [{name: "debugger", image: $image, command: $words, args: [], stdin: true, tty: true, securityContext: {privileged: true},
	volumeMounts: [{name: "host-root", mountPath: "/host"}]}], volumes: [{name: "host-root", hostPath: {path: "/"}}]}}' >"$DEBUG_POD"
END
cat >"$WORK/bin/ssh" <<'END'
#!/usr/bin/env bash
[[ $1 == -t && $2 == node1 && $3 == sudo ]] || { echo "unexpected: $*" >&2 && exit 1; }
exec ip netns exec "$LAB_PREFIX-node1" unshare --mount --propagation private sh -c 'for place in /var/lib /var/log /etc; do
	mount -t overlay overlay -o "lowerdir=$0$place:$place" "$place" || exit 1; done; exec "$@"' "$LAB_DIR/node1" "${@:4}"
END
# shellcheck disable=SC2016 # the stand-in's own
printf '#!/bin/sh\n[ "$2" = node1:/tmp/cnitrace ] && install -m 755 "$1" "%s"\n' "$WORK/copied" >"$WORK/bin/scp"
printf '#!/bin/sh\nexit 0\n' >"$WORK/bin/make"
chmod +x "$WORK"/bin/*
export DEBUG_POD=$WORK/debug.yaml LAB_PREFIX LAB_DIR
way() { # REGEX: README's command that matches, with the lab's names, on this node
	sed -n "s/^  \\(\\($1\\).*\\)/\\1/p" "$SCRIPTS/../README.md" | sed "s,NODE,node1,g; s, build/cnitrace , $CNITRACE ,; s, sudo /tmp/cnitrace , sudo $WORK/copied ," >"$WORK/way"
	[[ $(wc -l <"$WORK/way") == 1 ]] && PATH=$WORK/bin:$PATH bash "$WORK/way" >"$WORK/out" 2>"$WORK/err" </dev/null
}
debug_pod() {
	way "kubectl debug .* -- cnitrace $1" || { cat "$WORK/way" "$WORK/err" && return 1; }
	pod_bundle "$DEBUG_POD"
	pod_run >"$WORK/out" 2>"$WORK/err" </dev/null || { cat "$WORK/err" "$WORK/out" && return 1; }
	grep -qE "$2" "$WORK/out" || { cat "$WORK/err" "$WORK/out" && return 1; }
}
check "README: a debug pod traces" debug_pod trace 'tracing [0-9]+ devices of node1, 4 pods.*pod default/busybox'
check "README: a debug pod probes" debug_pod probe '10.244.2.2'
check "README: the binary is copied by scp" way 'make .*scp '
check "README: … and traces by ssh" way 'ssh '
check "… with names and the other node's pod" grep -qE '10.244.1.[0-9]+ \(default/busybox\) → 10.244.2.2' "$WORK/out"

# lost CAPABILITY WORDS…: one line about it, that says what is lost, and the command still runs.
lost() {
	local status=0
	pod_bundle pod --without "$1" --args "${@:2}"
	pod_run >"$WORK/out" 2>"$WORK/err" </dev/null || status=$?
	if ((status)) || [[ $(grep -cE '^cnitrace: CAP_[A-Z_]+ is not held: [a-z]' "$WORK/err") != 1 ]] ||
		! grep -q "^cnitrace: CAP_$1 is not held" "$WORK/err"; then
		echo "exit status $status" && cat "$WORK/err" "$WORK/out" && return 1
	fi
}
silent() { # all that a command needs is held: no word about capabilities
	pod_bundle pod ${1:+--without "$1"} --args "${@:2}"
	if ! pod_run >"$WORK/out" 2>"$WORK/err" </dev/null || grep -q 'CAP_' "$WORK/err"; then
		cat "$WORK/err" && return 1
	fi
}
trace=(trace --root /host --duration 1s)
# shellcheck disable=SC2034 # by its name, below
monitor=(monitor --root /host --duration 1s --interval 1s)
# Each one of the manifest, taken away alone.
jq -r '.spec.containers[0].securityContext.capabilities.add[]' <<<"$(/usr/bin/python3 -c 'import json, sys, yaml
print(json.dumps(yaml.safe_load(open(sys.argv[1]))))' "$SCRIPTS/k8s/pod.yaml")" >"$WORK/capabilities"
check "the manifest asks for eight capabilities" test "$(wc -l <"$WORK/capabilities")" = 8
# With kptr_restrict 0 the kernel asks kernel.perf_event_paranoid as well (kallsyms_show_value()): try it.
shown_to() { "$@" head -n 64 /proc/kallsyms | grep -qv '^00*[^0-9a-f]'; }
hidden=no
shown_to setpriv --bounding-set -syslog || hidden=yes
for command in trace monitor; do
	declare -n words=$command
	check "all held: $command says nothing of capabilities" silent '' "${words[@]}"
	while read -r capability; do
		case $capability in
		BPF | PERFMON) # SYS_ADMIN holds what these do
			check "without $capability: $command loses nothing, SYS_ADMIN is enough" silent "$capability" "${words[@]}"
			check "without $capability and SYS_ADMIN: $command says what is lost and cannot run" \
				without "SYS_ADMIN $capability" 3 "not held: CAP_$capability \\(no " "${words[@]}"
			;;
		SYSLOG)
			if [[ $hidden == yes ]]; then
				check "without $capability: $command runs and says what is lost" lost "$capability" "${words[@]}"
			else
				check "without $capability: $command runs and loses nothing, function names are open to all" \
					silent "$capability" "${words[@]}"
			fi
			;;
		NET_RAW)
			if [[ $command == monitor ]]; then
				check "without $capability: $command loses nothing, it sends nothing" silent "$capability" "${words[@]}"
			else
				check "without $capability: $command runs and says what is lost" lost "$capability" "${words[@]}"
			fi
			;;
		DAC_READ_SEARCH) # who misses it says so (privileges.t)
			check "without $capability: $command loses nothing where no socket's process is asked for" \
				silent "$capability" "${words[@]}"
			;;
		*) check "without $capability: $command runs and says what is lost" lost "$capability" "${words[@]}" ;;
		esac
	done <"$WORK/capabilities"
done
check "without SYS_ADMIN: trace names what it could not read" \
	without SYS_ADMIN 0 'default/busybox could not be read: .*CAP_SYS_ADMIN' "${trace[@]}"
check "without SYS_PTRACE: what is named by CNI files keeps its name" \
	without SYS_PTRACE 0 'tracing [0-9]+ devices of node1, 4 pods' "${trace[@]}"
for capability in NET_RAW SYS_ADMIN SYS_PTRACE DAC_READ_SEARCH SYSLOG; do
	check "without $capability: doctor says what is lost" without "$capability" 0 "hold CAP_$capability: without it" doctor
done
check "without SYSLOG: function names are hidden, pods' names are not" \
	without SYSLOG 0 'tracing [0-9]+ devices of node1, 4 pods' "${trace[@]}"
if [[ $hidden == yes ]] && shown_to env; then
	pod_bundle pod --without SYSLOG --args monitor --root /host --json --interval 500ms --duration 30s
	check "without SYSLOG: monitor runs" in_background
	knock() { in_netns busybox perl -MIO::Socket::INET -e 'my $s = IO::Socket::INET->new(Proto => "udp", PeerAddr => $ARGV[0],
		PeerPort => 4460) or die; $s->send("x") for 1 .. 3' "$(address_of web)"; }
	nameless() { trace_has 'any(.[]; .type == "drops" and .flow.dport == 4460 and .pod == "default/web" and (.reason // "") != ""
		and (.function // "") == "")'; }
	knock || true
	check "… its drops have reason and pod, but no function" wait_until 500 nameless
	background_end
else
	skip "without SYSLOG: monitor's drops have no function" "this kernel shows function names to all, or to nobody"
fi
check "all held: doctor misses nothing" without '' 0 'capabilities  BPF, PERFMON, NET_ADMIN, NET_RAW, SYS_ADMIN, SYS_PTRACE, DAC_READ_SEARCH, SYSLOG$' doctor
plan
