# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Faults: each is a file faults/NAME.sh that says which finding it must give (FAULT_ID,
# FAULT_CLASS, EXPECT), how to inject and heal it, and which traffic of which pod shows it.
# Demo, tests and the kernel matrix all read these same definitions.

FAULTS_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/faults

# Loads the definition of $1 over the defaults:
#   FAULT_ID       finding id of the catalogue        FAULT_CLASS  its class
#   FAULT_TEXT     one line for people                FAULT_POD    pod that sends (lab name), or outside: the
#                                                                  underlay, through node 1, or node1, node2
#   FAULT_SERVER   pod that is traced in its stead: what is sent to it, and its answers, meet the fault
#   FAULT_BROKEN   yes: the lab has it from the start, heal repairs it
#   FAULT_SILENT   yes: the traffic's own exit status does not show it
#   FAULT_COMMAND  trace, or check: the command of cnitrace that must find it
#   REMEDY         who applies what cnitrace prints: node (commands on this node, run by the tests as they are),
#                  cluster (kubectl commands; tests/faults/kubectl plays the cluster), operator (a person)
#   REMEDY_WHY     why a person is needed
#   EXPECT         JSON object: what the finding's `facts` or `where` must contain
#   inject, heal   functions                          traffic      sets TRAFFIC=(command …)
#   possible       prints why this kernel cannot do it, or nothing
# shellcheck disable=SC2034 # the tests read them
fault_load() {
	[[ $'\n'$(faults_names)$'\n' == *$'\n'"$1"$'\n'* ]] || lab_die "no fault \"$1\"; see lab.sh list"
	FAULT=$1 FAULT_ID='' FAULT_CLASS='' FAULT_TEXT='' FAULT_POD=busybox FAULT_SERVER='' FAULT_BROKEN=no FAULT_SILENT=no
	EXPECT='{}' FAULT_COMMAND=trace REMEDY=node REMEDY_WHY=''
	TRAFFIC=()
	possible() { :; }
	if declare -F "variant_fault_${1//-/_}" >/dev/null; then
		REMEDY=operator
		heal() {
			variant_heal
			neighbours_forget
		}
		"variant_fault_${1//-/_}"
		return
	fi
	# shellcheck disable=SC1090
	. "$FAULTS_DIR/$1.sh"
	[[ $LAB_AGENT == yes || $REMEDY != cluster ]] || REMEDY=operator
}

# Of the lab's variant.
faults_names() {
	local file
	if [[ ${LAB_VARIANT:-flannel} != flannel ]]; then
		variant_faults
		return
	fi
	for file in "$FAULTS_DIR"/*.sh; do
		file=${file##*/}
		printf '%s\n' "${file%.sh}"
	done
}

faults_list() {
	local name
	while read -r name; do
		fault_load "$name"
		printf '%-28s %-24s %s\n' "$name" "$FAULT_ID" "$FAULT_TEXT"
	done < <(faults_names)
}

# For scripts: everything quoted so that `eval` or `.` takes it.
fault_show() {
	fault_load "$1"
	traffic
	printf 'FAULT=%q\nFAULT_ID=%q\nFAULT_CLASS=%q\nFAULT_TEXT=%q\nFAULT_POD=%q\nFAULT_SERVER=%q\nFAULT_NODE=%q\nFAULT_BROKEN=%q\nFAULT_COMMAND=%q\nEXPECT=%q\nFAULT_IMPOSSIBLE=%q\n' \
		"$FAULT" "$FAULT_ID" "$FAULT_CLASS" "$FAULT_TEXT" "$(pod_var "$FAULT_POD" name)" \
		"${FAULT_SERVER:+$(pod_var "$FAULT_SERVER" name)}" "$(pod_var "${FAULT_SERVER:-$FAULT_POD}" node)" "$FAULT_BROKEN" "$FAULT_COMMAND" "$EXPECT" "$(possible)"
	printf 'TRAFFIC=('
	printf ' %q' "${TRAFFIC[@]}"
	printf ' )\n'
}

# The name is kept before anything changes, so that a half-injected fault is healed too.
fault_inject() {
	local why
	[[ ! -e $LAB_DIR/fault ]] || fault_heal
	fault_load "$1"
	why=$(possible)
	[[ -z $why ]] || lab_die "fault $1 is not possible here: $why"
	printf '%s\n' "$1" >"$LAB_DIR/fault"
	inject
}

fault_heal() {
	[[ -e $LAB_DIR/fault ]] || return 0
	fault_load "$(cat "$LAB_DIR/fault")"
	heal
	rm -f "$LAB_DIR/fault"
}

# For the definitions: the address of a pod, and the host's end of its veth.
address_of() { pod_var "$1" address; }
veth_of() { pod_var "$1" veth; }

