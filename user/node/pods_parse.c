// SPDX-License-Identifier: GPL-2.0-only
/*
 * Formats of the files that name pods. It opens no file and asks nobody; pods.c does.
 */
#include "node/pods_parse.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "base/text.h"

#define MAX_DEPTH 24

static bool only_of(const char *text, const char *also, size_t max)
{
	size_t length = strlen(text);

	for (size_t i = 0; i < length; i++) {
		if (!isalnum((unsigned char)text[i]) && !strchr(also, text[i]))
			return false;
	}
	return length && length <= max;
}

bool pod_name_valid(const char *name)
{
	return only_of(name, "-.", 253) && isalnum((unsigned char)name[0]);
}

bool container_id_valid(const char *id)
{
	return only_of(id, "-_", 79);
}

static bool uid_valid(const char *uid)
{
	return only_of(uid, "-", 63);
}

static struct json_object *parse_object(const char *text, size_t size)
{
	struct json_tokener *tokener = json_tokener_new_ex(MAX_DEPTH);
	struct json_object *root;

	if (!tokener)
		return NULL;
	root = json_tokener_parse_ex(tokener, text, (int)size);
	if (json_tokener_get_error(tokener) != json_tokener_success ||
	    !json_object_is_type(root, json_type_object)) {
		json_object_put(root);
		root = NULL;
	}
	json_tokener_free(tokener);
	return root;
}

static struct json_object *child(struct json_object *object, const char *key, enum json_type type)
{
	struct json_object *value = NULL;

	if (!object || !json_object_is_type(object, json_type_object) ||
	    !json_object_object_get_ex(object, key, &value))
		return NULL;
	return json_object_is_type(value, type) ? value : NULL;
}

static const char *string_at(struct json_object *object, const char *key)
{
	struct json_object *value = child(object, key, json_type_string);

	return value ? json_object_get_string(value) : "";
}

static struct json_object *element(struct json_object *array, size_t index)
{
	return array && index < json_object_array_length(array)
		       ? json_object_array_get_idx(array, index)
		       : NULL;
}

static void take_name(char *field, size_t size, const char *value, bool (*valid)(const char *))
{
	if (valid(value) && strlen(value) < size)
		text_copy(field, size, value);
}

static void take_argument(struct pod *pod, const char *key, const char *value)
{
	if (!strcmp(key, "K8S_POD_NAMESPACE"))
		take_name(pod->namespace, sizeof(pod->namespace), value, pod_name_valid);
	else if (!strcmp(key, "K8S_POD_NAME"))
		take_name(pod->name, sizeof(pod->name), value, pod_name_valid);
	else if (!strcmp(key, "K8S_POD_UID"))
		take_name(pod->uid, sizeof(pod->uid), value, uid_valid);
	else if (!strcmp(key, "K8S_POD_INFRA_CONTAINER_ID") && !pod->container_id[0])
		take_name(pod->container_id, sizeof(pod->container_id), value, container_id_valid);
}

static void take_arguments(struct pod *pod, struct json_object *arguments)
{
	for (size_t i = 0; arguments && i < json_object_array_length(arguments); i++) {
		struct json_object *pair = element(arguments, i), *key, *value;

		if (!json_object_is_type(pair, json_type_array))
			continue;
		key = element(pair, 0);
		value = element(pair, 1);
		if (json_object_is_type(key, json_type_string) &&
		    json_object_is_type(value, json_type_string))
			take_argument(pod, json_object_get_string(key),
				      json_object_get_string(value));
	}
}

/* "10.244.1.10/24" */
static void take_address(struct pod *pod, const char *text, const char *gateway)
{
	char copy[ADDRESS_TEXT], *slash;
	struct address address;

	if (strlen(text) >= sizeof(copy) || pod->address_count >= 4)
		return;
	text_copy(copy, sizeof(copy), text);
	slash = strchr(copy, '/');
	if (slash)
		*slash++ = '\0';
	if (!address_parse(copy, &address))
		return;
	pod->addresses[pod->address_count] = address;
	pod->prefix_len[pod->address_count] = slash                  ? (uint8_t)atoi(slash)
					      : address.version == 4 ? 32
								     : 128;
	pod->address_count++;
	if (!address_parse(gateway, &address))
		return;
	if (address.version == 6 && !pod->gateway6.version)
		pod->gateway6 = address;
	else if (address.version == 4 && !pod->gateway.version)
		pod->gateway = address;
}

