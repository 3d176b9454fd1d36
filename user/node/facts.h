/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Facts: read-only node state that explains a verdict. Each part of a namespace's state
 * is read when it is first asked for (facts_need), by the reader that node/ installs; unit
 * tests fill the arrays and mark the parts as known instead. diagnose/ reads only this.
 *
 * Ports and numbers are host order, addresses network order. Strings are as the kernel
 * or the file gave them: not escaped.
 */
#ifndef CNITRACE_NODE_FACTS_H
#define CNITRACE_NODE_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/array.h"
#include "base/error.h"
#include "packet/address.h"
#include "packet/packet.h"

struct link {
	uint32_t ifindex;
	char name[16];
	char kind
		[16]; /* IFLA_INFO_KIND: "veth", "bridge", "vxlan", "ipip", …; "" for a physical device */
	uint8_t mac[6];
	uint32_t mtu;
	uint32_t flags; /* IFF_UP, IFF_RUNNING, IFF_LOWER_UP, IFF_PROMISC … */
	uint8_t operstate; /* IF_OPER_* (RFC 2863): 6 up, 2 down, 7 lower-layer-down */
	bool carrier;
	uint32_t master; /* ifindex, 0 none */
	uint32_t lower; /* IFLA_LINK: veth peer's or underlying device's ifindex, 0 none */
	bool lower_elsewhere; /* `lower` is an index in another namespace: */
	uint32_t lower_netns; /* its inode when known, else 0 */
	int32_t lower_nsid; /* that namespace as this one numbers it (IFLA_LINK_NETNSID) */
	/* vxlan */
	uint32_t vni;
	uint16_t port;
	struct address local, remote; /* also ipip/gre */
	bool learning, udp_csum;
	/* bridge port (master is a bridge) */
	bool is_port;
	uint8_t port_state; /* BR_STATE_*: 0 disabled, 1 listening, 2 learning, 3 forwarding, 4 blocking */
	bool hairpin, isolated;
	/* bridge itself */
	bool vlan_filtering;
	char qdisc[16];
	uint64_t rx_packets, tx_packets, rx_dropped, tx_dropped, rx_errors, tx_errors;
	uint32_t xdp_prog; /* id of an XDP program, 0 none */
	bool xdp_generic; /* it runs in the kernel's generic hook, not in the driver's */
};

struct link_address {
	uint32_t ifindex;
	struct address address;
	uint8_t prefix_len;
	uint8_t scope; /* RT_SCOPE_* */
	uint32_t flags; /* IFA_F_* (duplicate address, tentative) */
};

struct route {
	struct address dst; /* version says the family; the default route has prefix_len 0 */
	uint8_t prefix_len;
	struct address gateway, prefsrc; /* version 0: none */
	uint32_t ifindex; /* output device (of the first next hop), 0 none */
	uint32_t table;
	uint8_t type; /* RTN_UNICAST 1, LOCAL 2, BROADCAST 3, BLACKHOLE 6, UNREACHABLE 7, PROHIBIT 8, THROW 9 */
	uint8_t scope, protocol;
	uint32_t metric, mtu;
	uint32_t flags; /* RTNH_F_ONLINK, RTNH_F_DEAD, RTNH_F_LINKDOWN */
	uint16_t next_hops; /* 1, or more for multipath */
};

struct policy_rule { /* ip rule */
	uint8_t version;
	uint32_t priority, table;
	uint8_t action; /* FR_ACT_* : 1 table, 6 blackhole, 7 unreachable, 8 prohibit */
	struct address src, dst;
	uint8_t src_len, dst_len;
	char iif[16], oif[16];
	uint32_t mark, mask;
	bool invert;
	bool undecided; /* selects by more than this (ports, uid, l3mdev, …) */
};

struct neighbour {
	uint32_t ifindex;
	struct address address;
	uint8_t mac[6];
	bool has_mac, proxy;
	uint16_t
		state; /* NUD_*: 0x01 incomplete, 0x02 reachable, 0x04 stale, 0x20 failed, 0x40 noarp, 0x80 permanent */
};

struct fdb_entry {
	uint32_t ifindex; /* bridge port or vxlan device */
	uint8_t mac[6];
	struct address dst; /* vxlan: the VTEP's underlay address */
	uint32_t master; /* bridge, 0 none */
	uint16_t state;
	bool local; /* the bridge's own or the port's own address */
};