# For those that hold in every variant: a pod's address as the variant's own traffic has it, and in a URL; node N's pods; an
# iptables rule and a route of that family; a node that does not tell what is too big; an address beyond the node; who
# fetches from pod web, from where, and from where the world outside does.
target_of() { address_of "$1"; }
url_of() { printf "http://%s" "$(target_of "$1")"; }
pods_of() { printf '10.244.%s.0/24' "$1"; }
rule_of() { rule "$@"; }
route_of() { in_netns "$1" ip route "${@:2}"; }
too_big_unheard() { rule "$1" -I OUTPUT 1 -p icmp --icmp-type fragmentation-needed -j DROP; }
far() { target_of web2; }
# shellcheck disable=SC2034 # the faults use it
LAB_CLIENT=busybox2
# no: no agent of the cluster keeps the network between nodes; what is lost of it a person makes anew.
LAB_AGENT=yes
web_url() { printf '%s/' "$(url_of web)"; }
published_url() { printf 'http://192.168.1.11:30080/'; }

# What waits for an answer of a neighbour that has none would be lost within the next trace.
neighbours_forget() {
	local node

	for node in node1 node2; do in_netns "$node" ip neighbour flush nud incomplete nud failed; done
}

# An iptables command of the lab's back end in the node or pod $1.
rule() {
	local where=$1
	shift
	in_netns "$where" "$IPT" -w "$@"
}

# Settings that only the first namespace has change the whole machine: only in a guest of ours.
needs_own_kernel() {
	[[ ${LAB_OWN_KERNEL:-no} == yes ]] || echo "changes a setting of the whole machine; set LAB_OWN_KERNEL=yes in a guest"
}

# Puts everything back that a fault may have done to a pod's own link and routes.
pod_repair() {
	local name=$1 node gateway
	node=$(pod_var "$name" node)
	gateway=10.244.${node#node}.1
	in_netns "$node" ip link set "$(veth_of "$name")" mtu "$LAB_MTU" master "$LAB_BRIDGE" up
	in_netns "$node" bridge link set dev "$(veth_of "$name")" hairpin on
	in_netns "$name" ip link set eth0 mtu "$LAB_MTU" up
	in_netns "$name" ip route replace default via "$gateway" dev eth0
	in_netns "$name" ip route replace 10.244.0.0/16 via "$gateway" dev eth0
	in_netns "$name" ip route flush cache
	in_netns "$name" ip neighbour flush dev eth0
	wait_until 1500 port_forwards "$node" "$(veth_of "$name")" || lab_die "port $(veth_of "$name") does not forward"
}

port_forwards() { [[ $(in_netns "$1" bridge link show dev "$2") == *"state forwarding"* ]]; }

# undo CMD…: a step of heal; it may have nothing to undo.
undo() { "$@" 2>/dev/null || true; }

fault_traffic() {
	traffic
	case $FAULT_POD in
	outside) underlay "${TRAFFIC[@]}" ;;
	node?) in_netns "$FAULT_POD" "${TRAFFIC[@]}" ;;
	*) pod "$FAULT_POD" "${TRAFFIC[@]}" ;;
	esac >"$LAB_DIR/log/traffic" 2>&1
}

# One TAP line each: the traffic passes before, fails with the fault, passes after healing.
faults_verify() {
	local name why number=0
	local -a names=("$@")
	(($#)) || mapfile -t names < <(faults_names)
	printf '1..%s\n' "${#names[@]}"
	for name in "${names[@]}"; do
		number=$((number + 1))
		fault_load "$name"
		why=$(possible)
		if [[ -n $why ]]; then
			printf 'ok %s - %s # SKIP %s\n' "$number" "$name" "$why"
		elif why=$(fault_verify "$name"); then
			printf 'ok %s - %s\n' "$number" "$name"
		else
			printf 'not ok %s - %s: %s\n' "$number" "$name" "$why"
		fi
	done
}

# The steps are processes of their own: each must stop at its first failure, as it does when
# a person runs it.
fault_verify() {
	local lab=("${FAULTS_DIR%/lib/faults}/lab.sh" --prefix "$LAB_PREFIX")
	if [[ $FAULT_BROKEN == no ]] && ! fault_traffic; then
		echo "traffic fails in the healthy lab"
		return 1
	fi
	if ! "${lab[@]}" fault "$1" >&2; then
		echo "cannot be injected"
		return 1
	fi
	lab_load
	if [[ $FAULT_SILENT == no ]] && fault_traffic; then
		echo "traffic passes in spite of it"
		"${lab[@]}" heal >&2
		return 1
	fi
	if ! "${lab[@]}" heal >&2; then
		echo "cannot be healed"
		return 1
	fi
	lab_load
	if ! fault_traffic; then
		echo "traffic fails after healing"
		return 1
	fi
}