static void take_addresses(struct pod *pod, struct json_object *result)
{
	static const char *const old_keys[] = {"ip4", "ip6"}; /* CNI 0.2.0 */
	struct json_object *ips = child(result, "ips", json_type_array);

	for (size_t i = 0; ips && i < json_object_array_length(ips); i++)
		take_address(pod, string_at(element(ips, i), "address"),
			     string_at(element(ips, i), "gateway"));
	for (unsigned i = 0; !ips && i < 2; i++) {
		struct json_object *old = child(result, old_keys[i], json_type_object);

		if (old)
			take_address(pod, string_at(old, "ip"), string_at(old, "gateway"));
	}
}

/*
 * Interfaces stand in the order the plugins made them: host ones have no sandbox. The last of those is the pod's
 * (a bridge plugin lists the bridge, then the veth).
 */
static void take_interfaces(struct pod *pod, struct json_object *result)
{
	struct json_object *interfaces = child(result, "interfaces", json_type_array);

	for (size_t i = 0; interfaces && i < json_object_array_length(interfaces); i++) {
		struct json_object *interface = element(interfaces, i);
		struct json_object *mtu = child(interface, "mtu", json_type_int);
		const char *name = string_at(interface, "name");
		const char *sandbox = string_at(interface, "sandbox");

		if (!*name || strlen(name) >= 16)
			continue;
		if (!*sandbox) {
			text_copy(pod->host_name, sizeof(pod->host_name), name);
			continue;
		}
		if (!pod->netns_path[0] && strlen(sandbox) < sizeof(pod->netns_path))
			text_copy(pod->netns_path, sizeof(pod->netns_path), sandbox);
		if (!pod->ifname[0])
			text_copy(pod->ifname, sizeof(pod->ifname), name);
		if (mtu && !pod->mtu)
			pod->mtu = (uint32_t)json_object_get_int64(mtu);
	}
}

/* The bridge alone (an old plugin, or a macvlan) is not the pod's host end. */
static void drop_bridge_name(struct pod *pod, struct json_object *result)
{
	struct json_object *interfaces = child(result, "interfaces", json_type_array);
	size_t hosts = 0;

	for (size_t i = 0; interfaces && i < json_object_array_length(interfaces); i++)
		hosts += !*string_at(element(interfaces, i), "sandbox");
	if (hosts == 1 && (!strncmp(pod->host_name, "cni", 3) || !strncmp(pod->host_name, "br", 2)))
		pod->host_name[0] = '\0';
}

/* NET-CONTAINERID-IFNAME: NET may hold dashes, the other two do not as Kubernetes makes them. */
static void take_file_name(struct pod *pod, const char *file)
{
	const char *interface = strrchr(file, '-'), *id;
	char copy[80];

	if (!interface || interface == file)
		return;
	for (id = interface; id > file && id[-1] != '-'; id--)
		;
	if (id == file || (size_t)(interface - id) >= sizeof(copy))
		return;
	memcpy(copy, id, interface - id);
	copy[interface - id] = '\0';
	if (!pod->container_id[0])
		take_name(pod->container_id, sizeof(pod->container_id), copy, container_id_valid);
	if (!pod->ifname[0] && strlen(interface + 1) < sizeof(pod->ifname))
		text_copy(pod->ifname, sizeof(pod->ifname), interface + 1);
}

int pods_parse_result(const char *file, const char *text, size_t size, struct pod *pod)
{
	struct json_object *root = parse_object(text, size), *result;

	*pod = (struct pod){0};
	if (!root)
		return -EBADMSG;
	take_name(pod->container_id, sizeof(pod->container_id), string_at(root, "containerId"),
		  container_id_valid);
	take_name(pod->cni_network, sizeof(pod->cni_network), string_at(root, "networkName"),
		  container_id_valid);
	if (strlen(string_at(root, "ifName")) < sizeof(pod->ifname))
		text_copy(pod->ifname, sizeof(pod->ifname), string_at(root, "ifName"));
	if (strlen(string_at(root, "netns")) < sizeof(pod->netns_path))
		text_copy(pod->netns_path, sizeof(pod->netns_path), string_at(root, "netns"));
	take_arguments(pod, child(root, "cniArgs", json_type_array));
	result = child(root, "result", json_type_object) ?: root; /* before libcni 0.8: bare */
	take_addresses(pod, result);
	take_interfaces(pod, result);
	drop_bridge_name(pod, result);
	take_file_name(pod, file);
	text_copy(pod->source, sizeof(pod->source), "cni-results");
	json_object_put(root);
	return 0;
}

