/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Static rules about the node's own settings: forwarding, bridge netfilter, reverse-path
 * filters, the connection table, address reservations and the CNI's files. Whether a
 * setting was meant that way it cannot know: it says what the setting does to pods.
 */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "diagnose/check_parts.h"

#define CONNTRACK_FULL 98 /* percent */
#define CONNTRACK_NEARLY 80
#define STALE_SHARE 10 /* one reservation in so many is worth a warning, fewer a note */

static void forwarding_off(struct diagnosis *d, struct finding_list *list, const char *sysctl,
			   const struct link *device)
{
	struct finding *finding = finding_new(list, "ip-forward-disabled", "unreachable",
					      SEVERITY_ERROR, BASIS_STATE);
	char key[128];

	finding_key(finding, "%u %s", d->facts->node_netns, sysctl);
	finding_where(finding, d, d->facts->node_netns, device ? device->ifindex : 0);
	finding_summary(finding, "%s is 0: %s%s are dropped.", sysctl,
			device ? "packets that come in by " : "packets from and to pods",
			device ? device->name : "");
	finding_evidence(finding, "fact %s = 0", sysctl);
	finding_text(finding, "sysctl", "%s", sysctl);
	finding_text(finding, "namespace", "node");
	if (device)
		finding_text(finding, "device", "%s", device->name);
	finding_number(finding, "found", 0);
	finding_number(finding, "expected", 1);
	sysctl_name(sysctl, key);
	finding_remedy(finding, "sysctl -w %s=1", key);
	finding_remedy(finding, "# to keep it after a reboot, write %s=1 into /etc/sysctl.d/", key);
}

/* A device that pod traffic crosses: 0 is "no", also for what is unknown. */
static bool carries_pods(const struct diagnosis *d, const struct check_view *view,
			 const struct link *link)
{
	const struct device *device =
		d->topology ? topology_device(d->topology, d->facts->node_netns, link->ifindex)
			    : NULL;

	if (check_tunnel_of(view, link->ifindex) || link->ifindex == view->uplink)
		return true;
	if (strcmp(link->kind, "bridge"))
		return device && device->role == ROLE_POD && !link->master;
	array_each(pod, &d->facts->pods) {
		const struct link *port = lookup_link(d, d->facts->node_netns, pod->host_ifindex);

		if (port && port->master == link->ifindex)
			return true;
	}
	return false;
}

static void check_forwarding(struct diagnosis *d, struct finding_list *list,
			     const struct check_view *view)
{
	struct netns_facts *node = lookup_node(d);
	char name[96];
	long value;

	if (!check_pod_count(d))
		return;
	if (facts_sysctl(d->facts, node, "net.ipv4.ip_forward", &value) && !value) {
		forwarding_off(d, list, "net.ipv4.ip_forward", NULL);
		return; /* every device follows it */
	}
	array_each(link, &node->links) {
		/* IPv6 has a sysctl of the same meaning, but pods that have no IPv6 do not need it. */
		if (!carries_pods(d, view, link))
			continue;
		snprintf(name, sizeof(name), "net.ipv4.conf.%s.forwarding", link->name);
		if (facts_sysctl(d->facts, node, name, &value) && !value)
			forwarding_off(d, list, name, link);
	}
}

static void check_forwarding6(struct diagnosis *d, struct finding_list *list)
{
	static const char *const name = "net.ipv6.conf.all.forwarding";
	bool has = false;
	long value;

	array_each(pod, &d->facts->pods) {
		for (unsigned i = 0; i < pod->address_count && check_is_pod(pod); i++)
			has |= pod->addresses[i].version == 6 &&
			       !address_is_link_local(pod->addresses[i]);
	}
	if (has && facts_sysctl(d->facts, lookup_node(d), name, &value) && !value)
		forwarding_off(d, list, name, NULL);
}

