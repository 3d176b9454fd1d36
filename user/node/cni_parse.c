/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Parsers for CNI's files. They take text from disk that pods' and plugins' bugs may have
 * spoilt, so every field is checked for type and length; what cannot be understood is said
 * in one sentence or left empty, never guessed.
 */
#include "node/cni.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define MAX_RANGES 32
#define JSON_DEPTH 24

static struct json_object *parse_json(const char *text, size_t size, const char **why)
{
	struct json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH);
	struct json_object *root = NULL;

	*why = "out of memory";
	if (!tokener)
		return NULL;
	root = json_tokener_parse_ex(tokener, text, (int)size);
	*why = json_tokener_error_desc(json_tokener_get_error(tokener));
	if (json_tokener_get_error(tokener) == json_tokener_continue)
		*why = "it ends in the middle";
	json_tokener_free(tokener);
	if (root && !json_object_is_type(root, json_type_object)) {
		json_object_put(root);
		*why = "it is not an object";
		root = NULL;
	}
	return root;
}

static struct json_object *member(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	if (object && json_object_is_type(object, json_type_object))
		json_object_object_get_ex(object, key, &value);
	return value;
}

static const char *string_member(struct json_object *object, const char *key)
{
	struct json_object *value = member(object, key);

	return value && json_object_is_type(value, json_type_string) ? json_object_get_string(value)
								     : "";
}

static bool bool_member(struct json_object *object, const char *key)
{
	struct json_object *value = member(object, key);

	return value && json_object_is_type(value, json_type_boolean) &&
	       json_object_get_boolean(value);
}

static uint32_t number_member(struct json_object *object, const char *key)
{
	struct json_object *value = member(object, key);
	int64_t number;

	if (!value || !json_object_is_type(value, json_type_int))
		return 0;
	number = json_object_get_int64(value);
	return number > 0 && number <= UINT32_MAX ? (uint32_t)number : 0;
}

/* "10.244.1.0/24" → address and length. */
static bool parse_prefix(const char *text, struct address *address, uint8_t *length)
{
	char copy[ADDRESS_TEXT];
	size_t size = strcspn(text, "/");
	unsigned long bits;
	char *end;

	if (text[size] != '/' || size >= sizeof(copy))
		return false;
	memcpy(copy, text, size);
	copy[size] = '\0';
	bits = strtoul(text + size + 1, &end, 10);
	if (end == text + size + 1 || !address_parse(copy, address) ||
	    bits > (address->version == 4 ? 32 : 128))
		return false;
	*length = (uint8_t)bits;
	return true;
}

static uint8_t address_bits(const struct address *address)
{
	return address->version == 4 ? 32 : 128;
}

/* Sets the bits below the prefix to all 0 or all 1. */
static struct address prefix_end(struct address address, uint8_t length, bool ones)
{
	for (unsigned bit = length; bit < address_bits(&address); bit++) {
		uint8_t mask = (uint8_t)(0x80u >> (bit % 8));

		if (ones)
			address.bytes[bit / 8] |= mask;
		else
			address.bytes[bit / 8] &= (uint8_t)~mask;
	}
	return address;
}

/* host-local, ipam/host-local/backend/allocator: .1 … the last but the IPv4 broadcast; gateway .1. */
void cni_range_complete(struct cni_range *range)
{
	uint8_t bits = address_bits(&range->subnet);
	struct address first = prefix_end(range->subnet, range->prefix_len, false);
	struct address last = prefix_end(range->subnet, range->prefix_len, true);

	range->subnet = first;
	if (range->prefix_len + 1 < bits) {
		first.bytes[bits / 8 - 1] |= 1;
		if (range->subnet.version == 4)
			last.bytes[3] &= 0xfe;
	}
	if (!range->first.version)
		range->first = first;
	if (!range->last.version)
		range->last = last;
	if (!range->gateway.version)
		range->gateway = first;
}

static int add_range(struct cni_conf *conf, struct json_object *object)
{
	struct cni_range range = {0}, *slot;

	if (!parse_prefix(string_member(object, "subnet"), &range.subnet, &range.prefix_len) ||
	    conf->ranges.count >= MAX_RANGES)
		return 0;
	address_parse(string_member(object, "rangeStart"), &range.first);
	address_parse(string_member(object, "rangeEnd"), &range.last);
	address_parse(string_member(object, "gateway"), &range.gateway);
	cni_range_complete(&range);
	slot = array_push(&conf->ranges);
	if (!slot)
		return -ENOMEM;
	*slot = range;
	return 0;
}

static int parse_ipam(struct json_object *ipam, struct cni_conf *conf)
{
	struct json_object *sets = member(ipam, "ranges");
	int status = add_range(conf, ipam); /* the old, flat form */

	text_copy(conf->ipam_type, sizeof(conf->ipam_type), string_member(ipam, "type"));
	if (!sets || !json_object_is_type(sets, json_type_array))
		return status;
	for (size_t i = 0; i < json_object_array_length(sets) && !status; i++) {
		struct json_object *set = json_object_array_get_idx(sets, i);

		if (!json_object_is_type(set, json_type_array))
			continue;
		for (size_t j = 0; j < json_object_array_length(set) && !status; j++)
			status = add_range(conf, json_object_array_get_idx(set, j));
	}
	return status;
}

