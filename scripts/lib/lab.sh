# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# The lab: two node namespaces joined by an underlay, as flannel leaves two nodes. This file
# knows namespaces, links, processes and their removal; pods are in pods.sh, Services in
# services.sh, faults in faults.sh. Everything a lab owns is named in its state directory
# before it is made, so that `down` finds it after a failure at any point.

LAB_STATE_ROOT=/run/cnitrace-lab

# shellcheck source=scripts/lib/variants.sh
. "$(dirname "${BASH_SOURCE[0]}")/variants.sh"

# The names and sizes of flannel's network; variants (variants.sh) have their own.
# shellcheck disable=SC2034 # used by pods.sh and faults.sh
LAB_BRIDGE=cni0 LAB_MTU=1450 LAB_TUNNEL=flannel.1

lab_die() {
	printf 'lab: %s\n' "$*" >&2
	exit 1
}

# Sets every name and address of the lab called $1; nothing is made.
lab_names() {
	[[ $1 =~ ^[a-z][a-z0-9]{0,15}$ ]] ||
		lab_die "prefix \"$1\": want a letter, then at most 15 letters or digits"
	LAB_PREFIX=$1
	LAB_DIR=$LAB_STATE_ROOT/$LAB_PREFIX
	LAB_ENV=$LAB_DIR/lab.env
}

# The lab of lab_names must be up: its settings and pod addresses become variables.
lab_load() {
	[[ -e $LAB_DIR/up ]] || lab_die "no lab \"$LAB_PREFIX\" is up; start it with: lab.sh --prefix $LAB_PREFIX up"
	# shellcheck disable=SC1090
	. "$LAB_ENV"
	variant_load "$LAB_VARIANT"
	lab_select_backend
}

# shellcheck disable=SC2034 # used by services.sh and the faults
lab_select_backend() {
	case $LAB_BACKEND in
	nft) IPT=iptables-nft ;;
	legacy) IPT=iptables-legacy ;;
	*) lab_die "back end \"$LAB_BACKEND\": want nft or legacy" ;;
	esac
}

# Remembers NAME=VALUE, for this process and for later ones.
lab_set() {
	printf '%s=%q\n' "$1" "$2" >>"$LAB_ENV"
	printf -v "$1" '%s' "$2"
}

# in_netns NAME CMD…: in the namespace only; /sys and the file system stay the machine's.
in_netns() {
	local name=$1
	shift
	nsenter --net="/run/netns/$LAB_PREFIX-$name" -- "$@"
}

node1() { in_netns node1 "$@"; }
node2() { in_netns node2 "$@"; }
underlay() { in_netns underlay "$@"; }

netns_make() {
	printf '%s\n' "$LAB_PREFIX-$1" >>"$LAB_DIR/netns"
	ip netns add "$LAB_PREFIX-$1"
	in_netns "$1" ip link set lo up
	# The lab must be usable at once: no waiting for duplicate address detection.
	[[ $LAB_IPV6 == no ]] ||
		in_netns "$1" sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
}

# process_start LABEL NETNS CMD…: a background process in the namespace, its pid recorded
# with its start time, so that `down` can never end a stranger that got the number later.
process_start() {
	local label=$1 name=$2 pid
	shift 2
	setsid nsenter --net="/run/netns/$LAB_PREFIX-$name" -- "$@" \
		</dev/null >>"$LAB_DIR/log/$label" 2>&1 &
	pid=$!
	# No notice when it is ended later.
	disown "$pid" 2>/dev/null || true
	printf '%s %s\n' "$pid" "$(process_started "$pid")" >"$LAB_DIR/pids/$label"
}

