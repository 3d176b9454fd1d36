/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A trace from attach to detach: which devices, the start line, the loop, and what ends it.
 */
#include "commands/trace.h"

#include <errno.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "commands/run.h"
#include "kernel/filter.h"
#include "node/link_watch.h"

#define TICK_MS 40 /* programs do not wake us for every record */
#define GRACE_NS 80000000ull /* after the command: drops and answers on their way */
#define GRACE_MAX_NS 3600000000ull /* … and address resolution, which gives up after 3 s */
#define FLUSH_QUIET_NS 1000000000ull /* live text: journeys are printed once it is quiet */

uint64_t trace_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

static bool device_asked(const struct trace *t, const struct device *device)
{
	if (device->netns != t->session.topology.node_netns || device->role == ROLE_LOOPBACK)
		return false;
	if (!t->options->devices.texts.count)
		return true;
	array_each(pattern, &t->options->devices.texts) {
		if (text_glob(*pattern, device->name))
			return true;
	}
	return false;
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
static int devices_attach(struct trace *t, struct error *error)
{
	struct topology *topology = &t->session.topology;
	int count = 0;

	array_each(device, &topology->devices) {
		int err;

		if (device->traced || !device_asked(t, device))
			continue;
		err = tracer_attach_device(t->tracer, device->ifindex, device->name,
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

static int devices_missing(struct trace *t, struct error *error)
{
	char list[300] = "", shown[64];

	array_each(device, &t->session.topology.devices) {
		if (device->netns == t->session.topology.node_netns)
			text_append(list, sizeof(list), "%s%s", list[0] ? ", " : "",
				    text_escape(shown, sizeof(shown), device->name));
	}
	if (!t->options->devices.texts.count)
		return error_set(error, -ENODEV, "no device to trace here; devices: %s", list);
	return error_set(error, -ENODEV, "no device \"%s\" here; devices: %s",
			 text_escape(shown, sizeof(shown), t->options->devices.texts.items[0]),
			 list);
}

static void config_tunnel_ports(struct trace *t, struct tracer_config *config)
{
	struct netns_facts *ns = facts_netns(t->session.facts, t->session.facts->node_netns);
	size_t count = 2;

	config->vxlan_ports[0] = 8472;
	config->vxlan_ports[1] = 4789;
	config->geneve_port = 6081;
	if (!ns || !facts_need(t->session.facts, ns, FACT_LINKS))
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

static void config_subject(struct trace *t, struct tracer_config *config)
{
	struct session *s = &t->session;
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

static int tracer_start(struct trace *t, struct error *error)
{
	struct tracer_options options = {
		.filter = t->filter,
		.ring_bytes = t->options->ring_bytes,
		.refusals = t->session.subject_netns != 0,
		.probes = t->options->probes,
	};
	int err;

	options.config.node_netns = t->session.topology.node_netns;
	config_tunnel_ports(t, &options.config);
	config_subject(t, &options.config);
	err = tracer_open(&options, &t->tracer, error);
	if (err)
		return err;
	array_each(ns, &t->session.facts->namespaces)
		tracer_add_namespace(t->tracer, (*ns)->inode);
	array_each(device, &t->session.topology.devices) {
		if (device_asked(t, device))
			tracer_sweep(&device->ifindex, 1);
	}
	err = devices_attach(t, error);
	if (err < 0)
		return err;
	if (!err)
		return devices_missing(t, error);
	return tracer_attach_probes(t->tracer);
}

/* Counters as they stand before the first packet: what grows later tells which rule dropped. */
static void facts_before(struct trace *t, uint32_t netns)
{
	struct netns_facts *ns = facts_netns(t->session.facts, netns);

	if (!ns)
		return;
	if (facts_need(t->session.facts, ns, FACT_RULES)) {
		ns->rules_before = ns->rules;
		memset(&ns->rules, 0, sizeof(ns->rules));
		ns->has_rules_before = true;
	}
	if (facts_need(t->session.facts, ns, FACT_CONNTRACK)) {
		ns->conntrack_before = ns->conntrack;
		ns->has_conntrack_before = true;
	}
	ns->known &= ~(FACT_RULES | FACT_CONNTRACK);
	ns->failed &= ~(FACT_RULES | FACT_CONNTRACK);
}

static void start_print(struct trace *t)
{
	struct utsname kernel;
	struct start_info info = {.version = CNITRACE_VERSION,
				  .filter = t->options->expression,
				  .command = t->command_line};
	char pod[520];

	uname(&kernel);
	info.kernel = kernel.release;
	if (t->session.pod) {
		snprintf(pod, sizeof(pod), "%s/%s", t->session.pod->namespace,
			 t->session.pod->name);
		info.pod = pod;
	}
	info.probes = tracer_probes(t->tracer, &info.probe_count);
	printer_print(t->printer, document_start(&info, &t->session.names));
}

static int signals_open(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

static void signals_read(struct trace *t)
{
	struct signalfd_siginfo info;

	while (read(t->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo != SIGCHLD)
			t->stop = true;
	}
}

#define ARP_REQUEST 1
#define ARP_REPLY 2

/* An ARP request makes its target unresolved, the target's reply resolves it. */
void unresolved_note(struct unresolved *u, const struct packet *packet)
{
	size_t room = sizeof(u->targets) / sizeof(u->targets[0]);
	struct address address;

	if (packet->ip_version || packet->ethertype != 0x0806)
		return;
	address = address_make(4, packet->seq == ARP_REQUEST ? packet->dst : packet->src);
	if (address_is_unspecified(address))
		return;
	for (size_t i = 0; i < room; i++) {
		if (!address_equal(u->targets[i], address))
			continue;
		if (packet->seq == ARP_REPLY)
			u->targets[i].version = 0;
		return;
	}
	/* a gratuitous request asks for the sender itself */
	if (packet->seq == ARP_REQUEST && !address_equal(address, address_make(4, packet->src)))
		u->targets[u->next++ % room] = address;
}

bool unresolved_any(const struct unresolved *u)
{
	for (size_t i = 0; i < sizeof(u->targets) / sizeof(u->targets[0]); i++) {
		if (u->targets[i].version)
			return true;
	}
	return false;
}

static int record_take(void *context, const void *bytes, size_t size)
{
	struct trace *t = context;
	struct record_view view = {};

	if (!record_parse(bytes, size, &view) && view.refused) {
		flow_table_refuse(t->flows, &view);
		return 0;
	}
	t->subject_records++;
	if (view.record)
		unresolved_note(&t->unresolved, &view.record->packet);
	journey_table_add(t->journeys, bytes, size);
	return 0;
}

static void link_changed(void *context, uint32_t ifindex, bool gone)
{
	struct trace *t = context;
	const struct device *known =
		topology_device(&t->session.topology, t->session.topology.node_netns, ifindex);

	if (gone)
		tracer_forget_device(t->tracer, ifindex);
	else if (!known)
		t->links_changed = true;
}

static void links_follow(struct trace *t)
{
	struct error error;

	t->links_changed |= link_watch_read(t->link_fd, link_changed, t);
	if (!t->links_changed)
		return;
	t->links_changed = false;
	if (session_refresh(&t->session, &error) || devices_attach(t, &error) < 0)
		fprintf(stderr, "cnitrace: a new device is not traced: %s\n", error.text);
	array_each(ns, &t->session.facts->namespaces)
		tracer_add_namespace(t->tracer, (*ns)->inode);
}

/* Whoever holds the other end of standard input (kubectl exec -i, ssh) ends the trace by closing it. */
static void input_read(struct trace *t)
{
	char ignored[512];

	if (read(STDIN_FILENO, ignored, sizeof(ignored)) > 0)
		return;
	t->input_ended = true;
	t->stop = true;
}

static int records_poll(struct trace *t, int timeout_ms)
{
	struct pollfd fds[] = {
		{.fd = tracer_fd(t->tracer), .events = POLLIN},
		{.fd = t->signal_fd, .events = POLLIN},
		{.fd = t->link_fd, .events = POLLIN},
		{.fd = t->options->until_eof && !t->input_ended ? STDIN_FILENO : -1,
		 .events = POLLIN},
	};

	poll(fds, sizeof(fds) / sizeof(fds[0]), timeout_ms);
	if (fds[1].revents)
		signals_read(t);
	if (t->link_fd >= 0 && fds[2].revents)
		links_follow(t);
	if (fds[3].revents)
		input_read(t);
	return tracer_poll(t->tracer, 0, record_take, t);
}

/* The command has ended: late drops still count, and packets that wait for an address are waited for. */
static void grace(struct trace *t)
{
	uint64_t end = trace_now(), now;

	t->stop = false;
	do {
		records_poll(t, 10);
		now = trace_now();
	} while (!t->stop && (now < end + GRACE_NS || ((journey_table_pending(t->journeys) ||
							unresolved_any(&t->unresolved)) &&
						       now < end + GRACE_MAX_NS)));
}

static void loop(struct trace *t)
{
	const struct trace_options *o = t->options;
	uint64_t now = trace_now();

	while (!t->stop) {
		records_poll(t, TICK_MS);
		now = trace_now();
		journey_table_expire(t->journeys, now);
		if (t->child > 0) {
			t->child_status = run_status(t->child);
			if (t->child_status >= 0)
				break;
		} else if (t->last_journey_ns && now - t->last_journey_ns > FLUSH_QUIET_NS) {
			printer_flush(t->printer);
			t->last_journey_ns = 0;
		}
		if (o->duration_ns && now - t->started_ns >= o->duration_ns)
			break;
		if (ferror(stdout))
			break; /* nobody reads us any more */
	}
	if (t->child > 0 && t->child_status < 0) {
		kill(t->child, SIGTERM);
		for (int i = 0; i < 100 && t->child_status < 0; i++) {
			records_poll(t, 10);
			t->child_status = run_status(t->child);
		}
		if (t->child_status < 0) {
			kill(t->child, SIGKILL);
			t->child_status = 128 + SIGKILL;
		}
	}
	if (t->child > 0 && t->child_status >= 0)
		grace(t);
	while (tracer_poll(t->tracer, 0, record_take, t) > 0)
		;
}

int trace_run(struct trace *t, struct error *error)
{
	struct session *s = &t->session;
	struct resolv_conf resolv = {};
	int err;

	t->signal_fd = signals_open();
	t->link_fd = link_watch_open();
	err = tracer_start(t, error);
	if (err)
		return err;
	facts_before(t, s->facts->node_netns);
	if (s->subject_netns && s->subject_netns != s->facts->node_netns)
		facts_before(t, s->subject_netns);
	start_print(t);
	t->started_ns = trace_now();
	if (t->options->command) {
		if (s->pod)
			s->facts->reader->resolv_conf(s->facts, s->pod, &resolv);
		t->child = run_start(t->options->command, s->subject_path,
				     resolv.path[0] ? resolv.path : NULL, error);
		if (t->child < 0)
			return t->child;
	}
	loop(t);
	/* before the devices are let go one by one: what then passes is seen on some of them only */
	journey_table_finish(t->journeys, trace_now());
	tracer_detach(t->tracer);
	return 0;
}
