// SPDX-License-Identifier: GPL-2.0-only
/*
 * What merge says beside journeys: the nodes and their clocks, what went between each two of
 * them, the findings that only both ends together allow, and the summary.
 */
#include "commands/merge_document.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "diagnose/finding.h"
#include "output/document_parts.h"
#include "output/json_read.h"

struct json_object *merge_document_nodes(const struct merge_input *input)
{
	struct json_object *document = document_new("merge", document_now());
	struct json_object *nodes = json_object_new_array();

	put_text(document, "version", CNITRACE_VERSION);
	for (unsigned i = 0; i < input->merge.node_count; i++) {
		const struct merge_origin *origin = &input->origins[i];
		const struct merge_node *node = &input->merge.nodes[i];
		struct json_object *object = json_object_new_object();

		put_text(object, "node", origin->name);
		put_text(object, "version", origin->version);
		put_text(object, "kernel", origin->kernel);
		put_text(object, "filter", origin->filter);
		put_number(object, "journeys", origin->journeys);
		put_signed(object, "begin_ns", node->begin_ns);
		put_signed(object, "end_ns", node->end_ns);
		put_object(object, "complete", json_object_new_boolean(!node->incomplete));
		put_object(object, "clock_known", json_object_new_boolean(node->known));
		put_signed(object, "clock_offset_ns", node->offset_ns);
		if (node->error_ns >= 0)
			put_signed(object, "clock_error_ns", node->error_ns);
		put_number(object, "clock_packets", node->clear);
		put_flag(object, "clock_drifted", node->drifted);
		json_object_array_add(nodes, object);
	}
	put_object(document, "nodes", nodes);
	put_nonzero(document, "bad_lines", input->bad_lines);
	put_nonzero(document, "repeated", input->repeated);
	return document;
}

static struct json_object *example_encap(const struct merge_input *input,
					 const struct merge_pair *pair, struct json_object **flow)
{
	const struct merge_sighting *example;
	struct json_object *journey, *encap;
	size_t hops;

	*flow = NULL;
	if (pair->lost_example == MERGE_NONE)
		return NULL;
	example = &input->merge.sightings.items[pair->lost_example];
	journey = merge_line_read(input, &input->lines.items[example->journey]);
	hops = read_count(journey, "hops");
	encap = hops ? read_child(read_item(journey, "hops", hops - 1), "encap") : NULL;
	*flow = json_object_get(read_child(journey, "flow"));
	encap = json_object_get(encap);
	json_object_put(journey);
	return encap;
}

struct json_object *merge_document_pair(const struct merge_input *input,
					const struct merge_pair *pair)
{
	struct json_object *document = document_new("between", document_now()), *flow, *encap;
	const struct merge_node *a = &input->merge.nodes[pair->from];
	const struct merge_node *b = &input->merge.nodes[pair->to];
	char doubt[300];

	put_text(document, "from", input->origins[pair->from].name);
	put_text(document, "to", input->origins[pair->to].name);
	put_number(document, "left", pair->left);
	put_number(document, "arrived", pair->joined);
	put_number(document, "lost", pair->lost);
	put_number(document, "unseen", pair->unseen);
	put_number(document, "duplicates", pair->duplicates);
	if (pair->joined) {
		put_signed(document, "transit_min_ns", pair->min_ns);
		put_signed(document, "transit_avg_ns", pair->sum_ns / (int64_t)pair->joined);
		put_signed(document, "transit_max_ns", pair->max_ns);
		if (a->error_ns >= 0 && b->error_ns >= 0)
			put_signed(document, "transit_error_ns", a->error_ns + b->error_ns);
	}
	encap = example_encap(input, pair, &flow);
	if (flow)
		put_object(document, "lost_flow", flow);
	if (encap)
		put_object(document, "lost_encap", encap);
	merge_doubt(input, pair, doubt, sizeof(doubt));
	put_text(document, "doubt", doubt);
	return document;
}

