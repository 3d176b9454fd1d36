/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One run of the probe command: its targets, the packets still waited for, and the trace around them.
 * Shared by the files of the command.
 */
#ifndef CNITRACE_COMMANDS_PROBE_H
#define CNITRACE_COMMANDS_PROBE_H

#include "commands/capture.h"
#include "node/probe_socket.h"
#include "output/document_probe.h"

#define PROBE_MAX_TARGETS 64
#define PROBE_MAX_COUNT 100000
#define PROBE_MAX_OPEN 256 /* packets of all targets waited for at a time */
#define PROBE_INTERVAL_MIN_NS 10000000ull
#define PROBE_TARGET_MIN_NS                                                                        \
	2000000ull /* of --interval for each target: at most 500 rounds a second */
#define PROBE_TTL_MAX 16
#define PROBE_ENDS 64 /* endpoints of one target */

struct probe_options {
	const char *pod, *netns, *root, *probes, *colour, *source, *targets_file, *to;
	uint64_t count, interval_ns, timeout_ns, ring_bytes, tos, listen;
	bool json, continuous, report, journeys, inside;
	bool timeout_given;
};

/* A test packet on its way. */
struct probe_try {
	uint64_t key, sent_ns;
	int fd; /* of its own, -1: the target's */
};

struct probe_end { /* where a Service's packets really went */
	struct address address;
	uint16_t port;
};

struct probe_lookup; /* commands/probe_dns.c */
struct probe_search; /* commands/probe_mtu.c */
struct probe_hops; /* commands/probe_hops.c */

struct probe_target {
	struct probe_result result;
	struct hop_table table;
	int fd; /* echo: raw socket, -1 none */
	uint16_t id, seq;
	uint64_t left, next_ns;
	ARRAY(struct probe_try) tries;
	ARRAY(struct probe_end) ends;
	bool is_service; /* ends: what the node's rules make of it */
	struct probe_lookup *lookup;
	struct probe_search *search;
	struct probe_hops *hops; /* beyond the node, NULL none */
};

struct probe_server; /* commands/probe_server.c */

struct probe {
	const struct probe_options *options;
	struct session session;
	struct capture capture;
	struct printer *printer;
	struct probe_where where;
	struct resolv_conf resolv; /* of the pod, or the node */
	ARRAY(struct probe_target) targets;
	int listen_fd; /* --listen, -1 none */
	ARRAY(struct probe_server) servers;
	bool live;
	uint64_t drawn_ns;
};

/* probe_send.c: no packet exists, this kernel refused it with `err` (negative). */
void probe_failed(struct probe *probe, struct probe_target *target, int err, const char *what);

/* probe_run.c */
int probe_run(struct probe *probe, struct error *error);

/* probe_send.c */
void probe_target_send(struct probe *probe, struct probe_target *target, uint64_t now);
/* Something may have arrived; every open packet of the target is looked at. */
void probe_target_receive(struct probe *probe, struct probe_target *target);
void probe_target_expire(struct probe *probe, struct probe_target *target, uint64_t now);
bool probe_target_done(const struct probe *probe, const struct probe_target *target);
size_t probe_target_fds(const struct probe_target *target, struct pollfd *fds, size_t room);
void probe_target_free(struct probe_target *target);

/* probe_match.c: two queries leave by one port; the DNS id, which records have for port 53 only, tells them apart. */
uint64_t probe_query_key(const struct probe_target *target, uint16_t port, uint16_t id);
uint8_t probe_target_proto(const struct probe_target *target);
/* probe_match.c: an address that the target's packets may be for after translation. */
void probe_end_add(struct probe_target *target, struct address address, uint16_t port);
/* probe_match.c: whose packet a journey was. */
void probe_match(struct probe_target *target, const struct journey *journey, bool from_pod);

/* probe_report.c */
void probe_draw(struct probe *probe);
int probe_report(struct probe *probe);

#endif