/* Several default routes: a strict filter drops what comes in by the one that is not chosen. */
static void check_reverse_path(struct diagnosis *d, struct finding_list *list,
			       const struct check_view *view)
{
	struct netns_facts *node = lookup_node(d);
	struct finding *finding;
	char name[96], key[128];
	long all = 0, own;

	if (!facts_need(d->facts, node, FACT_ROUTES) ||
	    !facts_sysctl(d->facts, node, "net.ipv4.conf.all.rp_filter", &all))
		return;
	array_each(route, &node->routes) {
		const struct link *link = facts_link(d->facts, node, route->ifindex);

		if (!route_is_default(route) || route->dst.version != 4 || route->type != 1 ||
		    !link || link->ifindex == view->uplink || !link_is_usable(link))
			continue;
		snprintf(name, sizeof(name), "net.ipv4.conf.%s.rp_filter", link->name);
		if (!facts_sysctl(d->facts, node, name, &own) || (all > own ? all : own) != 1)
			continue;
		finding = finding_new(list, "rp-filter", "unreachable", SEVERITY_WARNING,
				      BASIS_STATE);
		finding_key(finding, "%s", link->name);
		finding_where(finding, d, node->inode, link->ifindex);
		finding_summary(
			finding,
			"The reverse-path filter on %s is strict, and the preferred default "
			"route is by another device: what comes from outside by %s is "
			"dropped.",
			link->name, link->name);
		finding_evidence(finding, "fact rp_filter is %ld for all, %ld for %s", all, own,
				 link->name);
		finding_text(finding, "device", "%s", link->name);
		finding_text(finding, "sysctl", "%s", name);
		finding_number(finding, "found", 1);
		finding_remedy(finding, "sysctl -w %s=2", sysctl_name(name, key));
	}
}

/* 1 it is on, 0 off, -1 there is no such setting, -2 unknown. */
static int bridge_netfilter(struct diagnosis *d, struct netns_facts *node, const char *sysctl)
{
	long value;

	if (facts_sysctl(d->facts, node, sysctl, &value))
		return value != 0;
	array_each(fact, &d->facts->sysctls) {
		if (fact->netns == node->inode && !strcmp(fact->name, sysctl))
			return fact->error == -ENOENT ? -1 : -2;
	}
	return -2;
}

/* The bridge with the most pods, and how many. */
static const struct link *shared_bridge(struct diagnosis *d, struct netns_facts *node,
					unsigned *most)
{
	const struct link *found = NULL;

	*most = 0;
	array_each(link, &node->links) {
		unsigned pods = 0;

		if (strcmp(link->kind, "bridge"))
			continue;
		array_each(pod, &d->facts->pods) {
			const struct link *port =
				check_is_pod(pod) ? lookup_link(d, node->inode, pod->host_ifindex)
						  : NULL;

			pods += port && port->master == link->ifindex;
		}
		if (pods > *most) {
			*most = pods;
			found = link;
		}
	}
	return found;
}

static void check_bridge_netfilter(struct diagnosis *d, struct finding_list *list,
				   const struct check_view *view, const char *bridge_sysctl)
{
	struct netns_facts *node = lookup_node(d);
	unsigned pods;
	const struct link *bridge = shared_bridge(d, node, &pods);
	struct finding *finding;
	int state;

	/* A single pod has nobody on its bridge to hear from directly. */
	if (!bridge || pods < 2 || !view->services.count)
		return;
	state = bridge_netfilter(d, node, bridge_sysctl);
	if (state == 1 || state == -2)
		return;
	finding = finding_new(list, "bridge-netfilter-off", "cni", SEVERITY_ERROR, BASIS_STATE);
	finding_key(finding, "%s", bridge_sysctl);
	finding_where(finding, d, node->inode, bridge->ifindex);
	finding_summary(finding,
			"%s is %s: replies between the %u pods on %s are not translated back, so a "
			"Service fails when its endpoint is on the same node.",
			bridge_sysctl, bridge_netfilter_state(!state), pods, bridge->name);
	bridge_netfilter_mend(finding, bridge_sysctl, !state);
}

