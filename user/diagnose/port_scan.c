/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Scans: somebody tries one closed port of a host after the other. That each of them is closed is
 * no fault, so all of it is one note. What the traced pod itself sends is judged port by port.
 */
#include <stdio.h>

#include "base/text.h"
#include "diagnose/port.h"

#define SCAN_PORTS 8 /* a client that is set up wrongly has one or two */

struct scan {
	unsigned count;
	struct {
		uint8_t proto;
		uint16_t port;
	} ports[SCAN_PORTS];
};

static void scan_add(struct scan *scan, const struct tuple *endpoint)
{
	for (unsigned i = 0; i < scan->count; i++) {
		if (scan->ports[i].proto == endpoint->proto &&
		    scan->ports[i].port == endpoint->dport)
			return;
	}
	scan->ports[scan->count].proto = endpoint->proto;
	scan->ports[scan->count++].port = endpoint->dport;
}

static bool is_subject(const struct diagnosis *d, struct address address)
{
	for (unsigned i = 0; d->subject_pod && i < d->subject_pod->address_count; i++) {
		if (address_equal(d->subject_pod->addresses[i], address))
			return true;
	}
	return false;
}

/* The first ports at which `flow`'s client was refused by the same host; as many as a scan needs. */
static bool find_scan(const struct diagnosis *d, const struct flow *flow, struct scan *scan)
{
	struct address src = flow->tuples[0].src, dst = flow->tuples[0].dst;
	struct refused refused;

	scan->count = 0;
	if (is_subject(d, src))
		return false;
	array_each(slot, &d->flows->flows) {
		const struct tuple *other = &(*slot)->tuples[0];

		if (address_equal(other->src, src) && address_equal(other->dst, dst) &&
		    port_refusal(d, *slot, &refused) && !refused.elsewhere)
			scan_add(scan, &refused.endpoint);
		if (scan->count == SCAN_PORTS)
			return true;
	}
	return false;
}

bool port_is_scanned(const struct diagnosis *d, const struct flow *flow)
{
	struct scan scan;

	return find_scan(d, flow, &scan);
}

bool port_scan_note(struct diagnosis *d, struct finding_list *list, const struct flow *flow,
		    const struct refused *refused)
{
	char from[ADDRESS_TEXT], to[ADDRESS_TEXT], holder[LOOKUP_TEXT], ports[128] = "";
	struct finding *finding;
	struct scan scan;

	if (!find_scan(d, flow, &scan))
		return false;
	for (unsigned i = 0; i < scan.count; i++)
		text_append(ports, sizeof(ports), "%s%u/%s", i ? ", " : "", scan.ports[i].port,
			    proto_name(scan.ports[i].proto));
	address_text(flow->tuples[0].src, from);
	address_text(flow->tuples[0].dst, to);
	finding = finding_new(list, "port-closed", "port", SEVERITY_INFO, BASIS_SEEN);
	finding_key(finding, "scan %s %s", from, to);
	finding_about(finding, flow, refused->count, flow->forward.packets);
	finding_summary(finding,
			"%s tries one closed port after the other of %.250s: a scan, no fault of "
			"the pod.",
			from, lookup_holder(d, flow->tuples[0].dst, holder));
	finding_evidence(finding, "seen refusals by %s at ports %s and perhaps more", to, ports);
	finding_text(finding, "address", "%s", to);
	finding_text(finding, "source", "%s", from);
	finding_remedy(finding, "# who that is:  kubectl get pods,nodes -A -o wide | grep -F %s",
		       from);
	return true;
}