# Start time in clock ticks, empty when the process is gone.
process_started() {
	local stat
	stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
	stat=${stat##*) }
	# shellcheck disable=SC2086
	set -- $stat
	printf '%s' "${20}"
}

process_failed() { lab_die "$1 does not start: $(tail -n 3 "$LAB_DIR/log/$1" 2>/dev/null)"; }

process_pid() {
	local pid start
	read -r pid start <"$LAB_DIR/pids/$1" || return 1
	[[ -n $start && $(process_started "$pid") == "$start" ]] || return 1
	printf '%s' "$pid"
}

process_stop() {
	local pid
	if pid=$(process_pid "$1" 2>/dev/null); then
		kill -CONT "$pid" 2>/dev/null || true
		kill -KILL "$pid" 2>/dev/null || true
		wait_until 1500 process_gone "$pid" || lab_die "process $pid ($1) does not end"
	fi
	rm -f "$LAB_DIR/pids/$1"
}

# A zombie counts as gone: its parent may be slow to collect it, its namespace is free.
process_gone() {
	local state
	state=$(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null) || return 0
	[[ -z $state || ${state:0:1} == Z ]]
}

# wait_until TRIES CMD…: polls every 10 ms, fails when the bound is reached.
wait_until() {
	local tries=$1 i
	shift
	for ((i = 0; i < tries; i++)); do
		"$@" && return 0
		sleep 0.01
	done
	return 1
}

# listens NETNS tcp|udp PORT
listens() {
	[[ -n $(in_netns "$1" ss -Hln "--$2" "sport = :$3" 2>/dev/null) ]]
}

mac_of() {
	in_netns "$1" ip -o link show dev "$2" | sed -n 's/.*link\/ether \([0-9a-f:]*\).*/\1/p'
}

# The router of the underlay is a bridge with the gateway's address; behind it one outside
# host, 203.0.113.10, on the loopback device.
underlay_make() {
	netns_make underlay
	lab_set pod_outside_name outside
	lab_set pod_outside_node node1
	underlay sysctl -qw net.ipv4.ip_forward=1
	underlay ip -batch - <<-END
		link add lan type bridge
		address add 192.168.1.1/24 dev lan
		address add 203.0.113.10/32 dev lo
		link set lan up
	END
	if [[ $LAB_IPV6 == yes ]]; then
		underlay sysctl -qw net.ipv6.conf.all.forwarding=1
		underlay ip address add fd00:192:168::1/64 dev lan nodad
		underlay ip address add 2001:db8::10/128 dev lo nodad
	fi
}

# node_make NUMBER: the namespace, its sysctls as on a node, and eth0 on the underlay.
node_make() {
	local n=$1
	netns_make "node$n"
	in_netns "node$n" sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 \
		net.ipv4.conf.default.rp_filter=2
	[[ ! -e /proc/sys/net/bridge ]] ||
		in_netns "node$n" sysctl -qw net.bridge.bridge-nf-call-iptables=1 \
			net.bridge.bridge-nf-call-ip6tables=1
	[[ $LAB_IPV6 == no ]] || in_netns "node$n" sysctl -qw net.ipv6.conf.all.forwarding=1
	in_netns "node$n" ip link add eth0 mtu 1500 type veth \
		peer name "port$n" mtu 1500 netns "$LAB_PREFIX-underlay"
	underlay ip link set "port$n" master lan up
	in_netns "node$n" ip -batch - <<-END
		link set eth0 up
		address add 192.168.1.1$n/24 dev eth0
		route add default via 192.168.1.1 dev eth0
	END
	if [[ $LAB_IPV6 == yes ]]; then
		in_netns "node$n" ip address add "fd00:192:168::1$n/64" dev eth0 nodad
		in_netns "node$n" ip -6 route add default via fd00:192:168::1 dev eth0
	fi
	lab_set "node${n}_netns" "$LAB_PREFIX-node$n"
	# as one that sends
	lab_set "pod_node${n}_name" "node$n"
	lab_set "pod_node${n}_node" "node$n"
	lab_set "node${n}_root" "$LAB_DIR/node$n"
	lab_set "node${n}_address" "192.168.1.1$n"
	lab_set "node${n}_subnet" "10.244.$n.0/24"
	node_files "$n"
}

# What flannel, kubelet and the CNI configuration leave in a node's file system.
node_files() {
	local n=$1 root=$LAB_DIR/node$1
	mkdir -p "$root"/{etc/cni/net.d,run/flannel,var/lib/cni/{results,networks/cbr0,flannel},var/log/{pods,containers},var/lib/kubelet,proc,sys}
	printf 'node%s\n' "$n" >"$root/etc/hostname"
	{
		printf 'FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.%s.1/24\n' "$n"
		[[ $LAB_IPV6 == no ]] ||
			printf 'FLANNEL_IPV6_NETWORK=fd00:10:244::/48\nFLANNEL_IPV6_SUBNET=fd00:10:244:%s::1/64\n' "$n"
		printf 'FLANNEL_MTU=%s\nFLANNEL_IPMASQ=true\n' "$LAB_MTU"
	} >"$root/run/flannel/subnet.env"
	cat >"$root/etc/cni/net.d/10-flannel.conflist" <<-'END'
		{
		  "name": "cbr0",
		  "cniVersion": "0.3.1",
		  "plugins": [
		    {
		      "type": "flannel",
		      "delegate": {
		        "hairpinMode": true,
		        "isDefaultGateway": true
		      }
		    },
		    {
		      "type": "portmap",
		      "capabilities": {
		        "portMappings": true
		      }
		    }
		  ]
		}
	END
}

# flannel.1 as flanneld makes it: no learning, the other node's VTEP as permanent entries.
overlay_device_make() {
	local n=$1
	in_netns "node$n" ip link add flannel.1 mtu 1450 type vxlan id 1 dstport 8472 \
		local "192.168.1.1$n" dev eth0 nolearning
	in_netns "node$n" ip -batch - <<-END
		address add 10.244.$n.0/32 dev flannel.1
		link set flannel.1 up
	END
	[[ $LAB_IPV6 == yes ]] || return 0
	in_netns "node$n" ip link add flannel-v6.1 mtu 1430 type vxlan id 1 dstport 8472 \
		local "fd00:192:168::1$n" dev eth0 nolearning udp6zerocsumrx
	in_netns "node$n" ip address add "fd00:10:244:$n::/128" dev flannel-v6.1 nodad
	in_netns "node$n" ip link set flannel-v6.1 up
}

# overlay_peer_make N M: on node N everything that leads to node M.
overlay_peer_make() {
	local n=$1 m=$2 mac
	mac=$(mac_of "node$m" flannel.1)
	in_netns "node$n" ip neighbour replace "10.244.$m.0" lladdr "$mac" dev flannel.1 nud permanent
	# As flannel does when a node's lease changes: what the node had before goes.
	in_netns "node$n" bridge fdb show dev flannel.1 | awk -v dst="192.168.1.1$m" -v mac="$mac" \
		'$2 == "dst" && $3 == dst && $1 != mac { print $1 }' | while read -r old; do
		in_netns "node$n" bridge fdb delete "$old" dev flannel.1 self || true
	done
	in_netns "node$n" bridge fdb replace "$mac" dev flannel.1 dst "192.168.1.1$m" self permanent
	in_netns "node$n" ip route replace "10.244.$m.0/24" via "10.244.$m.0" dev flannel.1 onlink
	[[ $LAB_IPV6 == yes ]] || return 0
	mac=$(mac_of "node$m" flannel-v6.1)
	in_netns "node$n" ip neighbour replace "fd00:10:244:$m::" lladdr "$mac" dev flannel-v6.1 nud permanent
	in_netns "node$n" bridge fdb replace "$mac" dev flannel-v6.1 dst "fd00:192:168::1$m" self permanent
	in_netns "node$n" ip -6 route replace "fd00:10:244:$m::/64" via "fd00:10:244:$m::" \
		dev flannel-v6.1 onlink
}

# Repairs or makes the overlay of both nodes, whatever is left of it.
overlay_make() {
	local n
	for n in 1 2; do
		in_netns "node$n" ip link show dev flannel.1 >/dev/null 2>&1 || overlay_device_make "$n"
		in_netns "node$n" ip link set flannel.1 mtu 1450 up
		in_netns "node$n" ip route replace default via 192.168.1.1 dev eth0
	done
	overlay_peer_make 1 2
	overlay_peer_make 2 1
}

lab_up() {
	local why
	[[ ! -e $LAB_DIR ]] || lab_die "lab \"$LAB_PREFIX\" exists already; remove it with: lab.sh --prefix $LAB_PREFIX down"
	((EUID == 0)) || lab_die "must be root to make network namespaces"
	# a variant may choose otherwise
	LAB_BACKEND=$1 LAB_IPV6=$2 LAB_PROXY=${4:-iptables}
	variant_load "$3"
	why=$(variant_possible)
	[[ -z $why ]] || lab_die "variant $3 is not possible here: $why"
	mkdir -p "$LAB_DIR"/{log,pids,www}
	lab_select_backend
	lab_set LAB_VARIANT "$3"
	lab_set LAB_BACKEND "$LAB_BACKEND"
	lab_set LAB_IPV6 "$LAB_IPV6"
	lab_set LAB_PROXY "$LAB_PROXY"
	underlay_make
	node_make 1
	node_make 2
	overlay_make
	services_default >"$LAB_DIR/services"
	pods_make
	services_apply_all
	outside_start
	touch "$LAB_DIR/up"
}

# The outside host also serves HTTP and echoes UDP, so that traffic leaving the cluster can be judged.
outside_start() {
	process_start outside-echo underlay perl -MIO::Socket::INET -e "$UDP_ECHO" 203.0.113.10
	wait_until 1500 listens underlay udp 9999 || process_failed outside-echo
	process_start outside underlay busybox httpd -f -p 203.0.113.10:80 -h "$LAB_DIR/www"
	wait_until 1500 listens underlay tcp 80 || process_failed outside
}

# Removes everything recorded, in whatever state it is; what is already gone is no error.
lab_down() {
	local file name
	[[ -d $LAB_DIR ]] || return 0
	for file in "$LAB_DIR"/pids/*; do
		[[ ! -e $file ]] || process_stop "${file##*/}"
	done
	if [[ -e $LAB_DIR/netns ]]; then
		while read -r name; do
			[[ ! -e /run/netns/$name ]] || ip netns delete "$name"
		done <"$LAB_DIR/netns"
	fi
	# a fault's mount of what is not the lab's to delete
	umount -l "$LAB_DIR"/*/sys/fs/cgroup 2>/dev/null || true
	rm -rf --one-file-system "$LAB_DIR"
}

# key=value, for tests.
lab_status() {
	printf 'prefix=%s\nfault=%s\n' "$LAB_PREFIX" "$(cat "$LAB_DIR/fault" 2>/dev/null || echo none)"
	sort -u "$LAB_ENV"
}
