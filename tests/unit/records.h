/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Records and packets for tests, written as the BPF programs would write them: set the
 * fields of a struct test_record, add tails, and record_write() lays it out. Also a small
 * node to trace on: pods A and B on cni0, flannel.1, eth0.
 */
#ifndef CNITRACE_TESTS_RECORDS_H
#define CNITRACE_TESTS_RECORDS_H

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "packet/packet.h"
#include "packet/topology.h"

#define RECORD_ROOM 1536

struct test_record {
	struct record head;
	struct encap encap;
	struct quoted quoted;
	struct drop_info drop;
	uint64_t stack[RECORD_MAX_STACK];
	struct refused_info refused;
	struct witness_list witness_list;
	struct witness_info witnesses[WITNESS_MAX];
	uint8_t payload[RECORD_MAX_PAYLOAD];
	uint16_t payload_len;
};

static inline size_t record_put(uint8_t *bytes, size_t at, const void *tail, size_t size)
{
	memcpy(bytes + at, tail, size);
	return at + ((size + 7) & ~(size_t)7);
}

/* Lays out the record as head.tails says; sets its size. Returns it. `bytes` must be 8-byte aligned. */
static inline size_t record_write(struct test_record *r, void *bytes)
{
	size_t at = sizeof(r->head);

	memset(bytes, 0, RECORD_ROOM);
	if (r->head.tails & TAIL_ENCAP)
		at = record_put(bytes, at, &r->encap, sizeof(r->encap));
	if (r->head.tails & TAIL_QUOTED)
		at = record_put(bytes, at, &r->quoted, sizeof(r->quoted));
	if (r->head.tails & TAIL_DROP)
		at = record_put(bytes, at, &r->drop, sizeof(r->drop));
	if (r->head.tails & TAIL_STACK)
		at = record_put(bytes, at, r->stack, r->drop.stack_depth * sizeof(uint64_t));
	if (r->head.tails & TAIL_REFUSED)
		at = record_put(bytes, at, &r->refused, sizeof(r->refused));
	if (r->head.tails & TAIL_WITNESS) {
		at = record_put(bytes, at, &r->witness_list, sizeof(r->witness_list));
		at = record_put(bytes, at, r->witnesses,
				r->witness_list.count * sizeof(r->witnesses[0]));
	}
	if (r->head.tails & TAIL_PAYLOAD) {
		uint8_t tail[2 + RECORD_MAX_PAYLOAD];

		memcpy(tail, &r->payload_len, 2);
		memcpy(tail + 2, r->payload, r->payload_len);
		at = record_put(bytes, at, tail, 2 + r->payload_len);
	}
	r->head.size = (uint16_t)at;
	memcpy(bytes, &r->head, sizeof(r->head));
	return at;
}

static inline struct test_record record_make(enum record_type type, uint64_t time_ns, uint64_t skb,
					     uint32_t netns, uint32_t ifindex, struct packet packet)
{
	struct test_record r;

	memset(&r, 0, sizeof(r));
	r.head.type = (uint8_t)type;
	r.head.time_ns = time_ns;
	r.head.skb = skb;
	r.head.netns = netns;
	r.head.ifindex = ifindex;
	r.head.packet = packet;
	if (type == RECORD_DROP)
		r.head.tails = TAIL_DROP;
	if (type == RECORD_REFUSED)
		r.head.tails = TAIL_REFUSED;
	return r;
}

/* A packet between two addresses given as text; lengths: 20 or 40 bytes of IP header. */
static inline struct packet packet_make(const char *src, const char *dst, uint8_t proto)
{
	struct packet p;

	memset(&p, 0, sizeof(p));
	p.ip_version = strchr(src, ':') ? 6 : 4;
	p.ethertype = p.ip_version == 6 ? 0x86dd : 0x0800;
	if (inet_pton(p.ip_version == 6 ? AF_INET6 : AF_INET, src, p.src) != 1 ||
	    inet_pton(p.ip_version == 6 ? AF_INET6 : AF_INET, dst, p.dst) != 1) {
		fprintf(stderr, "bad address in a test: %s, %s\n", src, dst);
		abort();
	}
	p.proto = proto;
	p.ttl = 64;
	p.header_len = p.ip_version == 6 ? 40 : 20;
	p.len = p.header_len;
	return p;
}

static inline struct packet packet_tcp(const char *src, uint16_t sport, const char *dst,
				       uint16_t dport, uint8_t flags, uint32_t seq, uint32_t ack,
				       uint32_t payload)
{
	struct packet p = packet_make(src, dst, IPPROTO_TCP);

	p.sport = sport;
	p.dport = dport;
	p.tcp_flags = flags;
	p.seq = seq;
	p.ack = ack;
	p.frag = PACKET_FRAG_DF;
	p.header_len += 20;
	p.len = p.header_len + payload;
	p.ip_id = p.ip_version == 4 ? (uint16_t)(seq * 31 + ack + flags + 7) : 0;
	return p;
}

static inline struct packet packet_udp(const char *src, uint16_t sport, const char *dst,
				       uint16_t dport, uint16_t ip_id, uint32_t payload)
{
	struct packet p = packet_make(src, dst, IPPROTO_UDP);

	p.sport = sport;
	p.dport = dport;
	p.ip_id = ip_id;
	p.header_len += 8;
	p.len = p.header_len + payload;
	return p;
}