void merge_doubt(const struct merge_input *input, const struct merge_pair *pair, char *text,
		 size_t size)
{
	const struct merge_origin *from = &input->origins[pair->from];
	const struct merge_origin *to = &input->origins[pair->to];

	text[0] = '\0';
	if (!pair->lost)
		return;
	if (input->merge.nodes[pair->to].incomplete)
		text_append(text, size, "%.64s lost %llu records of its own", to->name,
			    (unsigned long long)to->lost);
	else if (to->pod[0] || (to->filter[0] && strcmp(to->filter, from->filter)))
		text_append(text, size, "%.64s looked at other packets than %.64s (%.40s)",
			    to->name, from->name, to->pod[0] ? to->pod : to->filter);
	else if (!input->merge.nodes[pair->to].known || !input->merge.nodes[pair->from].known)
		text_append(text, size, "no packet shows how the clocks of %.64s and %.64s differ",
			    from->name, to->name);
}

static void encap_text(struct json_object *encap, char *text, size_t size)
{
	const char *kind = read_text(encap, "kind");

	text[0] = '\0';
	if (!encap)
		return;
	text_append(text, size, "%s",
		    !strcmp(kind, "vxlan")    ? "VXLAN"
		    : !strcmp(kind, "geneve") ? "GENEVE"
					      : "IPIP");
	if (read_has(encap, "vni"))
		text_append(text, size, " %s", read_text(encap, "vni"));
	text_append(text, size, " %.46s → %.46s", read_text(encap, "src"), read_text(encap, "dst"));
	if (read_number(encap, "dport"))
		text_append(text, size, " UDP %s", read_text(encap, "dport"));
}

static void loss_remedy(struct json_object *finding, const struct merge_input *input,
			const struct merge_pair *pair, struct json_object *encap)
{
	struct json_object *remedy = json_object_new_array();
	const char *to = input->origins[pair->to].name;
	char text[400];

	if (read_number(encap, "dport") && !pair->joined) {
		snprintf(text, sizeof(text),
			 "# allow UDP %.8s from %.46s to %.46s in every firewall and security "
			 "group between the nodes",
			 read_text(encap, "dport"), read_text(encap, "src"),
			 read_text(encap, "dst"));
		json_object_array_add(remedy, json_object_new_string(text));
	}
	snprintf(text, sizeof(text),
		 "# on %.128s: ip -s link; ethtool -S eth0 | grep -iE 'drop|miss|err'", to);
	json_object_array_add(remedy, document_string(text));
	put_object(finding, "remedy", remedy);
}

static void loss_facts(struct json_object *finding, const struct merge_input *input,
		       const struct merge_pair *pair, struct json_object *encap)
{
	struct json_object *facts = json_object_new_object(), *where = json_object_new_object();
	char wore[200];

	put_text(facts, "from_node", input->origins[pair->from].name);
	put_text(facts, "to_node", input->origins[pair->to].name);
	put_number(facts, "left", pair->left);
	put_number(facts, "arrived", pair->joined);
	put_number(facts, "lost", pair->lost);
	if (encap) {
		put_text(facts, "node", read_text(encap, "dst"));
		put_nonzero(facts, "port", read_number(encap, "dport"));
		encap_text(encap, wore, sizeof(wore));
		put_text(facts, "encap", wore);
	}
	put_object(finding, "facts", facts);
	put_text(where, "node", input->origins[pair->from].name);
	put_object(finding, "where", where);
}

/* One packet in a hundred is what TCP mends unnoticed; and doubt is no error. */
static const char *loss_severity(const struct merge_pair *pair, const char *doubt,
				 struct merge_totals *totals)
{
	bool error = !*doubt && pair->lost * 100 >= pair->left;

	totals->findings[error ? 0 : 1]++;
	return error ? "error" : "warning";
}

static void loss_evidence(struct json_object *finding, const struct merge_input *input,
			  const struct merge_pair *pair, const char *doubt)
{
	struct json_object *evidence = json_object_new_array();
	char text[600];

	snprintf(text, sizeof(text),
		 "seen %llu packets left %.128s, %llu of them arrived at %.128s",
		 (unsigned long long)pair->left, input->origins[pair->from].name,
		 (unsigned long long)pair->joined, input->origins[pair->to].name);
	json_object_array_add(evidence, document_string(text));
	if (pair->outer_lost && pair->joined == 0) {
		snprintf(text, sizeof(text),
			 "seen not one tunnel packet from %.128s at the uplink of %.128s",
			 input->origins[pair->from].name, input->origins[pair->to].name);
		json_object_array_add(evidence, document_string(text));
	}
	if (*doubt) {
		snprintf(text, sizeof(text), "fact %s", doubt);
		json_object_array_add(evidence, document_string(text));
	}
	put_object(finding, "evidence", evidence);
}

