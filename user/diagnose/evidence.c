/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What was seen, as lines of evidence and as facts for machines: the drop itself, what witnesses of it said, and a
 * refused send. It draws no conclusion.
 */
#include <string.h>

#include "base/text.h"
#include "packet/witness_text.h"
#include "diagnose/causes.h"

struct concern concern_of(const struct drop_case *seen)
{
	return (struct concern){.flow = seen->flow,
				.count = seen->dropped->count,
				.of = seen->of,
				.basis = BASIS_SEEN};
}

/* What a probe said of it, with the numbers a machine may want. */
static void evidence_witness(struct finding *finding, const struct drop *drop,
			     const struct witness_info *info)
{
	uint8_t version = drop->has_encap ? drop->encap.ip_version : drop->packet.ip_version;
	uint32_t mtu = witness_icmp_mtu(info, version);
	char phrase[WITNESS_PHRASE], text[4 * WITNESS_TEXT];

	finding_evidence(finding, "seen %s", witness_text(info, version, phrase));
	text_escape(text, sizeof(text), info->text[0]);
	if (mtu)
		finding_number(finding, "icmp_mtu", mtu);
	if (info->what == WITNESS_VETH) {
		finding_text(finding, "peer_device", "%s", text);
		finding_number(finding, "peer_mtu", (int64_t)info->value[0]);
	}
	if (info->what == WITNESS_XDP) {
		finding_text(finding, "program", "%s", text);
		finding_number(finding, "program_id", (int64_t)info->value[0]);
	}
}

void evidence_drop(struct finding *finding, const struct diagnosis *d, const struct drop_case *seen)
{
	const struct drop *drop = seen->drop;
	const char *device = lookup_device_name(d, drop->netns, drop->ifindex);

	if (!device[0])
		device = drop->info.dev_name;
	finding_evidence(finding, "seen %llu × dropped in %s%s%s%s%s (%s%s)",
			 (unsigned long long)seen->dropped->count,
			 drop->function[0] ? drop->function : "an unnamed function",
			 device[0] ? " on " : "", device, drop->hook[0] ? " at " : "", drop->hook,
			 drop->reason[0] ? drop->reason : "this kernel gives no reason",
			 drop->derived ? ", derived: this kernel gives no reason" : "");
	for (int i = 0; i < drop->witness_count; i++)
		evidence_witness(finding, drop, &drop->witnesses[i]);
	if (drop->reason[0])
		finding_text(finding, "reason", "%s", drop->reason);
	if (drop->function[0])
		finding_text(finding, "function", "%s", drop->function);
}

void evidence_refusal(struct finding *finding, const struct refusal *refusal)
{
	char phrase[WITNESS_PHRASE];

	if (refusal->witness.what)
		finding_evidence(
			finding, "seen %s",
			witness_text(&refusal->witness, refusal->tuple.dst.version, phrase));
}

const char *evidence_since(const struct diagnosis *d)
{
	return d->drops_only ? "since the last reading" : "during the trace";
}