struct socket_fact {
	uint8_t version; /* 4 or 6 */
	uint8_t proto; /* IPPROTO_TCP, IPPROTO_UDP */
	uint8_t state; /* TCP_LISTEN 10, TCP_ESTABLISHED 1 …; UDP: 7 unconnected, 1 connected */
	struct address local,
		remote; /* unspecified: all zero with version set; a dual-stack [::] has v6only false */
	uint16_t local_port, remote_port;
	bool v6only;
	uint32_t receive_queue, send_queue; /* LISTEN: accept queue length and its limit */
	uint32_t receive_buffer, drops; /* SK_MEMINFO_RCVBUF, SK_MEMINFO_DROPS */
	uint64_t inode;
	uint32_t uid, pid; /* pid 0: not found */
	char comm[32];
	char container[64]; /* the process's, by name or by id, "" none or unknown */
};

/* Netfilter, the same shape for iptables-legacy, iptables-nft and nftables. */
enum rule_backend { RULES_LEGACY, RULES_NFT };
enum rule_verdict {
	RULE_CONTINUE,
	RULE_ACCEPT,
	RULE_DROP,
	RULE_REJECT,
	RULE_JUMP,
	RULE_GOTO,
	RULE_RETURN,
	RULE_DNAT,
	RULE_SNAT,
	RULE_MASQUERADE,
	RULE_REDIRECT,
	RULE_MARK,
	RULE_QUEUE,
	RULE_OTHER
};

/* What a component of an nftables set's key is compared with. */
enum rule_field {
	RULE_FIELD_NONE,
	RULE_FIELD_SRC,
	RULE_FIELD_DST,
	RULE_FIELD_PROTO,
	RULE_FIELD_SPORT,
	RULE_FIELD_DPORT,
	RULE_FIELD_IIF,
	RULE_FIELD_OIF,
	RULE_FIELD_MARK,
	RULE_FIELD_CT_STATE,
	RULE_FIELD_ICMP_TYPE,
	RULE_FIELD_ANY /* not known from the packet (numgen, jhash, …): every element may match */
};

struct rule_lookup {
	uint32_t set; /* index + 1 into ruleset.sets, 0 none */
	bool invert;
	uint8_t field_count;
	uint8_t fields[5]; /* enum rule_field, in the order of the key */
};

struct rule_ports { /* iptables -m multiport */
	bool source, destination; /* both: either may match */
	bool invert;
	uint8_t count;
	uint16_t min[15], max[15];
};

struct filter_rule {
	uint32_t index; /* from 1 in its chain, as iptables -L --line-numbers counts */
	uint64_t handle; /* nftables handle, 0 legacy */
	enum rule_verdict verdict;
	char target[32]; /* chain jumped to, or the target's name: "DROP", "REJECT", "KUBE-SVC-…" */
	bool has_counter;
	uint64_t packets, bytes;
	char *text; /* as iptables-save (iptables) or nft list (nftables) would show it, allocated */
	char *comment; /* allocated, NULL none: read it with rule_comment() */
	/* What could be decoded for matching; any_* false means "matches all". */
	struct address src, dst; /* version 0: any */
	uint8_t src_len, dst_len;
	bool not_src, not_dst;
	char iif[16], oif[16]; /* "" any; a trailing '+' is a prefix */
	bool not_iif, not_oif;
	uint8_t proto; /* 0 any */
	bool not_proto;
	uint16_t sport_min, sport_max, dport_min, dport_max; /* max 0: any */
	uint8_t icmp_type;
	bool has_icmp_type;
	uint8_t ct_state; /* bit mask of RULE_CT_*, 0 any */
	uint32_t mark, mark_mask; /* matches (mark & mark_mask) == mark when mark_mask != 0 */
	bool undecided; /* has matches beyond these (ipset, addrtype, statistic, …): it may or may not match */
	struct address to; /* DNAT / SNAT target, version 0 none */
	uint16_t to_port;
	char reject_with[32];
	uint32_t set_mark, set_mark_mask; /* RULE_MARK */
	/* More that could be decoded; all 0 means "matches all" here too. */
	uint32_t
		target_chain; /* RULE_JUMP, RULE_GOTO: index + 1 into ruleset.chains; 0: look for `target` */
	bool verdict_map; /* the verdict is that of the element found by lookups[0] */
	struct rule_lookup lookups[2];
	struct rule_ports *ports; /* allocated, NULL none */
	bool not_sport, not_dport, not_icmp_type, not_mark;
	uint8_t nfproto; /* in an inet chain: only IPv4 (4) or IPv6 (6); 0 both */
	bool dst_local; /* the destination must be an address of this namespace */
	bool has_icmp_code;
	uint8_t icmp_code;
	uint8_t tcp_mask,
		tcp_flags; /* matches (flags & tcp_mask) == tcp_flags when tcp_mask != 0 */
	float chance; /* undecided, but it matches with this probability (statistic, numgen); 0 unknown */
};
static inline const char *rule_comment(const struct filter_rule *rule)
{
	return rule->comment ? rule->comment : "";
}