/* Without IPv6 Services nobody needs them translated. */
static bool has_services6(struct diagnosis *d)
{
	struct address min, max;
	struct netns_facts *node = lookup_node(d);

	return facts_need(d->facts, node, FACT_RULES) &&
	       service_cluster_addresses(&node->rules, 6, &min, &max);
}

static void check_conntrack(struct diagnosis *d, struct finding_list *list,
			    const struct check_view *view)
{
	uint64_t count = view->conntrack_count, max = view->conntrack_max;
	bool full = view->has_conntrack && count * 100 >= max * CONNTRACK_FULL;
	struct finding *finding;

	if (!view->has_conntrack || count * 100 < max * CONNTRACK_NEARLY)
		return;
	finding = finding_new(list, "conntrack-full", "overload",
			      full ? SEVERITY_ERROR : SEVERITY_WARNING, BASIS_STATE);
	finding_key(finding, "node");
	finding_where(finding, d, d->facts->node_netns, 0);
	finding_summary(finding, "The connection table is %s: %llu of %llu entries.%s",
			full ? "full" : "nearly full", (unsigned long long)count,
			(unsigned long long)max, full ? " New connections are dropped." : "");
	finding_evidence(finding, "fact nf_conntrack_count %llu, nf_conntrack_max %llu",
			 (unsigned long long)count, (unsigned long long)max);
	finding_number(finding, "found", (int64_t)count);
	finding_number(finding, "count", (int64_t)count);
	finding_number(finding, "max", (int64_t)max);
	finding_remedy(
		finding, "%ssysctl -w net.netfilter.nf_conntrack_max=%llu",
		facts_sysctl_enter(d->facts, lookup_node(d), "net.netfilter.nf_conntrack_max"),
		(unsigned long long)max * 2);
	finding_remedy(finding, "# kube-proxy sets it at its start: conntrack.maxPerCore in its "
				"configuration");
}

static void check_stale(struct diagnosis *d, struct finding_list *list,
			const struct node_config *config, const struct check_range *range)
{
	bool many = range->stale * STALE_SHARE >= range->size;
	struct finding *finding;
	char base[ADDRESS_TEXT];

	/* A range that is full says this, too. */
	if (!range->stale || !range->size || range->used * 10 >= range->size * 9)
		return;
	finding = finding_new(list, "ipam-stale", "cni", many ? SEVERITY_WARNING : SEVERITY_INFO,
			      BASIS_STATE);
	address_text(range->subnet, base);
	finding_key(finding, "%s", base);
	finding_where(finding, d, d->facts->node_netns, 0);
	finding_summary(finding,
			"%llu of %llu addresses of %s/%u are reserved by pods that are gone.",
			(unsigned long long)range->stale, (unsigned long long)range->size, base,
			range->prefix_len);
	finding_evidence(
		finding, "count %llu reservations in network %s, %llu whose sandbox does not live",
		(unsigned long long)range->used, range->network, (unsigned long long)range->stale);
	finding_text(finding, "range", "%s/%u", base, range->prefix_len);
	finding_number(finding, "used", (int64_t)range->used);
	finding_number(finding, "stale", (int64_t)range->stale);
	finding_number(finding, "max", (int64_t)range->size);
	ipam_remedy(finding, config, range->network);
}

static void bad_conflist(struct diagnosis *d, struct finding_list *list,
			 const struct cni_conf *conf, bool first)
{
	struct finding *finding = finding_new(
		list, "cni-config", "cni", first ? SEVERITY_ERROR : SEVERITY_WARNING, BASIS_STATE);

	finding_key(finding, "%.120s", conf->file);
	finding_where(finding, d, d->facts->node_netns, 0);
	finding_summary(finding, "The CNI configuration %.120s cannot be used: %.120s.%s",
			conf->file, conf->error,
			first ? " New pods of this node get no network." : "");
	finding_evidence(finding, "fact /etc/cni/net.d/%.200s: %.120s", conf->file, conf->error);
	finding_text(finding, "file", "%s", conf->file);
	finding_remedy(finding, "cat /etc/cni/net.d/%s", conf->file);
}