/* The same four facts under the keys of one runtime. */
static bool take_annotations(struct pod *pod, struct json_object *annotations,
			     const char *const keys[4])
{
	take_name(pod->namespace, sizeof(pod->namespace), string_at(annotations, keys[0]),
		  pod_name_valid);
	take_name(pod->name, sizeof(pod->name), string_at(annotations, keys[1]), pod_name_valid);
	take_name(pod->uid, sizeof(pod->uid), string_at(annotations, keys[2]), uid_valid);
	take_name(pod->container_id, sizeof(pod->container_id), string_at(annotations, keys[3]),
		  container_id_valid);
	return pod->namespace[0] && pod->name[0];
}

int pods_parse_container(const char *text, size_t size, struct pod *pod)
{
	static const char *const containerd[] = {
		"io.kubernetes.cri.sandbox-namespace", "io.kubernetes.cri.sandbox-name",
		"io.kubernetes.cri.sandbox-uid", "io.kubernetes.cri.sandbox-id"};
	static const char *const crio[] = {"io.kubernetes.pod.namespace", "io.kubernetes.pod.name",
					   "io.kubernetes.pod.uid",
					   "io.kubernetes.cri-o.SandboxID"};
	static const char *const docker[] = {"io.kubernetes.pod.namespace",
					     "io.kubernetes.pod.name", "io.kubernetes.pod.uid",
					     "io.kubernetes.sandbox.id"};
	struct json_object *root = parse_object(text, size), *annotations, *labels;
	bool named;

	*pod = (struct pod){0};
	if (!root)
		return -EBADMSG;
	annotations = child(root, "annotations", json_type_object);
	labels = child(child(root, "Config", json_type_object), "Labels", json_type_object);
	named = take_annotations(pod, annotations, containerd) ||
		take_annotations(pod, annotations, crio) || take_annotations(pod, labels, docker);
	text_copy(pod->source, sizeof(pod->source), "cri");
	json_object_put(root);
	return named ? 0 : -ENOENT;
}

/* A name of a container is a DNS label (RFC 1123). */
static bool label_valid(const char *name)
{
	return only_of(name, "-", 63) && isalnum((unsigned char)name[0]);
}

int pods_parse_container_name(const char *text, size_t size, char name[64], bool *sandbox)
{
	/* name, type */
	static const char *const keys[][2] = {
		{"io.kubernetes.cri.container-name", "io.kubernetes.cri.container-type"},
		{"io.kubernetes.container.name", "io.kubernetes.cri-o.ContainerType"},
		{"io.kubernetes.container.name", "io.kubernetes.docker.type"},
	};
	struct json_object *root = parse_object(text, size), *of[2];

	name[0] = '\0';
	*sandbox = false;
	if (!root)
		return -EBADMSG;
	of[0] = child(root, "annotations", json_type_object);
	of[1] = child(child(root, "Config", json_type_object), "Labels", json_type_object);
	for (unsigned i = 0; i < 6; i++) {
		const char *type = string_at(of[i / 3], keys[i % 3][1]);

		*sandbox |= !strcmp(type, "sandbox") || !strcmp(type, "podsandbox");
		if (!name[0])
			take_name(name, 64, string_at(of[i / 3], keys[i % 3][0]), label_valid);
	}
	if (*sandbox)
		name[0] = '\0'; /* "POD" */
	json_object_put(root);
	return name[0] || *sandbox ? 0 : -ENOENT;
}

/* Docker's own names allow the underscore, Kubernetes' do not. */
static bool docker_name_valid(const char *name)
{
	return only_of(name, "_-.", 253) && isalnum((unsigned char)name[0]);
}

static void take_docker_network(struct pod *pod, struct json_object *network)
{
	static const char *const keys[][3] = {
		{"IPAddress", "IPPrefixLen", "Gateway"},
		{"GlobalIPv6Address", "GlobalIPv6PrefixLen", "IPv6Gateway"}};

	for (unsigned i = 0; i < 2; i++) {
		struct json_object *length = child(network, keys[i][1], json_type_int);
		char text[ADDRESS_TEXT + 8];

		snprintf(text, sizeof(text), "%.47s/%d", string_at(network, keys[i][0]),
			 length ? json_object_get_int(length) : 0);
		take_address(pod, text, string_at(network, keys[i][2]));
	}
}