#define RULE_CT_INVALID 1
#define RULE_CT_ESTABLISHED 2
#define RULE_CT_RELATED 4
#define RULE_CT_NEW 8
#define RULE_CT_UNTRACKED 16

struct filter_chain {
	enum rule_backend backend;
	uint8_t family; /* 4, 6, or NFPROTO_INET 1, ARP 3, NETDEV 5, BRIDGE 7 as in nftables; 4 and 6 stand for ip and ip6 */
	char table[64], name[64];
	bool base; /* hooked */
	char hook
		[16]; /* "PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING", "INGRESS", "EGRESS" */
	char type[16]; /* "filter", "nat", "route"; iptables: by table */
	int32_t priority;
	bool policy_drop;
	bool has_policy_counter;
	uint64_t policy_packets, policy_bytes;
	char device[16]; /* netdev family */
	bool iptables; /* made by iptables (legacy, or nft back end): show iptables commands */
	char *long_name; /* allocated: the whole name where `name` is cut, else NULL */
	bool unread; /* its rules are read when they are asked for: by ruleset_chain() */
	ARRAY(struct filter_rule) rules;
};

/* An element of an nftables set or map. Key bytes as in the kernel's registers: each component padded to 4
 * bytes; addresses and ports network order, marks and numbers host order, names NUL-padded to 16. */
struct rule_element {
	uint8_t key[40], key_end[40]; /* a range, both ends included; equal for a single key */
	enum rule_verdict verdict; /* verdict maps */
	uint32_t target_chain; /* as in filter_rule */
	struct address to; /* maps of addresses; version 0 none */
	uint16_t to_port;
	char *comment; /* allocated, NULL none */
};

struct rule_set {
	uint8_t family; /* as in filter_chain */
	char table[64], name[64];
	uint8_t key_len;
	bool is_map, anonymous;
	bool incomplete; /* more elements than are kept, or they could not be read */
	bool unread; /* its elements are read when they are asked for: by ruleset_set() */
	ARRAY(struct rule_element) elements;
};

struct ipvs_service { /* a virtual server; those by firewall mark have no address and are left out */
	struct address address;
	uint8_t proto;
	uint16_t port;
	uint32_t first, count; /* of ruleset.ipvs_servers */
};

struct ipvs_server { /* a real server: an endpoint */
	struct address address;
	uint16_t port;
	uint32_t weight; /* 0: gets no new connections */
};

struct ruleset;

/* Of thousands of Services' chains a packet meets few: a back end may leave them unread, and itself here. */
struct ruleset_source {
	/* Each fills one of the ruleset's chains (sets), as far as it can; neither adds or removes any. */
	void (*read_chain)(struct ruleset *ruleset, void *data, size_t index);
	void (*read_set)(struct ruleset *ruleset, void *data, size_t index);
	void (*close)(void *data);
	void *data;
};

struct ruleset {
	ARRAY(struct filter_chain) chains;
	ARRAY(struct rule_set) sets; /* those that rules look up */
	ARRAY(struct ipvs_service) ipvs;
	ARRAY(struct ipvs_server) ipvs_servers;
	ARRAY(char *) unread; /* sentences: what could not be read */
	struct ruleset_source sources[2]; /* by back end; zeroes: all is read, or will not be */
	bool passed_over; /* kept for its counters, without chains that never drop */
};

/* The same chain (set) of this ruleset, with its rules (elements) read if they can be. */
const struct filter_chain *ruleset_chain(const struct ruleset *ruleset,
					 const struct filter_chain *chain);
