// SPDX-License-Identifier: GPL-2.0-only
/*
 * Findings and refusals as JSON. It adds no judgement: every word comes from the rule
 * that made the finding, or from the system call that was refused.
 */
#include "output/document_parts.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

static const char *severity_name(enum severity severity)
{
	return severity == SEVERITY_ERROR     ? "error"
	       : severity == SEVERITY_WARNING ? "warning"
					      : "info";
}

static const char *proto_name(const struct tuple *tuple, char buffer[16])
{
	struct packet packet = {.ip_version = tuple->src.version ?: tuple->dst.version,
				.proto = tuple->proto};

	return packet_proto_name(&packet, buffer);
}

static struct json_object *document_where(const struct finding *finding, const struct names *names)
{
	struct json_object *where = json_object_new_object();

	put_text(where, "node", finding->node[0] ? finding->node : names->node);
	put_text(where, "netns", finding->netns);
	put_text(where, "pod", finding->pod);
	put_containers(where, "container", "containers", finding->containers);
	put_text(where, "device", finding->device);
	put_text(where, "peer_device", finding->peer_device);
	return where;
}

static struct json_object *document_facts(const struct finding *finding)
{
	struct json_object *facts = json_object_new_object();

	array_each(fact, &finding->facts) {
		if (fact->is_number)
			json_object_object_add(facts, fact->key,
					       json_object_new_int64(fact->number));
		else
			json_object_object_add(facts, fact->key, document_string(fact->text ?: ""));
	}
	return facts;
}

static struct json_object *document_strings(char *const *items, size_t count)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < count; i++)
		json_object_array_add(array, document_string(items[i]));
	return array;
}

struct json_object *document_finding(const struct finding *finding, const struct names *names)
{
	struct json_object *document = document_new("finding", document_now());
	char proto[16], number[16];

	put_text(document, "id", finding->id);
	put_text(document, "class", finding->class);
	put_text(document, "severity", severity_name(finding->severity));
	snprintf(number, sizeof(number), "%.2f", finding->confidence);
	json_object_object_add(document, "confidence",
			       json_object_new_double_s(finding->confidence, number));
	put_number(document, "count", finding->count);
	put_nonzero(document, "of", finding->of);
	put_nonzero(document, "flow_id", finding->flow_id);
	if (finding->flow.proto || finding->flow.dst.version)
		json_object_object_add(
			document, "flow",
			document_flow(&finding->flow, proto_name(&finding->flow, proto), names));
	json_object_object_add(document, "where", document_where(finding, names));
	json_object_object_add(document, "summary", document_string(finding->summary));
	json_object_object_add(document, "evidence",
			       document_strings(finding->evidence.items, finding->evidence.count));
	json_object_object_add(document, "remedy",
			       document_strings(finding->remedy.items, finding->remedy.count));
	json_object_object_add(document, "facts", document_facts(finding));
	json_object_object_add(
		document, "consequences",
		document_strings(finding->consequences.items, finding->consequences.count));
	return document;
}

static const char *syscall_name(uint32_t number)
{
	switch (number) {
	case SYS_connect:
		return "connect";
	case SYS_sendto:
		return "sendto";
	case SYS_sendmsg:
		return "sendmsg";
	case SYS_sendmmsg:
		return "sendmmsg";
	case SYS_write:
		return "write";
	case SYS_writev:
		return "writev";
	case SYS_bind:
		return "bind";
	}
	return NULL;
}

struct json_object *document_refusal(const struct refusal *refusal, const struct names *names)
{
	struct json_object *document = document_new("refusal", document_now());
	const char *netns = names_netns(names, refusal->netns);
	char comm[sizeof(refusal->comm) + 1] = "", proto[16];

	memcpy(comm, refusal->comm, sizeof(refusal->comm));
	put_signed(document, "error", refusal->error);
	put_text(document, "error_name", strerrorname_np(-refusal->error));
	put_text(document, "error_text", strerrordesc_np(-refusal->error));
	put_number(document, "syscall_number", refusal->syscall);
	put_text(document, "syscall", syscall_name(refusal->syscall));
	put_number(document, "pid", refusal->pid);
	put_text(document, "comm", comm);
	put_text(document, "container", refusal->container);
	put_nonzero(document, "netns", refusal->netns);
	put_text(document, "netns_name", netns);
	json_object_object_add(
		document, "flow",
		document_flow(&refusal->tuple, proto_name(&refusal->tuple, proto), names));
	put_number(document, "count", refusal->count);
	if (refusal->witness.what)
		put_object(document, "witnesses",
			   document_witnesses(&refusal->witness, 1, refusal->tuple.dst.version));
	return document;
}