struct json_object *merge_document_loss(const struct merge_input *input,
					const struct merge_pair *pair, struct merge_totals *totals)
{
	struct json_object *finding, *flow, *encap = example_encap(input, pair, &flow);
	bool blocked = pair->outer_lost && pair->outer_lost == pair->lost && !pair->joined;
	char summary[700], wore[200], doubt[300], number[16];
	double confidence;

	if (!pair->lost) {
		json_object_put(encap);
		json_object_put(flow);
		return NULL;
	}
	merge_doubt(input, pair, doubt, sizeof(doubt));
	confidence = basis_confidence(*doubt ? BASIS_ABSENCE : BASIS_SEEN);
	encap_text(encap, wore, sizeof(wore));
	finding = document_new("finding", document_now());
	put_text(finding, "id", blocked ? "overlay-blocked" : "vanished");
	put_text(finding, "class", blocked ? "cni" : "path");
	put_text(finding, "severity", loss_severity(pair, doubt, totals));
	snprintf(number, sizeof(number), "%.2f", confidence);
	put_object(finding, "confidence", json_object_new_double_s(confidence, number));
	put_number(finding, "count", pair->lost);
	put_number(finding, "of", pair->left);
	if (flow)
		put_object(finding, "flow", flow);
	snprintf(summary, sizeof(summary),
		 "%llu of %llu packets that left %.128s for %.128s were lost between the "
		 "nodes%s%s%s.",
		 (unsigned long long)pair->lost, (unsigned long long)pair->left,
		 input->origins[pair->from].name, input->origins[pair->to].name, *wore ? " (" : "",
		 wore, *wore ? ")" : "");
	put_text(finding, "summary", summary);
	loss_evidence(finding, input, pair, doubt);
	loss_remedy(finding, input, pair, encap);
	loss_facts(finding, input, pair, encap);
	put_object(finding, "consequences", json_object_new_array());
	json_object_put(encap);
	return finding;
}

static struct json_object *summary_records(const struct merge_input *input, bool *complete)
{
	struct json_object *records = json_object_new_object();
	uint64_t sums[6] = {};

	*complete = true;
	for (unsigned i = 0; i < input->merge.node_count; i++) {
		const struct merge_origin *origin = &input->origins[i];
		const uint64_t parts[] = {origin->seen, origin->filtered,  origin->recorded,
					  origin->lost, origin->malformed, origin->evicted};

		for (unsigned k = 0; k < 6; k++)
			sums[k] += parts[k];
		*complete = *complete && origin->ended && !input->merge.nodes[i].incomplete;
	}
	put_number(records, "seen", sums[0]);
	put_number(records, "filtered", sums[1]);
	put_number(records, "recorded", sums[2]);
	put_number(records, "lost", sums[3]);
	put_number(records, "malformed", sums[4]);
	put_number(records, "evicted", sums[5]);
	return records;
}

struct json_object *merge_document_summary(const struct merge_input *input,
					   const struct merge_totals *totals, int exit_status)
{
	static const char *const severities[] = {"error", "warning", "info"};
	struct json_object *document = document_new("summary", document_now());
	struct json_object *journeys = json_object_new_object(),
			   *findings = json_object_new_object();
	uint64_t total = 0, benign = 0;
	bool complete;

	for (unsigned i = 0; i <= VERDICT_VANISHED; i++) {
		put_number(journeys, verdict_name(i), totals->verdicts[i]);
		total += totals->verdicts[i];
	}
	for (unsigned i = 0; i < input->merge.node_count; i++)
		benign += input->origins[i].benign;
	put_number(journeys, "benign", benign);
	put_number(journeys, "total", total);
	put_number(journeys, "lost_between", totals->lost);
	put_object(document, "journeys", journeys);
	for (unsigned i = 0; i < 3; i++)
		put_number(findings, severities[i], totals->findings[i]);
	put_object(document, "findings", findings);
	put_object(document, "records", summary_records(input, &complete));
	put_object(document, "complete",
		   json_object_new_boolean(complete && !input->bad_lines && !totals->changed));
	put_signed(document, "exit_status", exit_status);
	return document;
}
