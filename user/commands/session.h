/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The view of the node that every command starts from: facts, topology, and whose
 * packets are meant. Wiring only.
 */
#ifndef CNITRACE_COMMANDS_SESSION_H
#define CNITRACE_COMMANDS_SESSION_H

#include <stdio.h>

#include "base/error.h"
#include "node/facts.h"
#include "output/document.h"
#include "packet/topology.h"

/* Exit statuses of the contract. */
enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_UNABLE = 3, EXIT_FOUND = 10 };

struct session {
	struct facts *facts;
	struct topology topology;
	struct names names;
	char node[256]; /* its name, as shown */
	/* the subject: --pod or --netns */
	const struct pod *pod;
	struct pod past; /* the same, once it has gone */
	uint32_t subject_netns;
	char subject_path[256];
};

/* Reads pods, namespaces and devices. The root "" or NULL is /. */
int session_open(struct session *session, const char *root, struct error *error);
/* At most one of pod and netns; both NULL: no subject. -ENOENT or -EINVAL with a sentence that says what exists. */
int session_subject(struct session *session, const char *pod, const char *netns,
		    struct error *error);
/* Whose packets are meant, for the first line: info points into *text. */
struct subject_text {
	char pod[520], containers[192];
};
void session_subject_text(const struct session *session, struct start_info *info,
			  struct subject_text *text);
/* Reads devices, namespaces and pods anew; what is gone keeps its names. */
int session_refresh(struct session *session, struct error *error);
/* A sentence about each capability the command needs and does not hold. -EPERM when one is missing. */
int session_capabilities(struct error *error);
/*
 * A line about each capability that is not held and without which the command still runs, but knows less. `drops_only`:
 * it neither sends nor looks at devices.
 */
void session_losses(FILE *out, bool drops_only);
void session_close(struct session *session);

#endif