int pods_parse_docker(const char *text, size_t size, struct pod *pod)
{
	struct json_object *root = parse_object(text, size), *settings, *networks, *labels;
	const char *name;
	bool running;

	*pod = (struct pod){0};
	if (!root)
		return -EBADMSG;
	labels = child(child(root, "Config", json_type_object), "Labels", json_type_object);
	settings = child(root, "NetworkSettings", json_type_object);
	networks = child(settings, "Networks", json_type_object);
	running = json_object_get_boolean(
		child(child(root, "State", json_type_object), "Running", json_type_boolean));
	name = string_at(root, "Name");
	name += name[0] == '/';
	take_name(pod->name, sizeof(pod->name), name, docker_name_valid);
	take_name(pod->container_id, sizeof(pod->container_id), string_at(root, "ID"),
		  container_id_valid);
	text_copy(pod->namespace, sizeof(pod->namespace), "docker");
	text_copy(pod->netns_path, sizeof(pod->netns_path), string_at(settings, "SandboxKey"));
	text_copy(pod->ifname, sizeof(pod->ifname), "eth0");
	text_copy(pod->source, sizeof(pod->source), "docker");
	if (networks) {
		json_object_object_foreach(networks, key, network)
		{
			(void)key;
			take_docker_network(pod, network);
		}
	}
	/* A pod of a kubelet with Docker is the kubelet's to name. */
	running = running && pod->name[0] && pod->netns_path[0] &&
		  !string_at(labels, "io.kubernetes.pod.name")[0];
	json_object_put(root);
	return running ? 0 : -ENOENT;
}

bool pods_parse_log_dir(const char *directory, struct pod *pod)
{
	char copy[640], *name, *uid;

	*pod = (struct pod){0};
	if (strlen(directory) >= sizeof(copy))
		return false;
	text_copy(copy, sizeof(copy), directory);
	name = strchr(copy, '_'); /* no name of Kubernetes holds an underscore */
	uid = name ? strchr(name + 1, '_') : NULL;
	if (!uid || strchr(uid + 1, '_'))
		return false;
	*name++ = '\0';
	*uid++ = '\0';
	if (!pod_name_valid(copy) || !pod_name_valid(name) || !uid_valid(uid))
		return false;
	text_copy(pod->namespace, sizeof(pod->namespace), copy);
	text_copy(pod->name, sizeof(pod->name), name);
	text_copy(pod->uid, sizeof(pod->uid), uid);
	text_copy(pod->source, sizeof(pod->source), "cgroup");
	return true;
}

/* kubelet, pkg/kubelet/kuberuntime/legacy.go: no name of Kubernetes holds an underscore, no id a dash. */
bool pods_parse_container_link(const char *file, struct container_link *link)
{
	size_t length = strlen(file);
	char copy[256], *namespace, *name, *id;

	*link = (struct container_link){0};
	if (length >= sizeof(copy) || length < 4 || strcmp(file + length - 4, ".log"))
		return false;
	text_copy(copy, length - 3, file);
	namespace = strchr(copy, '_');
	name = namespace ? strchr(namespace + 1, '_') : NULL;
	id = name ? strrchr(name, '-') : NULL;
	if (!id || strchr(name + 1, '_'))
		return false;
	*namespace ++ = *name++ = *id++ = '\0';
	if (!pod_name_valid(copy) || !pod_name_valid(namespace) || !label_valid(name) ||
	    strlen(id) != 64 || !container_id_valid(id))
		return false;
	text_copy(link->pod, sizeof(link->pod), copy);
	text_copy(link->namespace, sizeof(link->namespace), namespace);
	text_copy(link->name, sizeof(link->name), name);
	text_copy(link->id, sizeof(link->id), id);
	return true;
}

bool pods_parse_reservation(const char *text, char container_id[80], char ifname[16])
{
	size_t length = strcspn(text, "\r\n"), rest;

	ifname[0] = '\0';
	if (length >= 80)
		return false;
	memcpy(container_id, text, length);
	container_id[length] = '\0';
	if (!container_id_valid(container_id))
		return false;
	text += length;
	text += strspn(text, "\r\n");
	rest = strcspn(text, "\r\n");
	if (rest < 16) {
		memcpy(ifname, text, rest);
		ifname[rest] = '\0';
	}
	return true;
}
