/* SPDX-License-Identifier: GPL-2.0-only */
#include "commands/attach.h"

#include <errno.h>
#include <linux/bpf.h>
#include <malloc.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"
#include "kernel/filter.h"
#include "kernel/tc_attach.h"
#include "node/reader.h"
#include "node/rules.h"

#define PROGRAM_TYPES_TC (1ull << BPF_PROG_TYPE_SCHED_CLS | 1ull << BPF_PROG_TYPE_SCHED_ACT)

static bool device_asked(const struct session *s, const struct text_list *patterns,
			 const struct device *device)
{
	if (device->netns != s->topology.node_netns || device->role == ROLE_LOOPBACK)
		return false;
	if (!patterns || !patterns->texts.count)
		return true;
	array_each(pattern, &patterns->texts) {
		if (text_glob(*pattern, device->name))
			return true;
	}
	return false;
}

static size_t devices_asked(const struct session *s, const struct text_list *patterns)
{
	size_t count = 0;

	array_each(device, &s->topology.devices)
		count += device_asked(s, patterns, device);
	return count;
}

/* Tunnels such as ipip and wireguard carry bare IP packets. */
static bool device_has_ether(const char *name)
{
	struct ifreq request = {};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool ether = true;

	text_copy(request.ifr_name, sizeof(request.ifr_name), name);
	if (fd >= 0 && !ioctl(fd, SIOCGIFHWADDR, &request))
		ether = request.ifr_hwaddr.sa_family == ARPHRD_ETHER ||
			request.ifr_hwaddr.sa_family == ARPHRD_LOOPBACK;
	if (fd >= 0)
		close(fd);
	return ether;
}

/* Attaches to every device asked for that is not traced yet. Number attached, or negative errno. */
int attach_devices(struct session *s, struct tracer *tracer, const struct text_list *patterns,
		   struct error *error)
{
	struct topology *topology = &s->topology;
	int count = 0;

	array_each(device, &topology->devices) {
		int err;

		if (device->netns == topology->node_netns && !device->gone &&
		    (device->role == ROLE_POD || device->role == ROLE_UPLINK))
			tracer_add_entrance(tracer, device->ifindex);
		if (device->traced || device->gone || !device_asked(s, patterns, device))
			continue;
		err = tracer_attach_device(tracer,
					   &(struct hop_device){device->ifindex, device->name,
								device->kind,
								device_has_ether(device->name)},
					   error);
		if (err == -ENODEV)
			continue; /* gone meanwhile */
		if (err)
			return err;
		device->traced = true;
		count++;
	}
	return count;
}

static int devices_missing(struct session *s, const struct text_list *patterns, struct error *error)
{
	char list[300] = "", shown[64];

	array_each(device, &s->topology.devices) {
		if (device->netns == s->topology.node_netns)
			text_append(list, sizeof(list), "%s%s", list[0] ? ", " : "",
				    text_escape(shown, sizeof(shown), device->name));
	}
	if (!patterns || !patterns->texts.count)
		return error_set(error, -ENODEV, "no device to trace here; devices: %s", list);
	return error_set(error, -ENODEV, "no device \"%s\" here; devices: %s",
			 text_escape(shown, sizeof(shown), patterns->texts.items[0]), list);
}

static void config_tunnel_ports(struct session *s, struct tracer_config *config)
{
	struct netns_facts *ns = facts_netns(s->facts, s->facts->node_netns);
	size_t count = 2;

	config->vxlan_ports[0] = 8472;
	config->vxlan_ports[1] = 4789;
	config->geneve_port = 6081;
	if (!ns || !facts_need(s->facts, ns, FACT_LINKS))
		return;
	array_each(link, &ns->links) {
		bool known = !link->port || strcmp(link->kind, "vxlan") != 0;

		for (size_t i = 0; i < count; i++)
			known |= config->vxlan_ports[i] == link->port;
		if (!known && count < CONFIG_TUNNEL_PORTS)
			config->vxlan_ports[count++] = link->port;
	}
}

static void config_address(struct tracer_config *config, struct address address)
{
	size_t n = config->address_count;

	if (n == CONFIG_ADDRESSES || !address.version || address_is_loopback(address) ||
	    address_is_link_local(address))
		return;
	config->address_version[n] = address.version;
	memcpy(config->address[n], address.bytes, sizeof(config->address[n]));
	config->address_count++;
}

static void config_subject(struct session *s, struct tracer_config *config)
{
	struct netns_facts *ns;

	if (!s->subject_netns)
		return;
	config->has_subject = 1;
	config->subject_netns = s->subject_netns;
	/* the node's own namespace: its addresses say whose packets, not every device's traffic */
	if (s->pod)
		config->subject_ifindex = s->pod->host_ifindex;
	ns = facts_netns(s->facts, s->subject_netns);
	if (ns && facts_need(s->facts, ns, FACT_ADDRESSES)) {
		array_each(address, &ns->addresses)
			config_address(config, address->address);
	} else if (s->pod) {
		for (size_t i = 0; i < s->pod->address_count; i++)
			config_address(config, s->pod->addresses[i]);
	}
}