const struct rule_set *ruleset_set(const struct ruleset *ruleset, const struct rule_set *set);
/* Chains of single Services and endpoints as kube-proxy names them; thousands of them, and none drops. */
bool filter_chain_of_service(const struct filter_chain *chain);
/* Those, and iptables' nat tables. */
bool filter_chain_never_drops(const struct filter_chain *chain);

struct pod {
	char namespace[256], name[256];
	char uid[64], container_id[80];
	char netns_path[256]; /* as it can be opened here */
	uint32_t netns; /* inode, 0 gone */
	uint32_t pid; /* a process of it, 0 unknown */
	struct address addresses[4];
	uint8_t address_count;
	uint8_t prefix_len[4];
	struct address gateway, gateway6; /* version 0: its CNI result names none */
	char ifname[16]; /* inside */
	char host_name[16]; /* the host's end */
	uint32_t host_ifindex;
	uint32_t mtu, host_mtu;
	bool host_network;
	char cni_network[64];
	char source[32]; /* where the name is from: "cni-results", "cri", "cgroup", "docker" */
};

struct container { /* of a pod, and with a process that lives now; the sandbox's (pause) is none */
	uint32_t netns; /* inode */
	char pod_uid[40]; /* as its cgroup has it */
	char id[72]; /* 64 hex digits */
	char name[64]; /* as the pod's specification has it, "" when no file of the runtime tells */
};

struct reservation { /* host-local: one file per address */
	struct address address;
	char network[64];
	char container_id[80], ifname[16];
	bool stale; /* no living sandbox holds it */
};

struct cni_range {
	struct address subnet, first, last, gateway;
	uint8_t prefix_len;
};

struct cni_conf {
	char file[256]; /* name in /etc/cni/net.d */
	char name[64];
	char type[32]; /* of the first plugin: "bridge", "flannel", "calico", … */
	char bridge[16];
	uint32_t mtu;
	bool ip_masq, hairpin, is_gateway;
	char ipam_type[32];
	ARRAY(struct cni_range) ranges;
	char error[128]; /* why it could not be parsed, "" fine */
};

struct node_config {
	bool has_subnet_env;
	struct address flannel_network,
		flannel_subnet; /* subnet: the gateway address flannel writes */
	uint8_t flannel_network_len, flannel_subnet_len;
	struct address flannel_network6, flannel_subnet6; /* dual stack; version 0 without */
	uint8_t flannel_network6_len, flannel_subnet6_len;
	uint32_t flannel_mtu;
	bool flannel_ipmasq;
	ARRAY(struct cni_conf) confs; /* lexical order: the first wins */
	ARRAY(struct reservation) reservations;
	char hostname[256];
};

struct resolv_conf {
	bool known;
	struct address nameservers[8];
	uint8_t nameserver_count;
	char search[8][256];
	uint8_t search_count;
	uint8_t ndots;
	char path[320]; /* the file it was read from, as it can be opened here */
	bool single_request_reopen, single_request, use_vc, rotate;
	uint8_t timeout, attempts;
};

struct conntrack_entry {
	struct tuple original, reply;
	uint32_t mark, status; /* IPS_* */
	uint8_t tcp_state;
};

struct conntrack_stats {
	uint64_t count, max;
	uint64_t found, invalid, insert, insert_failed, drop, early_drop, search_restart;
};

struct qdisc_fact {
	uint32_t ifindex, handle, parent;
	char kind[16];
	uint64_t bytes, packets;
	uint32_t drops, overlimits, backlog, qlen, limit;
};

struct program_fact { /* somebody's BPF program or tc classifier on a device, or a cgroup's program */
	uint32_t ifindex;
	uint32_t id; /* of the BPF program, 0: none (a classifier of another kind) */
	char hook
		[16]; /* "xdp", "tcx ingress", "tcx egress", "tc ingress", "tc egress", "cgroup ingress", "cgroup egress" */
	char kind[16]; /* "bpf", "flower", … */
	char name[32]; /* the BPF program's, "" unknown */
	/* tc: what "tc filter delete" needs to find it */
	uint16_t priority, protocol; /* protocol: ETH_P_* */
	uint32_t handle;
};

struct counter_fact { /* one number of /proc/net/snmp, snmp6 or netstat: "Ip.FragFails", "TcpExt.ListenOverflows" */
	char name[48];
	uint64_t value;
};

