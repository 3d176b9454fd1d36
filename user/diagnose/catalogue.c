/* SPDX-License-Identifier: GPL-2.0-only */
#include "diagnose/catalogue.h"

#include <string.h>

#define TC ABLE_HOPS
#define SEEN (ABLE_DROPS | ABLE_SYMBOLS)
#define NAMED (ABLE_DROPS | ABLE_REASONS | ABLE_SYMBOLS)
#define FACTS ABLE_FACTS
#define LOCAL (ABLE_REFUSALS | ABLE_FACTS)

const struct fault_entry fault_catalogue[] = {
	{"netfilter-drop", "unreachable", "a firewall rule drops", ABLE_DROPS, NAMED | FACTS,
	 "nf-hook,nft-chain,ipt-table,ip6t-table"},
	{"netfilter-reject", "unreachable", "a REJECT rule answers", TC, TC | SEEN | FACTS,
	 "nf-hook,nft-chain,ipt-table,ip6t-table,icmp-error"},
	{"forward-policy-drop", "unreachable", "the FORWARD chain's policy is DROP", ABLE_DROPS,
	 NAMED | FACTS, "nf-hook,nft-chain,ipt-table,ip6t-table"},
	{"network-policy-drop", "unreachable", "a NetworkPolicy engine's chain drops", ABLE_DROPS,
	 NAMED | FACTS, "nf-hook,nft-chain,ipt-table,ip6t-table"},
	{"no-route", "unreachable", "no route, or one that refuses", ABLE_DROPS, SEEN | LOCAL,
	 "route-in,route-out,local-route"},
	{"overlay-route-missing", "unreachable", "no route to another node's pods", TC, TC | FACTS},
	{"ip-forward-disabled", "unreachable", "forwarding is switched off", ABLE_DROPS,
	 SEEN | FACTS},
	{"rp-filter", "unreachable", "the reverse-path filter drops", ABLE_DROPS, NAMED | FACTS,
	 "rp-filter,route-in"},
	{"neighbour-failed", "unreachable", "ARP or ND gets no answer, or its entry is wrong",
	 ABLE_DROPS, SEEN | FACTS, "neighbour,neighbour6,neighbour-queue"},
	{"link-down", "unreachable", "a device of the path is down", TC, TC | SEEN | FACTS,
	 "veth-peer"},
	{"bridge-port-detached", "unreachable", "the pod's veth is not on its bridge", TC,
	 TC | FACTS, "bridge-port"},
	{"ttl-exceeded", "unreachable", "a routing loop", TC, TC | SEEN},
	{"ip-conflict", "unreachable", "two hold one address", TC, TC | FACTS},
	{"pod-config", "unreachable", "the pod's own network settings are wrong", FACTS,
	 FACTS | TC},
	{"security-hook", "unreachable", "an LSM or socket filter refused", ABLE_DROPS, NAMED,
	 "security"},
	{"bpf-drop", "unreachable", "somebody's BPF program dropped it", ABLE_DROPS, NAMED | FACTS,
	 "xdp,xdp-veth,cgroup,tc-filter"},
	{"conntrack-full", "overload", "the connection table is full", FACTS, SEEN | FACTS,
	 "conntrack"},
	{"conntrack-race", "overload", "two packets raced for one connection", FACTS,
	 SEEN | FACTS | ABLE_WITNESS, "conntrack-insert"},
	{"conntrack-invalid", "overload", "conntrack calls the packet invalid", TC,
	 TC | SEEN | FACTS, "conntrack"},
	{"qdisc-drop", "overload", "a queue discipline dropped", ABLE_DROPS, SEEN | FACTS, "qdisc"},
	{"backlog-drop", "overload", "a CPU's input queue was full", ABLE_DROPS, SEEN, "backlog"},
	{"listen-overflow", "overload", "an accept or SYN queue is full", FACTS, SEEN | FACTS,
	 "listen-queue"},
	{"socket-buffer-full", "overload", "a receiver reads too slowly", ABLE_DROPS, SEEN | FACTS,
	 "udp-queue,socket-queue"},
	{"ports-exhausted", "overload", "no free local port", LOCAL, LOCAL,
	 "local-port,conntrack-insert"},
	{"port-closed", "port", "nothing listens on the port", TC, TC | FACTS,
	 "tcp-reset,icmp-error"},
	{"listen-loopback", "port", "the server listens on 127.0.0.1 only", TC | FACTS, TC | FACTS},
	{"service-port-wrong", "port", "the Service leads to a port nobody listens on", TC,
	 TC | FACTS},
	{"mtu-exceeded", "mtu", "too large for the next device, and the sender is told", TC,
	 TC | SEEN | FACTS, "icmp-error,icmp6-error"},
	{"mtu-blackhole", "mtu", "large packets vanish and nobody tells the sender", TC,
	 TC | SEEN | FACTS, "veth-peer,icmp-error"},
	{"mtu-mismatch", "mtu", "the MTUs along the path do not fit", FACTS, FACTS},
	{"mtu-local", "mtu", "the sender's own kernel refused the size", LOCAL, LOCAL,
	 "local-size,local-size6"},
	{"fragments-lost", "mtu", "fragments were lost", TC, TC | SEEN | FACTS},
	{"overlay-down", "cni", "the tunnel device here is down or gone", TC, TC | FACTS},
	{"remote-overlay-down", "cni", "the other node's tunnel device is gone", TC, TC | FACTS},
	{"overlay-blocked", "cni", "tunnel packets leave and nothing comes back", TC, TC | FACTS},
	{"overlay-peer-missing", "cni", "no FDB or neighbour entry for the other node", TC,
	 TC | FACTS, "vxlan-peer,vxlan-out"},
	{"overlay-mismatch", "cni", "tunnel settings differ between nodes", TC, TC | SEEN | FACTS,
	 "vxlan-in"},
	{"overlay-checksum", "cni", "bad outer UDP checksums", ABLE_DROPS, NAMED | TC},
	{"ipam-exhausted", "cni", "no pod address left", FACTS, FACTS},
	{"cni-subnet-mismatch", "cni", "the bridge is not in the node's subnet", FACTS, FACTS},
	{"bridge-netfilter-off", "cni", "bridged replies are not translated back", TC | FACTS,
	 TC | FACTS},
	{"hairpin-off", "cni", "a pod cannot reach itself through its Service", TC, TC | FACTS,
	 "bridge-port"},
	{"masquerade-missing", "cni", "pod traffic leaves with the pod's address", TC, TC | FACTS},
	{"service-rules-missing", "service", "kube-proxy wrote no rule", TC, TC | FACTS},
	{"service-no-endpoints", "service", "the Service has no ready endpoint", TC, TC | FACTS},
	{"service-endpoint-dead", "service", "the endpoint no longer answers", TC, TC | FACTS},
	{"nodeport-refused", "service", "the NodePort is not open", TC, TC | FACTS},
	{"dns-config", "dns", "the pod's resolv.conf is wrong", FACTS, FACTS | TC},
	{"dns-server-unreachable", "dns", "queries reach no server", TC, TC | SEEN | FACTS},
	{"dns-timeout", "dns", "queries are not answered", TC, TC | FACTS},
	{"dns-error", "dns", "the server answers with an error", TC, TC | FACTS},
	{"dns-slow", "dns", "answers come late", TC, TC},
	{"no-reply", "path", "packets left intact and nothing came back", TC, TC | FACTS},
	{"vanished", "path", "lost between two hops with no drop seen", TC, TC | SEEN},
	/* Told by check alone: nothing is lost yet. */
	{"ipam-stale", "cni", "addresses are reserved by pods that are gone", FACTS, FACTS},
	{"cni-conflists", "cni", "more than one network plugin is configured", FACTS, FACTS},
	{"cni-config", "cni", "a CNI configuration cannot be read", FACTS, FACTS},
	{"kube-proxy-absent", "service", "nobody keeps the Service rules up to date", FACTS, FACTS},
};

const size_t fault_catalogue_size = sizeof(fault_catalogue) / sizeof(fault_catalogue[0]);

enum fault_telling fault_told(const struct fault_entry *entry, unsigned abilities)
{
	if (abilities & ABLE_WITNESS)
		abilities |= ABLE_REASONS;
	if (entry->least & ~abilities)
		return TELL_NOT;
	return entry->full & ~abilities ? TELL_WEAKER : TELL_FULL;
}

const struct fault_entry *fault_find(const char *id)
{
	for (size_t i = 0; i < fault_catalogue_size; i++) {
		if (strcmp(fault_catalogue[i].id, id) == 0)
			return &fault_catalogue[i];
	}
	return NULL;
}
