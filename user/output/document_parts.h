/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pieces that several documents share: names of devices and pods, flows, packets,
 * encapsulations. Private to user/output/document_*.c.
 *
 * put_* add one field to an object. A string that is not valid UTF-8 is escaped, an
 * empty string or an absent number is left out, so that a field that is there is known.
 */
#ifndef CNITRACE_OUTPUT_DOCUMENT_PARTS_H
#define CNITRACE_OUTPUT_DOCUMENT_PARTS_H

#include "output/document.h"

/* A new object with "type" and "time_ns" (CLOCK_REALTIME). */
struct json_object *document_new(const char *type, int64_t time_ns);
int64_t document_now(void);
/* A record's time as wall clock. */
int64_t document_time(const struct names *names, uint64_t monotonic_ns);

/* Keys are literals: they are not copied. Takes ownership of `value`. */
void put_object(struct json_object *object, const char *key, struct json_object *value);
struct json_object *document_string(const char *text);
void put_text(struct json_object *object, const char *key, const char *text);
void put_number(struct json_object *object, const char *key, uint64_t number);
void put_signed(struct json_object *object, const char *key, int64_t number);
/* Left out when 0. */
void put_nonzero(struct json_object *object, const char *key, uint64_t number);
/* Left out when false. */
void put_flag(struct json_object *object, const char *key, bool value);
void put_address(struct json_object *object, const char *key, struct address address);

const struct device *names_device(const struct names *names, uint32_t netns, uint32_t ifindex);
/* The pod that holds an address ("ns/name"), NULL none. */
const char *names_pod_of(const struct names *names, struct address address);
/* Label of a namespace: "node", a pod's "ns/name", a file's name; NULL unknown. */
const char *names_netns(const struct names *names, uint32_t netns);

/*
 * "web" as text at `one`, "web,sidecar" as a list of names at `all`: what is known to be one container, and what may be
 * any of several. Nothing for "".
 */
void put_containers(struct json_object *object, const char *one, const char *all,
		    const char *containers);
/* The pod's containers, [{name, id}]. */
struct json_object *document_containers(const struct pod *pod, const struct facts *facts);
/* device, ifindex, role, netns, netns_name, pod and its containers of a place. */
void put_place(struct json_object *object, const struct names *names, uint32_t netns,
	       uint32_t ifindex);

/* {proto, src, sport, dst, dport, src_pod, dst_pod, and containers of these}. `ports`: the protocol has them. */
struct json_object *document_flow(const struct tuple *tuple, const char *proto,
				  const struct names *names);
/* The flow of a packet, ARP and ICMP included. */
struct json_object *document_packet_flow(const struct packet *packet, const struct names *names);
struct json_object *document_packet(const struct packet *packet);
struct json_object *document_encap(const struct encap *encap);
/* [{name, says}]: what probes said. `ip_version`: of what they speak of. */
struct json_object *document_witnesses(const struct witness_info *infos, unsigned count,
				       uint8_t ip_version);
const char *encap_name(unsigned kind); /* "vxlan", "geneve", "ipip" */
/* tcpdump's letters, "S.", "P.", "none". */
void tcp_flags_text(uint8_t flags, char text[16]);
/* What an answer is, for people: "RST", "ICMP port unreachable"; "" when it is none. */
void answer_text(const struct packet *answer, char text[64]);
/* "echo request", "port unreachable", …; NULL when it has no name here. */
const char *icmp_name(uint8_t ip_version, uint8_t type, uint8_t code);

#endif