/* Parts of a namespace's state that are read on demand. */
enum fact_part {
	FACT_LINKS = 1 << 0,
	FACT_ADDRESSES = 1 << 1,
	FACT_ROUTES = 1 << 2, /* and policy rules */
	FACT_NEIGHBOURS = 1 << 3,
	FACT_FDB = 1 << 4,
	FACT_SOCKETS = 1 << 5,
	FACT_RULES = 1 << 6, /* netfilter, as of now */
	FACT_QDISCS = 1 << 7,
	FACT_CONNTRACK = 1 << 8, /* statistics only */
	FACT_COUNTERS = 1 << 9,
	FACT_PROGRAMS = 1 << 12, /* needs FACT_LINKS with it */
	/* Not of one namespace; for facts_forget only. */
	FACT_SYSCTLS = 1 << 10,
	FACT_CONFIG = 1 << 11,
};

struct netns_facts {
	uint64_t
		cookie; /* of the one its links were read from last (netns_own_cookie); 0: not known */
	uint32_t inode;
	char path[256]; /* openable: /proc/PID/ns/net or /var/run/netns/… */
	char label[64]; /* for people: "node", a pod's "ns/name", or the file's name */
	uint32_t known; /* fact_part bits that have been read */
	uint32_t failed; /* … and that could not be read: error says why */
	bool barred; /* it may not be entered: nothing but its name and inode is known of it */
	bool sockets_cut; /* there are more sockets than are read */
	bool processes_known; /* the sockets' processes have been looked for */
	char error[256];
	ARRAY(struct link) links;
	ARRAY(struct link_address) addresses;
	ARRAY(struct route) routes;
	ARRAY(struct policy_rule) policy_rules;
	ARRAY(struct neighbour) neighbours;
	ARRAY(struct fdb_entry) fdb;
	ARRAY(struct socket_fact) sockets;
	ARRAY(struct qdisc_fact) qdiscs;
	ARRAY(struct counter_fact) counters;
	ARRAY(struct program_fact) programs;
	struct ruleset rules; /* now */
	struct ruleset rules_before; /* at the start of the trace, empty when not taken */
	bool has_rules_before;
	struct conntrack_stats conntrack, conntrack_before;
	bool has_conntrack_before;
};

struct route_query {
	struct address dst, src; /* src version 0: not given */
	char iif[16]; /* "" for locally made packets */
	uint32_t mark;
	uint8_t proto;
	uint16_t sport, dport;
};

struct route_answer {
	int error; /* 0, or the negative errno the kernel answers (-ENETUNREACH, -EHOSTUNREACH, -EACCES, -EINVAL) */
	uint8_t type; /* RTN_* */
	uint32_t ifindex, table, mtu;
	struct address gateway, prefsrc;
};

struct facts;

/* How parts are read; tests leave it NULL, then only what they filled is known. */
struct facts_reader {
	/* Reads `part` (one bit) into ns; 0 or negative errno with a sentence in ns->error. */
	int (*read)(struct facts *facts, struct netns_facts *ns, enum fact_part part);
	/* What the kernel answers for this packet. 0 when asked, negative errno when it could not be. */
	int (*route)(struct facts *facts, struct netns_facts *ns, const struct route_query *query,
		     struct route_answer *answer);
	/* "net.ipv4.ip_forward" → its text. 0, 1 when the machine's first namespace alone can set it, or negative errno. */
	int (*sysctl)(struct facts *facts, struct netns_facts *ns, const char *name, char *value,
		      size_t size);
	int (*conntrack)(struct facts *facts, struct netns_facts *ns, const struct tuple *tuple,
			 struct conntrack_entry *entry);
	int (*config)(struct facts *facts, struct node_config *config);
	int (*resolv_conf)(struct facts *facts, const struct pod *pod, struct resolv_conf *conf);
	/* Fills pid, comm and container of ns's sockets: a scan of its processes' open files, so only on demand. */
	int (*processes)(struct facts *facts, struct netns_facts *ns);
	/* Writes the container of a process, by name or by id. 0 or negative errno. */
	int (*container)(struct facts *facts, uint32_t pid, char *name, size_t size);
	/* As facts_cgroup_programs. */
	int (*cgroup_programs)(struct facts *facts, struct netns_facts *ns, uint64_t cgroup,
			       bool egress, struct program_fact *programs, size_t max);
};

