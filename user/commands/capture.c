/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Attaching for a subject, reading records, and the diagnosis at the end.
 */
#include "commands/capture.h"

#include <errno.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "diagnose/drop_class.h"
#include "node/link_watch.h"

#define MAX_EXTRA_FDS 512

uint64_t capture_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

static void journey_closed(void *context, const struct journey *journey)
{
	struct capture *c = context;
	struct journey copy = *journey;

	if (c->wanted && !c->wanted(c->context, journey))
		return;
	flow_table_add(c->flows, journey, &copy.flow_id);
	if (c->closed)
		c->closed(c->context, &copy);
}

static void drop_named(void *context, struct drop *drop)
{
	struct capture *c = context;
	const char *why;

	kernel_name_drop(c->kernel_names, drop);
	drop->benign = drop_is_benign(drop, &why);
}

static int tables_new(struct capture *c, const struct capture_options *options, struct error *error)
{
	struct journey_config config = {
		.topology = &c->session->topology,
		.closed = journey_closed,
		.name_drop = drop_named,
		.context = c,
	};
	int err;

	if (options->expression) {
		err = filter_compile(options->expression, &c->filter, error);
		if (err)
			return err;
	}
	c->kernel_names = kernel_names_new();
	c->flows = flow_table_new(&c->session->topology, options->max_flows);
	c->journeys = journey_table_new(&config);
	if (!c->kernel_names || !c->flows || !c->journeys)
		return error_set(error, -ENOMEM, "out of memory");
	return 0;
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

static bool device_wanted(const struct capture *c, const struct device *device)
{
	return device->netns == c->session->topology.node_netns && device->role != ROLE_LOOPBACK;
}

/* Number attached, or negative errno. */
static int devices_attach(struct capture *c, struct error *error)
{
	int count = 0;

	array_each(device, &c->session->topology.devices) {
		int err;

		if (device->traced || !device_wanted(c, device))
			continue;
		err = tracer_attach_device(c->tracer, device->ifindex, device->name,
					   device_has_ether(device->name), error);
		if (err == -ENODEV)
			continue; /* gone meanwhile */
		if (err)
			return err;
		device->traced = true;
		count++;
	}
	return count;
}

static void config_tunnel_ports(struct capture *c, struct tracer_config *config)
{
	struct facts *facts = c->session->facts;
	struct netns_facts *ns = facts_netns(facts, facts->node_netns);
	size_t count = 2;

	config->vxlan_ports[0] = 8472;
	config->vxlan_ports[1] = 4789;
	config->geneve_port = 6081;
	if (!ns || !facts_need(facts, ns, FACT_LINKS))
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

static void config_subject(struct capture *c, struct tracer_config *config)
{
	struct session *s = c->session;
	struct netns_facts *ns;

	if (!s->subject_netns)
		return;
	config->has_subject = 1;
	config->subject_netns = s->subject_netns;
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

static int tracer_start(struct capture *c, const struct capture_options *o, struct error *error)
{
	struct tracer_options options = {
		.filter = c->filter, .ring_bytes = o->ring_bytes, .probes = o->probes};
	int err;

	options.config.node_netns = c->session->topology.node_netns;
	config_tunnel_ports(c, &options.config);
	config_subject(c, &options.config);
	err = tracer_open(&options, &c->tracer, error);
	if (err)
		return err;
	array_each(ns, &c->session->facts->namespaces)
		tracer_add_namespace(c->tracer, (*ns)->inode);
	array_each(device, &c->session->topology.devices) {
		if (device_wanted(c, device))
			tracer_sweep(&device->ifindex, 1);
	}
	err = devices_attach(c, error);
	if (err < 0)
		return err;
	if (!err)
		return error_set(error, -ENODEV, "no device to trace here");
	return tracer_attach_probes(c->tracer);
}

/* Counters as they stand before the first packet: what grows later tells which rule dropped. */
static void facts_before(struct capture *c, uint32_t netns)
{
	struct facts *facts = c->session->facts;
	struct netns_facts *ns = facts_netns(facts, netns);

	if (!ns)
		return;
	if (facts_need(facts, ns, FACT_RULES)) {
		ns->rules_before = ns->rules;
		memset(&ns->rules, 0, sizeof(ns->rules));
		ns->has_rules_before = true;
	}
	if (facts_need(facts, ns, FACT_CONNTRACK)) {
		ns->conntrack_before = ns->conntrack;
		ns->has_conntrack_before = true;
	}
	ns->known &= ~(FACT_RULES | FACT_CONNTRACK);
	ns->failed &= ~(FACT_RULES | FACT_CONNTRACK);
}

static int signals_open(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

int capture_start(struct capture *c, struct session *session, const struct capture_options *options,
		  struct error *error)
{
	int err;

	c->session = session;
	c->signal_fd = signals_open();
	c->link_fd = link_watch_open();
	err = tables_new(c, options, error);
	if (!err)
		err = tracer_start(c, options, error);
	if (err)
		return err;
	facts_before(c, session->facts->node_netns);
	if (session->subject_netns && session->subject_netns != session->facts->node_netns)
		facts_before(c, session->subject_netns);
	c->started_ns = capture_now();
	return 0;
}

static int record_take(void *context, const void *bytes, size_t size)
{
	struct capture *c = context;

	c->subject_records++;
	journey_table_add(c->journeys, bytes, size);
	return 0;
}

static void link_changed(void *context, uint32_t ifindex, bool gone)
{
	struct capture *c = context;
	const struct topology *topology = &c->session->topology;

	if (gone)
		tracer_forget_device(c->tracer, ifindex);
	else if (!topology_device(topology, topology->node_netns, ifindex))
		c->links_changed = true;
}

static void links_follow(struct capture *c)
{
	struct error error;

	c->links_changed |= link_watch_read(c->link_fd, link_changed, c);
	if (!c->links_changed)
		return;
	c->links_changed = false;
	if (session_refresh(c->session, &error) || devices_attach(c, &error) < 0)
		fprintf(stderr, "cnitrace: a new device is not traced: %s\n", error.text);
	array_each(ns, &c->session->facts->namespaces)
		tracer_add_namespace(c->tracer, (*ns)->inode);
}

void capture_wait(struct capture *c, struct pollfd *extra, size_t count, int timeout_ms)
{
	struct pollfd fds[MAX_EXTRA_FDS + 3];
	struct signalfd_siginfo info;

	if (count > MAX_EXTRA_FDS)
		count = MAX_EXTRA_FDS;
	fds[0] = (struct pollfd){.fd = tracer_fd(c->tracer), .events = POLLIN};
	fds[1] = (struct pollfd){.fd = c->signal_fd, .events = POLLIN};
	fds[2] = (struct pollfd){.fd = c->link_fd, .events = POLLIN};
	if (count)
		memcpy(&fds[3], extra, count * sizeof(*extra));
	poll(fds, count + 3, timeout_ms);
	if (count)
		memcpy(extra, &fds[3], count * sizeof(*extra));
	while (fds[1].revents && read(c->signal_fd, &info, sizeof(info)) == sizeof(info))
		c->stop = true;
	if (fds[2].revents)
		links_follow(c);
}

void capture_take(struct capture *c)
{
	tracer_poll(c->tracer, 0, record_take, c);
	journey_table_expire(c->journeys, capture_now());
}

void capture_stop(struct capture *c)
{
	while (tracer_poll(c->tracer, 0, record_take, c) > 0)
		;
	journey_table_finish(c->journeys, capture_now());
	tracer_detach(c->tracer);
}

static bool totals_complete(const struct hook_totals *totals, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (totals[i].lost)
			return false;
	}
	return true;
}

void capture_diagnose(struct capture *c, struct printer *printer, struct finding_list *list)
{
	struct session *s = c->session;
	struct hook_totals totals[COUNTER_HOOKS];
	struct diagnosis diagnosis = {
		.flows = c->flows,
		.facts = s->facts,
		.topology = &s->topology,
		.command_status = -1,
		.subject_netns = s->subject_netns,
		.subject_pod = s->pod,
		.subject_records = c->subject_records,
	};

	diagnosis.complete = totals_complete(totals, tracer_totals(c->tracer, totals));
	facts_forget(s->facts, ~0u);
	flow_table_settle(c->flows, UINT64_MAX);
	printer_flush(printer);
	array_each(refusal, &c->flows->refusals)
		printer_print(printer, document_refusal(refusal, &s->names));
	diagnose(&diagnosis, list);
}

void capture_findings(struct capture *c, struct printer *printer, const struct finding_list *list)
{
	array_each(finding, &list->findings)
		printer_print(printer, document_finding(*finding, &c->session->names));
}

void capture_summary(struct capture *c, struct printer *printer, const struct finding_list *list,
		     int exit_status)
{
	struct hook_totals totals[COUNTER_HOOKS];
	struct summary_info summary = {
		.journeys = journey_table_counts(c->journeys),
		.hooks = totals,
		.command_status = -1,
		.duration_ns = capture_now() - c->started_ns,
		.flows = c->flows->flows.count,
		.flows_dropped = c->flows->flows_dropped,
		.exit_status = exit_status,
	};
	const char *gap = kernel_names_gap(c->kernel_names);

	summary.hook_count = tracer_totals(c->tracer, totals);
	summary.complete = totals_complete(totals, summary.hook_count);
	array_each(finding, &list->findings) {
		summary.findings_error += (*finding)->severity == SEVERITY_ERROR;
		summary.findings_warning += (*finding)->severity == SEVERITY_WARNING;
		summary.findings_info += (*finding)->severity == SEVERITY_INFO;
	}
	printer_print(printer, document_summary(&summary, &c->session->names));
	fflush(stdout);
	if (gap)
		fprintf(stderr, "cnitrace: %s\n", gap);
	array_each(sentence, &c->session->facts->gaps)
		fprintf(stderr, "cnitrace: %s\n", *sentence);
}

void capture_free(struct capture *c)
{
	tracer_close(c->tracer);
	journey_table_free(c->journeys);
	flow_table_free(c->flows);
	kernel_names_free(c->kernel_names);
	filter_free(c->filter);
	if (c->signal_fd > 0)
		close(c->signal_fd);
	if (c->link_fd > 0)
		close(c->link_fd);
}