static inline struct packet packet_ping(const char *src, const char *dst, bool reply, uint16_t id,
					uint16_t seq, uint16_t ip_id, uint32_t payload)
{
	bool v6 = strchr(src, ':') != NULL;
	struct packet p = packet_make(src, dst, v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);

	p.icmp_type = v6 ? (reply ? 129 : 128) : (reply ? 0 : 8);
	p.seq = (uint32_t)id << 16 | seq;
	p.ip_id = v6 ? 0 : ip_id;
	p.header_len += 8;
	p.len = p.header_len + payload;
	return p;
}

/* An ICMPv4 error; the record also needs its TAIL_QUOTED. */
static inline struct packet packet_error(const char *src, const char *dst, uint8_t type,
					 uint8_t code, uint32_t mtu, uint16_t ip_id)
{
	struct packet p = packet_make(src, dst, IPPROTO_ICMP);

	p.icmp_type = type;
	p.icmp_code = code;
	p.ack = mtu;
	p.ip_id = ip_id;
	p.header_len += 8;
	p.len = p.header_len + 60;
	return p;
}

static inline struct packet packet_translate(struct packet p, const char *src, uint16_t sport,
					     const char *dst, uint16_t dport)
{
	struct packet q = packet_make(src, dst, p.proto);

	memcpy(p.src, q.src, 16);
	memcpy(p.dst, q.dst, 16);
	if (p.proto == IPPROTO_TCP || p.proto == IPPROTO_UDP) {
		p.sport = sport;
		p.dport = dport;
	}
	return p;
}

static inline struct encap encap_vxlan(const char *src, const char *dst, uint32_t inner_len,
				       uint16_t ip_id)
{
	struct packet outer = packet_make(src, dst, IPPROTO_UDP);
	struct encap e;

	memset(&e, 0, sizeof(e));
	memcpy(e.src, outer.src, 16);
	memcpy(e.dst, outer.dst, 16);
	e.kind = ENCAP_VXLAN;
	e.ip_version = outer.ip_version;
	e.vni = 1;
	e.len = inner_len + 50;
	e.sport = 45678;
	e.dport = 8472;
	e.ip_id = ip_id;
	e.ttl = 64;
	return e;
}

static inline struct quoted quote(struct packet packet)
{
	struct quoted q;

	memset(&q, 0, sizeof(q));
	q.packet = packet;
	return q;
}

/* The node of the tests. */
#define NODE_NS 100u
#define POD_A_NS 201u
#define POD_B_NS 202u
enum { DEV_LO = 1, DEV_ETH0 = 2, DEV_CNI0 = 3, DEV_FLANNEL = 4, DEV_VETH_A = 10, DEV_VETH_B = 11 };
#define POD_ETH0 2u /* inside a pod */
#define ADDR_A "10.244.1.10"
#define ADDR_B "10.244.1.11"
#define ADDR_REMOTE "10.244.2.10"
#define ADDR_SERVICE "10.96.0.20"
#define ADDR_NODE "192.168.1.11"
#define ADDR_NODE2 "192.168.1.12"
#define ADDR_CNI0 "10.244.1.1"

static inline void topology_put_device(struct topology *t, uint32_t netns, uint32_t ifindex,
				       const char *name, const char *kind, enum device_role role,
				       bool traced, const char *pod)
{
	struct device *d = array_push(&t->devices);

	d->netns = netns;
	d->ifindex = ifindex;
	snprintf(d->name, sizeof(d->name), "%s", name);
	snprintf(d->kind, sizeof(d->kind), "%s", kind);
	snprintf(d->pod, sizeof(d->pod), "%s", pod);
	d->role = role;
	d->mtu = 1450;
	d->traced = traced;
}

static inline void topology_put_address(struct topology *t, uint32_t netns, const char *text)
{
	struct local_address *local = array_push(&t->addresses);

	local->netns = netns;
	if (!address_parse(text, &local->address))
		abort();
}

static inline void topology_example(struct topology *t)
{
	memset(t, 0, sizeof(*t));
	t->node_netns = NODE_NS;
	topology_put_device(t, NODE_NS, DEV_LO, "lo", "", ROLE_LOOPBACK, false, "");
	topology_put_device(t, NODE_NS, DEV_ETH0, "eth0", "device", ROLE_UPLINK, true, "");
	topology_put_device(t, NODE_NS, DEV_CNI0, "cni0", "bridge", ROLE_BRIDGE, true, "");
	topology_put_device(t, NODE_NS, DEV_FLANNEL, "flannel.1", "vxlan", ROLE_TUNNEL, true, "");
	topology_put_device(t, NODE_NS, DEV_VETH_A, "vetha", "veth", ROLE_POD, true, "default/a");
	topology_put_device(t, NODE_NS, DEV_VETH_B, "vethb", "veth", ROLE_POD, true, "default/b");
	t->devices.items[t->devices.count - 2].peer_netns = POD_A_NS;
	t->devices.items[t->devices.count - 1].peer_netns = POD_B_NS;
	topology_put_device(t, POD_A_NS, POD_ETH0, "eth0", "veth", ROLE_INSIDE, false, "default/a");
	topology_put_device(t, POD_B_NS, POD_ETH0, "eth0", "veth", ROLE_INSIDE, false, "default/b");
	topology_put_address(t, NODE_NS, ADDR_NODE);
	topology_put_address(t, NODE_NS, ADDR_CNI0);
	topology_put_address(t, NODE_NS, "10.244.1.0");
	topology_put_address(t, POD_A_NS, ADDR_A);
	topology_put_address(t, POD_B_NS, ADDR_B);
}

#endif
