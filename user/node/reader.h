/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The readers behind node_reader, one per kind of fact. Each is called while the thread
 * visits ns's network namespace, appends to the arrays of ns and returns 0 or a negative
 * errno; reader.c makes the visit, and turns the errno into the sentence in ns->error
 * unless the reader has already written one.
 */
#ifndef CNITRACE_NODE_READER_H
#define CNITRACE_NODE_READER_H

#include "node/facts.h"

/* Upper bounds, so that a node gone wild cannot fill our memory; beyond them a gap is noted. */
#define READER_MAX_LINKS 8192
#define READER_MAX_ROUTES 16384
#define READER_MAX_NEIGHBOURS 16384
#define READER_MAX_SOCKETS 32768

int links_read(struct facts *facts, struct netns_facts *ns);
int addresses_read(struct facts *facts, struct netns_facts *ns);
int routes_read(struct facts *facts, struct netns_facts *ns);
int neighbours_read(struct facts *facts, struct netns_facts *ns);
int fdb_read(struct facts *facts, struct netns_facts *ns);
int sockets_read(struct facts *facts, struct netns_facts *ns);
int qdiscs_read(struct facts *facts, struct netns_facts *ns);
int counters_read(struct facts *facts, struct netns_facts *ns);
int programs_read(struct facts *facts, struct netns_facts *ns); /* of the links known by then */
int conntrack_read(struct facts *facts, struct netns_facts *ns);

/* Not visited: fills lower_netns of ns's links from the namespaces that are registered by now. */
void links_resolve(struct facts *facts, struct netns_facts *ns);
/* Not visited: how ns numbers the namespace at `path`, -1 when it does not, or when `inode` is not there. */
int links_nsid(const struct netns_facts *ns, const char *path, uint32_t inode);

int route_ask(const struct route_query *query, struct route_answer *answer); /* visited */
int conntrack_find(const struct tuple *tuple, struct conntrack_entry *entry); /* visited */
int sysctl_read(const char *name, char *value, size_t size); /* visited for net.* */
/* Can it be set where this thread is? The kernel shows some to every namespace and lets the first alone set them. */
bool sysctl_is_own(const char *name);

/* Not visited: these read files and /proc. */
int cni_read_config(struct facts *facts, struct node_config *config);
int resolv_read(struct facts *facts, const struct pod *pod, struct resolv_conf *conf);
int processes_find(struct facts *facts, struct netns_facts *ns); /* of ns->sockets */
/* A program's name. False: it has none, or is not there any more. */
bool program_name(uint32_t id, char name[32]);
/* Which of these types (bits 1 << BPF_PROG_TYPE_*) a BPF program on this machine is of; all of them when it cannot be known. */
uint64_t program_types_loaded(uint64_t types);
int cgroup_programs_read(struct facts *facts, struct netns_facts *ns, uint64_t cgroup, bool egress,
			 struct program_fact *programs, size_t max);

#endif
