/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Findings: named faults with evidence and remedy, and the rules that make them from
 * flows and facts. Pure: everything a rule reads comes in through struct diagnosis.
 *
 * One file per fault class (diagnose/unreachable.c, mtu.c, port.c, cni.c, service.c,
 * overload.c, dns.c, path.c), each with one entry function; diagnose.c calls them,
 * folds consequences under their causes and ranks.
 */
#ifndef CNITRACE_DIAGNOSE_FINDING_H
#define CNITRACE_DIAGNOSE_FINDING_H

#include "node/facts.h"
#include "packet/flow.h"

enum severity { SEVERITY_INFO, SEVERITY_WARNING, SEVERITY_ERROR };

/* How a thing is known; confidence starts here (see diagnose.c) and falls with every gap. */
enum basis {
	BASIS_SEEN, /* a probe saw the very drop, or the answer itself: 0.97 */
	BASIS_COUNTER, /* a counter moved by the right number: 0.9 */
	BASIS_STATE, /* node state explains it completely: 0.85 */
	BASIS_ABSENCE, /* inferred from what did not come: 0.6 */
};

/* A machine-readable number or word of a finding: finding.facts in JSON. */
struct finding_fact {
	char key[32];
	bool is_number;
	int64_t number;
	char *text; /* allocated, when !is_number */
};

struct finding {
	char id[32]; /* faults.md */
	char class[16]; /* unreachable, overload, port, mtu, cni, service, dns, path */
	enum severity severity;
	enum basis basis;
	double confidence;
	uint64_t count,
		of; /* packets concerned, of how many of that direction; of 0: not about packets */
	uint64_t flow_id; /* 0 none */
	struct tuple flow; /* forward tuple as the client sent it; proto 0 none */
	/* where */
	char node[256], pod[520], device[16];
	char peer_device[16]; /* the other end, of a veth */
	char containers
		[192]; /* of the pod: the one it is about, or "web,sidecar" when it may be any */
	char netns[64]; /* label of the namespace */
	char summary[512];
	ARRAY(char *) evidence; /* each starts with a word: "seen …", "fact …", "count …" */
	ARRAY(char *) remedy; /* commands where possible; a note is a sentence starting with '#' */
	ARRAY(struct finding_fact) facts;
	ARRAY(char *) consequences; /* ids folded under this cause: "service-endpoint-dead (…)" */
	double weight; /* private to ranking */
	char key[160]; /* private: findings of one id and key are one fault seen several times */
	ARRAY(uint64_t) flows; /* ids of every flow it explains */
	unsigned gaps; /* facts it needed and did not get */
};

struct finding_list {
	ARRAY(struct finding *) findings;
};

struct prefix {
	struct address base; /* version 0: none */
	uint8_t length;
};

/* What pod_network.c found out, for IPv4 and IPv6; all 0 at first. */
struct pod_network_cache {
	bool known;
	struct prefix network;
};

struct diagnosis {
	const struct flow_table *flows;
	struct facts *facts;
	const struct topology *topology;
	bool complete; /* no record was lost and the trace covered the whole run */
	double forgotten; /* share of the records at which a packet on its way may have been lost sight of: so many may seem to vanish */
	bool has_command; /* packets came from a command run in the pod */
	int command_status; /* its exit status, -1 unknown */
	uint32_t subject_netns; /* namespace of --pod / --netns, 0 none */
	const struct pod *subject_pod;
	uint64_t subject_records; /* records that concerned it */
	struct pod_network_cache pod_networks[2];
	bool drops_only; /* a monitor's: of a flow only drops are seen, no answer and nothing that passed */
	bool check; /* no packets: judge the node's state alone (cnitrace check) */
};

/* `0.97` and so on: where confidence starts. */
double basis_confidence(enum basis basis);

/* Runs every rule; findings come ranked, causes first. 0 or -ENOMEM. */
int diagnose(struct diagnosis *diagnosis, struct finding_list *list);

/* For rules. finding_new returns NULL only when memory ran out. */
struct finding *finding_new(struct finding_list *list, const char *id, const char *class,
			    enum severity severity, enum basis basis);
/* What makes it one fault: two findings with the same id and key are merged, their counts added. */
void finding_key(struct finding *finding, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* A fact it wanted could not be read: lowers confidence. */
void finding_gap(struct finding *finding);
void finding_about(struct finding *finding, const struct flow *flow, uint64_t count, uint64_t of);
/* One more flow that it is about. */
void finding_flow(struct finding *finding, const struct flow *flow);
void finding_where(struct finding *finding, const struct diagnosis *d, uint32_t netns,
		   uint32_t ifindex);
/* The pod it is about, with its containers; NULL: none. */
void finding_pod(struct finding *finding, const struct facts *facts, const struct pod *pod);
/* Which process has that socket, and in which container, where that is known. */
void finding_socket(struct finding *finding, const struct socket_fact *socket);
void finding_summary(struct finding *finding, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void finding_evidence(struct finding *finding, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void finding_remedy(struct finding *finding, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void finding_number(struct finding *finding, const char *key, int64_t number);
void finding_text(struct finding *finding, const char *key, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void finding_list_free(struct finding_list *list);
void finding_free(struct finding *finding);
/* Does the list hold a finding of severity error? (exit status 10) */
bool finding_list_has_error(const struct finding_list *list);

#endif