static bool is_cluster_plugin(const struct cni_conf *conf)
{
	static const char *const types[] = {"flannel", "calico",    "cilium*",  "weave*",
					    "antrea",  "kube-ovn*", "aws-cni*", "azure*"};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (text_glob(types[i], conf->type))
			return true;
	}
	return false;
}

/* More than one network: the container runtime takes the first by name, whoever wrote it. */
static void several_conflists(struct diagnosis *d, struct finding_list *list,
			      const struct node_config *config)
{
	const struct cni_conf *first = NULL;
	struct finding *finding;
	unsigned others = 0, pods = 0, plugins = 0;
	bool shadowed = false;
	char files[400] = "";

	/* Some runtimes keep a file for the loopback device: no network of pods. */
	array_each(conf, &config->confs) {
		if (conf->error[0])
			continue; /* bad_conflist() tells of it */
		if (!first)
			first = conf;
		plugins += strcmp(conf->type, "loopback") != 0;
		shadowed |= conf != first && is_cluster_plugin(conf) && !is_cluster_plugin(first);
	}

	if (!first)
		return;
	array_each(pod, &d->facts->pods) {
		bool other = check_is_pod(pod) && pod->cni_network[0] && first->name[0] &&
			     strcmp(pod->cni_network, first->name);

		others += other;
		pods += check_is_pod(pod);
	}
	if (plugins < 2 && !others)
		return;
	finding = finding_new(list, others ? "cni-subnet-mismatch" : "cni-conflists", "cni",
			      others || shadowed ? SEVERITY_WARNING : SEVERITY_INFO, BASIS_STATE);
	array_each(conf, &config->confs)
		text_append(files, sizeof(files), "%s%.60s (%.40s)", files[0] ? ", " : "",
			    conf->file, conf->name);
	finding_key(finding, "conflists");
	finding_where(finding, d, d->facts->node_netns, 0);
	if (others)
		finding_summary(finding,
				"%u of %u pods come from another CNI network than the one that new "
				"pods get (%.60s).",
				others, pods, first->name);
	else
		finding_summary(finding,
				"There are %zu CNI configurations; new pods get the first by name, "
				"%.120s, and the others are not used.",
				(size_t)plugins, first->file);
	finding_evidence(finding, "fact /etc/cni/net.d: %s", files);
	array_each(pod, &d->facts->pods) {
		if (others && check_is_pod(pod) && pod->cni_network[0] &&
		    strcmp(pod->cni_network, first->name) && others <= 8)
			finding_evidence(finding, "fact %.120s/%.120s is of network %s",
					 pod->namespace, pod->name, pod->cni_network);
	}
	finding_text(finding, "expected", "%s", first->name);
	finding_number(finding, "count", plugins);
	finding_remedy(finding, "ls /etc/cni/net.d");
	finding_remedy(finding, "# remove the file of the plugin that is not in use%s",
		       others ? ", then recreate the pods of the other network" : "");
}

void check_node(struct diagnosis *d, struct finding_list *list, const struct check_view *view)
{
	const struct node_config *config = facts_config(d->facts);

	check_forwarding(d, list, view);
	check_forwarding6(d, list);
	check_reverse_path(d, list, view);
	check_bridge_netfilter(d, list, view, bridge_netfilter_sysctl(4));
	if (has_services6(d))
		check_bridge_netfilter(d, list, view, bridge_netfilter_sysctl(6));
	check_conntrack(d, list, view);
	if (!config)
		return;
	array_each(range, &view->ranges)
		check_stale(d, list, config, range);
	if (!config->confs.count)
		return;
	array_each(conf, &config->confs) {
		if (conf->error[0])
			bad_conflist(d, list, conf, conf == config->confs.items);
	}
	several_conflists(d, list, config);
}
