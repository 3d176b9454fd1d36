# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Kubernetes' schema and the PodMonitor's, as npm's packages kubernetes-models have them: kept beside the build and
# never fetched twice. From the top of the tree.

K8S_SCHEMA=${BUILD:-build}/k8s-schema
K8S_SCHEMA_PACKAGES=(kubernetes-models@5.1.0 @kubernetes-models/prometheus-operator@6.0.0)

# k8s_schema_fetch: nothing to do when it is there. Else why it cannot be had, on standard output.
k8s_schema_fetch() {
	[[ ! -e $K8S_SCHEMA/complete ]] || return 0
	command -v node >/dev/null && command -v npm >/dev/null || { echo "node or npm is not installed; run scripts/setup.sh" && return 1; }
	mkdir -p "$K8S_SCHEMA"
	if ! timeout 120 npm install --prefix "$K8S_SCHEMA" --no-audit --no-fund --ignore-scripts --loglevel=error \
		--prefer-offline --fetch-retries=1 --fetch-retry-mintimeout=1000 "${K8S_SCHEMA_PACKAGES[@]}" >"$K8S_SCHEMA/log" 2>&1; then
		printf "npm's registry cannot be reached: %s\n" "$(grep -m 1 -E 'code|network' "$K8S_SCHEMA/log" || tail -n 1 "$K8S_SCHEMA/log")"
		return 1
	fi
	: >"$K8S_SCHEMA/complete"
}
