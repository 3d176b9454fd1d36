#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# The manifests: Kubernetes' own schema, what they must and must not ask for, and that the
# copies of one thing (the pod, the plugin's pod, the Dockerfile) say the same.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1

WORK=$(mktemp -d) && trap 'rm -rf "$WORK"' EXIT
# shellcheck source=tests/tap.sh
. tests/tap.sh

for name in namespace daemonset pod podmonitor; do
	/usr/bin/python3 -c 'import json, sys, yaml
for document in yaml.safe_load_all(open(sys.argv[1])): print(json.dumps(document))' "scripts/k8s/$name.yaml" \
		>"$WORK/$name.json" || echo "# $name.yaml is no YAML"
	cat "$WORK/$name.json" >>"$WORK/all.json"
done
daemonset() { jq -e "$1" "$WORK/daemonset.json"; }
pod() { jq -e "$1" "$WORK/pod.json"; }
same() { [[ -n $1 && $1 == "$2" ]] || { printf '%s\n' "$1" "$2" && return 1; }; }

# shellcheck source=scripts/lib/k8s_schema.sh
. scripts/lib/k8s_schema.sh
schema() { tests/cli/check-manifests "$K8S_SCHEMA/node_modules" <"$1"; }
schema_refuses() { sed "$1" "$WORK/all.json" >"$WORK/bad.json" && ! schema "$WORK/bad.json"; }
# setup.sh installs node and npm: that they are missing is no reason to pass. Without a network there is no schema.
if [[ -e /guest/command ]]; then
	skip "node and npm are there to check the manifests" "a guest has neither"
else
	check "node and npm are there to check the manifests" sh -c 'command -v node && command -v npm || { echo "run scripts/setup.sh" && exit 1; }'
	offline() { ! BUILD=$WORK/offline npm_config_cache=$WORK/offline unshare --net bash -c '. scripts/lib/k8s_schema.sh && k8s_schema_fetch' >"$WORK/why" && grep "^npm's registry cannot be reached: ." "$WORK/why"; }
	((EUID)) || check "without a network the reason is said" offline
fi
if why=$(k8s_schema_fetch); then
	check "every object fits Kubernetes' schema" schema "$WORK/all.json"
	check "… which refuses a wrong type" schema_refuses 's/"hostPID": true/"hostPID": "yes"/'
	check "… and a field that does not exist" schema_refuses 's/"readOnly": true/"readonly": true/'
	check "… and one that is missing" schema_refuses 's/"selector"/"selectors"/'
else
	skip "every object fits Kubernetes' schema" "$why"
fi
if command -v kubectl >/dev/null; then
	check "kubectl kustomize builds the base" sh -c 'kubectl kustomize scripts/k8s | grep -q "^kind: DaemonSet"'
else
	skip "kubectl kustomize builds the base" "no kubectl"
fi
check "every resource of the base exists" sh -c '
	/usr/bin/python3 -c "import yaml; print(*yaml.safe_load(open(\"scripts/k8s/kustomization.yaml\"))[\"resources\"], sep=\"\n\")" |
	while read -r file; do test -f "scripts/k8s/$file" || exit 1; done'

container='.spec.template.spec.containers[0]'
check "not privileged, everything dropped but what is named" daemonset "$container.securityContext
	| .privileged == false and .capabilities.drop == [\"ALL\"]
	and (.capabilities.add | sort) == [\"BPF\", \"DAC_READ_SEARCH\", \"NET_ADMIN\", \"NET_RAW\", \"PERFMON\", \"SYSLOG\", \"SYS_ADMIN\", \"SYS_PTRACE\"]"
check "every capability says why" sh -c '! sed -n "/^ *add:/,/^ *#/p" scripts/k8s/daemonset.yaml | grep "^ *- [A-Z]" | grep -v "#"'
check "root read-only, the host's files read-only" daemonset "($container.securityContext.readOnlyRootFilesystem)
	and ([$container.volumeMounts[] | select(.name == \"host\")] | all(.readOnly and .mountPath == \"/host\"))"
check "network namespaces made later appear" daemonset "$container.volumeMounts | any(.mountPropagation == \"HostToContainer\")"
check "host network and processes, no token" daemonset '.spec.template.spec
	| .hostNetwork and .hostPID and .automountServiceAccountToken == false'
check "every node, tainted ones too" daemonset '.spec.template.spec.tolerations == [{"operator": "Exists"}]'
check "limits" daemonset "$container.resources.limits | .memory and .cpu"
check "probes of its own" daemonset "$container | .readinessProbe.httpGet.path == \"/readyz\" and .livenessProbe.httpGet.path == \"/healthz\""
check "no role, no binding" sh -c "! jq -r .kind '$WORK/all.json' | grep -iE 'role'"
check "PodMonitor finds the DaemonSet's pods and port" jq -e -s '
	(.[] | select(.kind == "PodMonitor").spec) as $m | (.[] | select(.kind == "DaemonSet").spec.template) as $t
	| ($m.selector.matchLabels | to_entries | all($t.metadata.labels[.key] == .value))
	and ([$t.spec.containers[].ports[].name] | index($m.podMetricsEndpoints[0].port))' "$WORK/all.json"
check "the DaemonSet's selector is not that of the one-shot pod" pod '.metadata.labels["app.kubernetes.io/name"] != "cnitrace"'
check "the one-shot pod ends by itself" pod '.spec.activeDeadlineSeconds > 0 and .spec.restartPolicy == "Never"'

security='del(.env, .args) | .securityContext'
check "pod and DaemonSet ask for the same" same \
	"$(jq -Sc "$container | $security" "$WORK/daemonset.json")" "$(jq -Sc ".spec.containers[0] | $security" "$WORK/pod.json")"
check "… and mount the same" same \
	"$(jq -Sc "$container.volumeMounts, .spec.template.spec.volumes" "$WORK/daemonset.json")" \
	"$(jq -Sc '.spec.containers[0].volumeMounts, .spec.volumes' "$WORK/pod.json")"
check "the version is the Makefile's" same "$(sed -n 's/^VERSION := //p' Makefile | sort -u)" \
	"$(cat scripts/k8s/*.yaml | sed -n 's/^ *image: cnitrace:\(.*\)/\1/p; s/^ *newTag: //p' | sort -u)"

# Every option in the manifests is one that the command has.
build=${BUILD:-build}
binary=${CNITRACE:-$build/cnitrace}
for name in daemonset pod; do
	jq -r '(.spec.template.spec // .spec).containers[0].args[]' "$WORK/$name.json" >"$WORK/args"
	command=$(head -n 1 "$WORK/args")
	if ! "$binary" --help | grep -q "^  $command "; then
		skip "cnitrace knows the options of $name.yaml" "no \"$command\" in this build"
		continue
	fi
	"$binary" "$command" --help >"$WORK/help"
	if [[ $name == daemonset ]] && ! grep -qE '^ *--listen' "$WORK/help"; then
		skip "cnitrace knows the options of $name.yaml" "no monitor --listen in this build"
		continue
	fi
	check "cnitrace $command knows the options of $name.yaml" sh -c \
		"grep -e '^--' '$WORK/args' | while read -r option; do grep -qE -e \"^ *(-., )?\$option\" '$WORK/help' || { echo \$option; exit 1; }; done"
done
plan