static int parse_plugin(struct json_object *plugin, struct cni_conf *conf)
{
	/* flannel hands these on to the bridge plugin, with defaults of its own. */
	struct json_object *delegate = member(plugin, "delegate");
	bool flannel = !strcmp(string_member(plugin, "type"), "flannel");
	struct json_object *settings = flannel && delegate ? delegate : plugin;

	text_copy(conf->type, sizeof(conf->type), string_member(plugin, "type"));
	text_copy(conf->bridge, sizeof(conf->bridge), string_member(settings, "bridge"));
	if (!conf->bridge[0] && (flannel || !strcmp(conf->type, "bridge")))
		text_copy(conf->bridge, sizeof(conf->bridge), "cni0");
	conf->mtu = number_member(settings, "mtu");
	conf->ip_masq = bool_member(settings, "ipMasq");
	conf->hairpin = bool_member(settings, "hairpinMode");
	conf->is_gateway = bool_member(settings, "isGateway") ||
			   bool_member(settings, "isDefaultGateway") ||
			   (flannel && !member(settings, "isGateway"));
	if (flannel)
		text_copy(conf->ipam_type, sizeof(conf->ipam_type), "host-local");
	return member(plugin, "ipam") ? parse_ipam(member(plugin, "ipam"), conf) : 0;
}

int cni_parse_conf(const char *text, size_t size, struct cni_conf *conf)
{
	struct json_object *root, *plugins, *first;
	const char *why;
	int status = 0;

	root = parse_json(text, size, &why);
	if (!root) {
		snprintf(conf->error, sizeof(conf->error), "not valid JSON: %s", why);
		return 0;
	}
	text_copy(conf->name, sizeof(conf->name), string_member(root, "name"));
	plugins = member(root, "plugins");
	first = root;
	if (plugins)
		first = json_object_is_type(plugins, json_type_array) &&
					json_object_array_length(plugins)
				? json_object_array_get_idx(plugins, 0)
				: NULL;
	status = parse_plugin(first, conf);
	if (!conf->type[0])
		text_copy(conf->error, sizeof(conf->error), "it names no plugin type");
	else if (!conf->name[0])
		text_copy(conf->error, sizeof(conf->error), "it has no network name");
	json_object_put(root);
	return status;
}

bool cni_parse_result_netns(const char *text, size_t size, char *path, size_t path_size)
{
	const char *why;
	struct json_object *root = parse_json(text, size, &why);

	if (!root)
		return false;
	text_copy(path, path_size, string_member(root, "netns"));
	json_object_put(root);
	return path[0] != '\0';
}

int cni_flannel_range(const struct node_config *config, struct cni_conf *conf)
{
	struct cni_range *range;

	if (strcmp(conf->type, "flannel") || conf->ranges.count || !config->has_subnet_env)
		return 0;
	range = array_push(&conf->ranges);
	if (!range)
		return -ENOMEM;
	range->subnet = config->flannel_subnet;
	range->prefix_len = config->flannel_subnet_len;
	cni_range_complete(range);
	if (!conf->mtu)
		conf->mtu = config->flannel_mtu;
	return 0;
}

static void parse_variable(const char *name, const char *value, struct node_config *config)
{
	if (!strcmp(name, "FLANNEL_NETWORK"))
		parse_prefix(value, &config->flannel_network, &config->flannel_network_len);
	else if (!strcmp(name, "FLANNEL_SUBNET"))
		config->has_subnet_env |=
			parse_prefix(value, &config->flannel_subnet, &config->flannel_subnet_len);
	else if (!strcmp(name, "FLANNEL_IPV6_NETWORK"))
		parse_prefix(value, &config->flannel_network6, &config->flannel_network6_len);
	else if (!strcmp(name, "FLANNEL_IPV6_SUBNET"))
		config->has_subnet_env |=
			parse_prefix(value, &config->flannel_subnet6, &config->flannel_subnet6_len);
	else if (!strcmp(name, "FLANNEL_MTU"))
		config->flannel_mtu = (uint32_t)strtoul(value, NULL, 10);
	else if (!strcmp(name, "FLANNEL_IPMASQ"))
		config->flannel_ipmasq = !strcmp(value, "true");
}

bool cni_parse_subnet_env(const char *text, struct node_config *config)
{
	config->has_subnet_env = false;
	while (*text) {
		size_t length = strcspn(text, "\r\n");
		char line[256], *value;

		if (length < sizeof(line)) {
			memcpy(line, text, length);
			line[length] = '\0';
			value = strchr(line, '=');
			if (value) {
				*value = '\0';
				parse_variable(line, value + 1, config);
			}
		}
		text += length;
		text += strspn(text, "\r\n");
	}
	return config->has_subnet_env;
}

bool cni_parse_reservation(const char *file, const char *text, struct reservation *reservation)
{
	size_t length = strcspn(text, "\r\n");
	const char *ifname = text + length + strspn(text + length, "\r\n");

	if (!address_parse(file, &reservation->address) || !length ||
	    length >= sizeof(reservation->container_id))
		return false; /* "lock", "last_reserved_ip.0", or cut short by a crash */
	memcpy(reservation->container_id, text, length);
	reservation->container_id[length] = '\0';
	snprintf(reservation->ifname, sizeof(reservation->ifname), "%.*s",
		 (int)strcspn(ifname, "\r\n"), ifname);
	return true;
}
