// SPDX-License-Identifier: GPL-2.0-only
/*
 * The shared pieces of documents: typed fields, and names for numbers. It knows how a
 * thing is spelled in JSON; it does not know what a document consists of.
 */
#include "output/document_parts.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "packet/witness_text.h"

int64_t document_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

int64_t document_time(const struct names *names, uint64_t monotonic_ns)
{
	return (int64_t)monotonic_ns + names->wall_offset_ns;
}

struct json_object *document_new(const char *type, int64_t time_ns)
{
	struct json_object *document = json_object_new_object();

	put_text(document, "type", type);
	put_signed(document, "time_ns", time_ns);
	return document;
}

/* True when all of `text` is well-formed UTF-8 (RFC 3629); control characters are JSON's own business. */
static bool utf8_valid(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;

	while (*s) {
		unsigned length = *s < 0x80 ? 1 : *s < 0xc2 ? 0 : *s < 0xe0 ? 2 : *s < 0xf0 ? 3 : 4;

		if (!length || *s > 0xf4)
			return false;
		for (unsigned i = 1; i < length; i++) {
			if ((s[i] & 0xc0) != 0x80)
				return false;
		}
		if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
		    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
			return false;
		s += length;
	}
	return true;
}

struct json_object *document_string(const char *text)
{
	struct json_object *string;
	char *escaped;
	size_t size;

	if (utf8_valid(text))
		return json_object_new_string(text);
	size = strlen(text) * 4 + 5;
	escaped = malloc(size);
	if (!escaped)
		return json_object_new_string("");
	string = json_object_new_string(text_escape(escaped, size, text));
	free(escaped);
	return string;
}

/* Every key given to put_* is a literal, so it is not copied: documents are made for each journey. */
void put_object(struct json_object *object, const char *key, struct json_object *value)
{
	json_object_object_add_ex(object, key, value, JSON_C_OBJECT_ADD_CONSTANT_KEY);
}

void put_text(struct json_object *object, const char *key, const char *text)
{
	if (text && *text)
		put_object(object, key, document_string(text));
}

void put_number(struct json_object *object, const char *key, uint64_t number)
{
	put_object(object, key, json_object_new_uint64(number));
}

void put_signed(struct json_object *object, const char *key, int64_t number)
{
	put_object(object, key, json_object_new_int64(number));
}

void put_nonzero(struct json_object *object, const char *key, uint64_t number)
{
	if (number)
		put_number(object, key, number);
}

void put_flag(struct json_object *object, const char *key, bool value)
{
	if (value)
		put_object(object, key, json_object_new_boolean(true));
}

void put_address(struct json_object *object, const char *key, struct address address)
{
	char text[ADDRESS_TEXT];

	if (address.version)
		put_text(object, key, address_text(address, text));
}

const struct device *names_device(const struct names *names, uint32_t netns, uint32_t ifindex)
{
	return names->topology && ifindex ? topology_device(names->topology, netns, ifindex) : NULL;
}

const char *names_pod_of(const struct names *names, struct address address)
{
	return names->topology ? topology_pod_at(names->topology, address, names->time_ns) : NULL;
}

const char *names_netns(const struct names *names, uint32_t netns)
{
	if (!netns)
		return NULL;
	if (names->facts) {
		array_each(ns, &names->facts->namespaces) {
			if ((*ns)->inode == netns && (*ns)->label[0])
				return (*ns)->label;
		}
	}
	if (names->topology && names->topology->node_netns == netns)
		return "node";
	return NULL;
}

static const char *role_name(enum device_role role)
{
	static const char *const names[] = {
		[ROLE_OTHER] = "other",       [ROLE_POD] = "pod",       [ROLE_BRIDGE] = "bridge",
		[ROLE_TUNNEL] = "tunnel",     [ROLE_UPLINK] = "uplink", [ROLE_INSIDE] = "inside",
		[ROLE_LOOPBACK] = "loopback",
	};

	return names[role];
}

void put_containers(struct json_object *object, const char *one, const char *all,
		    const char *containers)
{
	struct json_object *names;

	if (!strchr(containers, ',')) {
		put_text(object, one, containers);
		return;
	}
	names = json_object_new_array();
	for (const char *at = containers; at; at = strchr(at, ',')) {
		at += *at == ',';
		json_object_array_add(names, json_object_new_string_len(at, (int)strcspn(at, ",")));
	}
	put_object(object, all, names);
}

struct json_object *document_containers(const struct pod *pod, const struct facts *facts)
{
	struct json_object *containers = json_object_new_array();

	array_each(container, &facts->containers) {
		struct json_object *object;

		if (!facts_container_of(container, pod))
			continue;
		object = json_object_new_object();
		put_text(object, "name", container->name);
		put_text(object, "id", container->id);
		json_object_array_add(containers, object);
	}
	return containers;
}

void put_place(struct json_object *object, const struct names *names, uint32_t netns,
	       uint32_t ifindex)
{
	const struct device *device = names_device(names, netns, ifindex);
	char number[24];

	if (device) {
		put_text(object, "device", device->name);
	} else if (ifindex) {
		snprintf(number, sizeof(number), "if%u", ifindex);
		put_text(object, "device", number);
	}
	put_nonzero(object, "ifindex", ifindex);
	put_nonzero(object, "netns", netns);
	put_text(object, "netns_name", names_netns(names, netns));
	if (!device)
		return;
	put_text(object, "role", role_name(device->role));
	put_text(object, "pod", device->pod);
	put_containers(object, "container", "containers", device->containers);
	put_text(object, "peer_device", device->peer_name);
}

