/* SPDX-License-Identifier: GPL-2.0-only */
/* Refused ports and what listens: shared by the classes port, service, dns and overload. Private to diagnose/. */
#ifndef CNITRACE_DIAGNOSE_PORT_H
#define CNITRACE_DIAGNOSE_PORT_H

#include "diagnose/lookup.h"

struct refused {
	struct tuple endpoint; /* after NAT */
	struct address from; /* who said no */
	uint64_t count;
	bool by_icmp;
	bool by_drop; /* no answer was seen, only what nobody took */
	bool elsewhere; /* neither end of the flow said it */
};

/* Was the flow's first packet refused: RST, ICMP port unreachable, or no socket? */
bool port_refusal(const struct diagnosis *d, const struct flow *flow, struct refused *refused);

/* Is the refused flow one of many with which its client tries the ports of a host? (port_scan.c) */
bool port_is_scanned(const struct diagnosis *d, const struct flow *flow);
/* Then notes it, once for all of them, and is true. */
bool port_scan_note(struct diagnosis *d, struct finding_list *list, const struct flow *flow,
		    const struct refused *refused);

struct listeners {
	const struct pod *pod; /* NULL: the node or another node's */
	struct netns_facts *ns; /* NULL: not on this node */
	bool known; /* sockets could be read */
	const struct socket_fact *exact; /* listens on address and port */
	const struct socket_fact *loopback; /* on the port, on loopback */
	const struct socket_fact *other_address; /* on the port, on yet another address */
	uint16_t other_port; /* another port something listens on, 0 none */
	char text[300]; /* what listens on other ports, "0.0.0.0:80 nginx, …" */
};

void port_listeners(struct diagnosis *d, const struct tuple *endpoint, struct listeners *found);

#endif