struct sysctl_fact { /* for tests, and a cache for the reader */
	uint32_t netns;
	char name[96], value[64];
	int error;
	bool of_machine; /* set in the machine's first namespace, for others as well */
};

struct facts {
	const struct facts_reader *reader;
	void *reader_data;
	char root[256]; /* the node's file system, "" for / */
	uint32_t node_netns;
	ARRAY(struct netns_facts *) namespaces;
	ARRAY(struct pod) pods;
	ARRAY(struct container) containers; /* of those pods, by name */
	ARRAY(struct sysctl_fact) sysctls;
	struct node_config config;
	bool config_known, config_failed;
	ARRAY(char *) gaps; /* sentences: what could not be read; each lowers confidence */
};

/* The namespace with that inode, NULL when it is not one of this node's. */
struct netns_facts *facts_netns(struct facts *facts, uint32_t inode);
struct netns_facts *facts_add_netns(struct facts *facts, uint32_t inode, const char *path,
				    const char *label);
/* Forgets a namespace and all that was read of it. */
void facts_remove_netns(struct facts *facts, uint32_t inode);
/* Makes `parts` (fact_part bits) known. True when all of them are; what fails is noted once in facts->gaps. */
bool facts_need(struct facts *facts, struct netns_facts *ns, uint32_t parts);
/* Forgets parts so that they are read anew when next needed. */
void facts_forget(struct facts *facts, uint32_t parts);
const struct node_config *facts_config(struct facts *facts); /* NULL: could not be read */
bool facts_sysctl(struct facts *facts, struct netns_facts *ns, const char *name, long *value);
/* "", or what to put before a command that sets it: "nsenter -t 1 -n " where only the machine's first namespace can. */
const char *facts_sysctl_enter(struct facts *facts, struct netns_facts *ns, const char *name);
/* Kernel's answer through the reader, else a longest-prefix look-up over ns->routes (main table). False: unknown. */
bool facts_route(struct facts *facts, struct netns_facts *ns, const struct route_query *query,
		 struct route_answer *answer);
const struct link *facts_link(struct facts *facts, struct netns_facts *ns, uint32_t ifindex);
const struct link *facts_link_named(struct facts *facts, struct netns_facts *ns, const char *name);
const struct pod *facts_pod_of_address(struct facts *facts, struct address address);
const struct pod *facts_pod_of_netns(struct facts *facts, uint32_t inode);
const struct pod *
facts_pod_named(struct facts *facts,
		const char *name); /* "ns/name", or "name" when it is the only one */
/* A counter by name ("TcpExt.ListenOverflows", "Ip6.InDiscards", "Softnet.cpu0.Dropped"). False: unknown. */
bool facts_counter(struct facts *facts, struct netns_facts *ns, const char *name, uint64_t *value);
/* Looks once for the processes of ns's sockets. True when this one's is known. */
bool facts_socket_process(struct facts *facts, struct netns_facts *ns,
			  const struct socket_fact *socket);
/* Is it a container of this pod? */
bool facts_container_of(const struct container *container, const struct pod *pod);
/*
 * The containers of a pod, "web" or "web,sidecar", by name or the first 12 digits of the id; more than fit end in "…".
 * "" when none is known. A name without a comma is the only one the pod has. Returns text.
 */
const char *facts_containers(const struct facts *facts, const struct pod *pod, char *text,
			     size_t size);
/* The container of a process: as its cgroup has it. False: in none, gone or unknown. */
bool facts_process_container(struct facts *facts, uint32_t pid, char *name, size_t size);
/*
 * BPF programs that decide on what a cgroup's sockets send (or receive); how many, at most `max`, or a negative
 * errno. `cgroup`: its number (kernfs_node.id), 0: those of the namespace's processes.
 */
int facts_cgroup_programs(struct facts *facts, struct netns_facts *ns, uint64_t cgroup, bool egress,
			  struct program_fact *programs, size_t max);
bool facts_resolv_conf(struct facts *facts, const struct pod *pod, struct resolv_conf *conf);
/* Makes gaps of what a reading of rules says that it could not read. */
void facts_rules_gaps(struct facts *facts);
void facts_gap(struct facts *facts, const char *format, ...) __attribute__((format(printf, 2, 3)));
struct facts *facts_new(void);
void facts_free(struct facts *facts);

/* The production reader: netlink, /proc, /sys, files under facts->root. See node/reader.c. */
extern const struct facts_reader node_reader;

#endif