static bool proto_has_ports(uint8_t proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP ||
	       proto == IPPROTO_UDPLITE || proto == IPPROTO_DCCP;
}

static const char *names_owner(const struct names *names, struct address address)
{
	const char *pod = names_pod_of(names, address);

	if (pod || !names->topology || !address.version)
		return pod;
	return topology_is_local(names->topology, names->topology->node_netns, address) ? "node"
											: NULL;
}

struct json_object *document_flow(const struct tuple *tuple, const char *proto,
				  const struct names *names)
{
	struct json_object *flow = json_object_new_object();
	bool ports = proto_has_ports(tuple->proto);
	const char *src, *dst;

	put_text(flow, "proto", proto);
	put_address(flow, "src", tuple->src);
	if (ports && tuple->sport)
		put_number(flow, "sport", tuple->sport);
	put_address(flow, "dst", tuple->dst);
	if (ports)
		put_number(flow, "dport", tuple->dport);
	src = names_owner(names, tuple->src);
	dst = names_owner(names, tuple->dst);
	put_text(flow, "src_pod", src);
	put_text(flow, "dst_pod", dst);
	if (src)
		put_containers(flow, "src_container", "src_containers",
			       topology_containers(names->topology, src));
	if (dst)
		put_containers(flow, "dst_container", "dst_containers",
			       topology_containers(names->topology, dst));
	return flow;
}

struct json_object *document_packet_flow(const struct packet *packet, const struct names *names)
{
	struct tuple tuple = packet_tuple(packet);
	char proto[16];

	if (!packet->ip_version) { /* ARP: who asks for whom */
		tuple.src = address_make(4, packet->src);
		tuple.dst = address_make(4, packet->dst);
		tuple.proto = 0;
	}
	return document_flow(&tuple, packet_proto_name(packet, proto), names);
}

void tcp_flags_text(uint8_t flags, char text[16])
{
	static const char letters[] = "FSRP.UEW";
	unsigned at = 0;

	/* tcpdump's order: the letters from FIN up, the dot of ACK last. */
	for (unsigned bit = 0; bit < 8; bit++) {
		if ((flags & (1 << bit)) && letters[bit] != '.')
			text[at++] = letters[bit];
	}
	if (flags & PACKET_TCP_ACK)
		text[at++] = '.';
	text[at] = '\0';
	if (!at)
		strcpy(text, "none");
}

static const char *icmp4_name(uint8_t type, uint8_t code)
{
	static const char *const unreachable[] = {
		"net unreachable",
		"host unreachable",
		"protocol unreachable",
		"port unreachable",
		"fragmentation needed",
		"source route failed",
		"net unknown",
		"host unknown",
		"host isolated",
		"net prohibited",
		"host prohibited",
		"net unreachable for TOS",
		"host unreachable for TOS",
		"filtered",
		"precedence violation",
		"precedence cut-off",
	};

	switch (type) {
	case 0:
		return "echo reply";
	case 3:
		return code < 16 ? unreachable[code] : "unreachable";
	case 4:
		return "source quench";
	case 5:
		return "redirect";
	case 8:
		return "echo";
	case 11:
		return code ? "reassembly time exceeded" : "time exceeded";
	case 12:
		return "parameter problem";
	}
	return NULL;
}

static const char *icmp6_name(uint8_t type, uint8_t code)
{
	static const char *const unreachable[] = {
		"no route",         "prohibited",           "beyond scope",   "address unreachable",
		"port unreachable", "source policy failed", "route rejected",
	};

	switch (type) {
	case 1:
		return code < 7 ? unreachable[code] : "unreachable";
	case 2:
		return "packet too big";
	case 3:
		return code ? "reassembly time exceeded" : "time exceeded";
	case 4:
		return "parameter problem";
	case 128:
		return "echo";
	case 129:
		return "echo reply";
	case 133:
		return "router solicitation";
	case 134:
		return "router advertisement";
	case 135:
		return "neighbour solicitation";
	case 136:
		return "neighbour advertisement";
	case 137:
		return "redirect";
	case 143:
		return "multicast listener report";
	}
	return NULL;
}

const char *icmp_name(uint8_t ip_version, uint8_t type, uint8_t code)
{
	return ip_version == 6 ? icmp6_name(type, code) : icmp4_name(type, code);
}

void answer_text(const struct packet *answer, char text[64])
{
	const char *name;

	text[0] = '\0';
	if (answer->proto == IPPROTO_TCP && answer->tcp_flags & PACKET_TCP_RST) {
		text_copy(text, 64, "RST");
	} else if (packet_is_icmp_error(answer)) {
		name = icmp_name(answer->ip_version, answer->icmp_type, answer->icmp_code);
		snprintf(text, 64, "%s %s", answer->ip_version == 6 ? "ICMPv6" : "ICMP",
			 name ? name : "error");
	}
}

struct json_object *document_witnesses(const struct witness_info *infos, unsigned count,
				       uint8_t ip_version)
{
	struct json_object *list = json_object_new_array_ext((int)count);
	char phrase[WITNESS_PHRASE];

	for (unsigned i = 0; i < count; i++) {
		struct json_object *object = json_object_new_object();

		put_text(object, "name", witness_what_name(infos[i].what));
		put_text(object, "says", witness_text(&infos[i], ip_version, phrase));
		json_object_array_add(list, object);
	}
	return list;
}