/* Link-local addresses every device has: no packet of theirs goes beyond it. */
static bool has_ipv6(struct session *s, uint32_t netns)
{
	struct netns_facts *ns = facts_netns(s->facts, netns);

	if (!ns || !facts_need(s->facts, ns, FACT_ADDRESSES))
		return true;
	array_each(address, &ns->addresses) {
		if (address->address.version == 6 && !address_is_loopback(address->address) &&
		    !address_is_link_local(address->address))
			return true;
	}
	return false;
}

/* clsact filters that a killed run has left. */
static void filters_sweep(const struct session *s, const struct text_list *patterns)
{
	array_each(device, &s->topology.devices) {
		if (device_asked(s, patterns, device))
			tc_sweep(device->ifindex);
	}
}

/* Other people's tc programs on the devices: which of several drops, only they can tell. */
static void programs_watch(struct session *s, struct tracer *tracer, uint32_t netns)
{
	struct netns_facts *ns = facts_netns(s->facts, netns);

	if (!ns || !facts_need(s->facts, ns, FACT_LINKS | FACT_PROGRAMS))
		return;
	array_each(program, &ns->programs) {
		if (program->id && strcmp(program->hook, "xdp") != 0)
			tracer_watch_program(tracer, program->id);
	}
}

int attach_start(struct session *s, struct tracer_options *options,
		 const struct text_list *patterns, struct tracer **tracer, struct error *error)
{
	uint64_t loaded; /* before ours are */
	int err;

	options->config.node_netns = s->topology.node_netns;
	options->devices = devices_asked(s, patterns);
	config_tunnel_ports(s, &options->config);
	config_subject(s, &options->config);
	options->config.filter_fades = options->filter && filter_fades(options->filter);
	options->no_ipv6 = !has_ipv6(s, s->topology.node_netns) &&
			   (!s->subject_netns || !has_ipv6(s, s->subject_netns));
	loaded = program_types_loaded(PROGRAM_TYPES_TC | 1ull << BPF_PROG_TYPE_XDP);
	options->no_xdp = !(loaded & 1ull << BPF_PROG_TYPE_XDP);
	err = tracer_open(options, tracer, error);
	if (err)
		return err;
	array_each(ns, &s->facts->namespaces)
		tracer_add_namespace(*tracer, (*ns)->inode);
	filters_sweep(s, patterns);
	err = attach_devices(s, *tracer, patterns, error);
	if (err < 0)
		return err;
	if (!err)
		return devices_missing(s, patterns, error);
	if (loaded & PROGRAM_TYPES_TC && tracer_watches_programs(*tracer)) {
		programs_watch(s, *tracer, s->topology.node_netns);
		if (s->subject_netns && s->subject_netns != s->topology.node_netns)
			programs_watch(s, *tracer, s->subject_netns);
		facts_forget(s->facts, FACT_PROGRAMS); /* others may come */
	}
	return tracer_attach_probes(*tracer, error);
}

void attach_refresh(struct session *s, struct tracer *tracer, const struct text_list *patterns)
{
	struct error error;

	if (session_refresh(s, &error) || attach_devices(s, tracer, patterns, &error) < 0)
		fprintf(stderr, "cnitrace: a new device is not traced: %s\n", error.text);
	array_each(ns, &s->facts->namespaces)
		tracer_add_namespace(tracer, (*ns)->inode);
}

static void facts_before(struct session *s, uint32_t netns)
{
	struct netns_facts *ns = facts_netns(s->facts, netns);

	if (!ns)
		return;
	if (facts_need(s->facts, ns, FACT_RULES)) {
		ns->rules_before = ns->rules;
		memset(&ns->rules, 0, sizeof(ns->rules));
		ruleset_keep_counters(&ns->rules_before);
		ns->has_rules_before = true;
	}
	if (facts_need(s->facts, ns, FACT_CONNTRACK)) {
		ns->conntrack_before = ns->conntrack;
		ns->has_conntrack_before = true;
	}
	ns->known &= ~(FACT_RULES | FACT_CONNTRACK);
	ns->failed &= ~(FACT_RULES | FACT_CONNTRACK);
}

void attach_facts_before(struct session *s)
{
	facts_before(s, s->facts->node_netns);
	if (s->subject_netns && s->subject_netns != s->facts->node_netns)
		facts_before(s, s->subject_netns);
	malloc_trim(0); /* most of the rules is not kept */
}
