/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Drops by somebody else's BPF program (tc, XDP, cgroup, socket filter) or by a security
 * module. Names the device and, where facts hold it, the program.
 */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "diagnose/causes.h"
#include "diagnose/routing.h"
#include "packet/witness_text.h"

#define CLASS "unreachable"
#define CGROUP_EGRESS 1 /* enum cgroup_bpf_attach_type, and before 5.15 bpf_attach_type */
#define CGROUP_PROGRAMS 8

static const char *drop_device(const struct diagnosis *d, const struct drop *drop)
{
	const char *name = lookup_device_name(d, drop->netns, drop->ifindex);

	return name[0] ? name : drop->info.dev_name;
}

/*
 * Where a received packet is asked about, by whoever frees it: security_sock_rcv_skb() in sk_filter_trim_cap(). The name
 * is the one that security modules register under, and that a BPF LSM program is attached to.
 */
#define RECEIVE_HOOK "socket_sock_rcv_skb"

static void security_drop(struct diagnosis *d, struct finding_list *list,
			  const struct drop_case *seen)
{
	struct finding *finding =
		finding_new(list, "security-hook", CLASS, SEVERITY_ERROR, BASIS_SEEN);
	char owner[LOOKUP_TEXT];

	finding_key(finding, "%u %s", seen->drop->netns, seen->drop->function);
	finding_about(finding, seen->flow, seen->dropped->count, seen->of);
	finding_where(finding, d, seen->drop->netns, seen->drop->ifindex);
	finding_summary(finding,
			"A security module refuses what %s port %u of %.200s receives (hook %s).",
			proto_name(seen->drop->packet.proto), seen->drop->packet.dport,
			lookup_owner(d, seen->drop->netns, owner), RECEIVE_HOOK);
	evidence_drop(finding, d, seen);
	finding_text(finding, "hook", "%s", RECEIVE_HOOK);
	finding_text(finding, "function", "%s", seen->drop->function);
	finding_number(finding, "port", seen->drop->packet.dport);
	finding_remedy(finding, "cat /sys/kernel/security/lsm   # the modules that are asked");
	finding_remedy(finding, "ausearch -m AVC -ts recent   # SELinux");
	finding_remedy(finding, "dmesg | grep -iE 'avc|apparmor|denied' | tail");
	finding_remedy(finding, "bpftool prog show | grep -A2 ': lsm '   # BPF programs");
}

/* The command that takes it off; a tcx program goes only with the process or link that holds it. */
static void program_remedy(struct finding *finding, const struct netns_facts *ns,
			   const struct program_fact *program, const char *device,
			   const char *enter)
{
	char protocol[16], handle[24] = "";

	if (program->id)
		finding_remedy(finding, "bpftool prog show id %u", program->id);
	if (!strcmp(program->hook, "xdp")) {
		/* Without the mode the kernel looks at the driver's hook alone (dev_xdp_mode in net/core/dev.c). */
		const struct link *link = NULL;

		array_each(one, &ns->links)
			link = one->ifindex == program->ifindex ? one : link;
		finding_remedy(finding, "%sip link set dev %s %s off", enter, device,
			       link && link->xdp_generic ? "xdpgeneric" : "xdp");
	} else if (program->priority) {
		snprintf(protocol, sizeof(protocol), "0x%04x", program->protocol);
		if (!strcmp(program->kind, "bpf"))
			snprintf(handle, sizeof(handle), " handle 0x%x bpf", program->handle);
		finding_remedy(finding, "%stc filter delete dev %s %s protocol %s pref %u%s", enter,
			       device, program->hook + strlen("tc "),
			       program->protocol == 3 ? "all" : protocol, program->priority,
			       handle);
	} else {
		finding_remedy(finding, "bpftool link show   # end what holds the program's link");
	}
}

#define CANDIDATES 8

/* What a finding says of the programs that may have done it: of one, its name; of several, all in their order. */
static void candidates_tell(struct finding *finding, struct netns_facts *ns,
			    const struct program_fact *const *programs, unsigned count,
			    uint32_t told, const char *device, const char *enter)
{
	char names[LOOKUP_TEXT] = "";
	const struct program_fact *one = count == 1 ? programs[0] : NULL;

	for (unsigned i = 0; i < count; i++) {
		if (told && programs[i]->id == told)
			one = programs[i];
		text_append(names, sizeof(names), "%s%s", i ? ", " : "",
			    programs[i]->name[0] ? programs[i]->name : programs[i]->kind);
	}
	if (one) {
		finding_text(finding, "program", "%s", one->name[0] ? one->name : one->kind);
		if (one->id)
			finding_number(finding, "program_id", one->id);
		program_remedy(finding, ns, one, device, enter);
		return;
	}
	finding_text(finding, "candidates", "%s", names);
	finding_evidence(finding,
			 "fact which of them did is not told on this kernel: they are asked in "
			 "this order until one does not pass the packet on");
	finding_gap(finding);
	for (unsigned i = 0; i < count; i++)
		program_remedy(finding, ns, programs[i], device, enter);
}

unsigned programs_explain(struct finding *finding, struct diagnosis *d, struct netns_facts *ns,
			  uint32_t ifindex, const char *way, uint32_t told)
{
	const char *device = ns ? lookup_device_name(d, ns->inode, ifindex) : "";
	const struct program_fact *programs[CANDIDATES];
	char enter[LOOKUP_TEXT];
	unsigned count = 0;

	if (!ns || !facts_need(d->facts, ns, FACT_LINKS | FACT_PROGRAMS)) {
		finding_gap(finding);
		return 0;
	}
	array_each(program, &ns->programs) {
		char id[32] = "";

		if (program->ifindex != ifindex || !strstr(program->hook, way) ||
		    count == CANDIDATES)
			continue;
		if (program->id)
			snprintf(id, sizeof(id), ", id %u", program->id);
		finding_evidence(finding, "fact %s %s on %s: %s%s", program->hook,
				 program->id ? "program" : "filter", device,
				 program->name[0] ? program->name : program->kind, id);
		programs[count++] = program;
	}
	if (count)
		candidates_tell(finding, ns, programs, count, told, device,
				lookup_enter(d, ns->inode, enter));
	return count;
}

/*
 * The cgroup programs that may have refused: of the cgroup that a witness saw, else of those that the namespace's
 * processes are in.
 */
static void cgroup_explain(struct finding *finding, struct diagnosis *d,
			   const struct drop_case *seen)
{
	const struct witness_info *said = drop_witness(seen->drop, WITNESS_CGROUP);
	bool egress =
		said ? said->value[1] == CGROUP_EGRESS
		     : seen->kind == DROP_CGROUP_BPF; /* the kernel's reason is BPF_CGROUP_EGRESS */
	uint64_t cgroup = !said ? 0 : said->value[0] ? said->value[0] : said->value[2];
	struct program_fact programs[CGROUP_PROGRAMS];
	int count = facts_cgroup_programs(d->facts, seen->ns, cgroup, egress, programs,
					  CGROUP_PROGRAMS);

	if (count < 0)
		finding_gap(finding);
	for (int i = 0; i < count; i++) {
		const char *name = programs[i].name[0] ? programs[i].name : programs[i].kind;

		finding_evidence(finding, "fact %s program of the %s's cgroup: %s, id %u",
				 programs[i].hook, egress ? "sender" : "receiver", name,
				 programs[i].id);
		if (i)
			continue;
		finding_text(finding, "program", "%s", name);
		finding_number(finding, "program_id", programs[i].id);
		finding_remedy(finding, "bpftool prog show id %u", programs[i].id);
	}
}

static void bpf_finding(struct diagnosis *d, struct finding_list *list,
			const struct drop_case *seen, const char *kind)
{
	const struct drop *drop = seen->drop;
	struct finding *finding = finding_new(list, "bpf-drop", CLASS, SEVERITY_ERROR, BASIS_SEEN);
	const char *device = drop_device(d, drop);
	const struct witness_info *said =
		drop_witness(drop, seen->kind == DROP_XDP ? WITNESS_XDP : WITNESS_TC_PROGRAM);
	char owner[LOOKUP_TEXT], enter[LOOKUP_TEXT];
	bool egress = !strcmp(drop->reason, "TC_EGRESS") ||
		      !strncmp(drop->function, "__dev_queue_xmit", 16);
	const char *way = seen->kind == DROP_XDP ? "xdp" : egress ? "egress" : "ingress";

	lookup_owner(d, drop->netns, owner);
	finding_key(finding, "%u %s %s", drop->netns, device, kind);
	finding_about(finding, seen->flow, seen->dropped->count, seen->of);
	finding_where(finding, d, drop->netns, drop->ifindex);
	finding_summary(finding, "A %s program on %s of %.200s drops the packets.", kind,
			device[0] ? device : "a socket", owner);
	evidence_drop(finding, d, seen);
	finding_text(finding, "device", "%s", device);
	finding_text(finding, "kind", "%s", kind);
	finding_text(finding, "namespace", "%s", lookup_netns_label(d, drop->netns));
	if (seen->kind != DROP_XDP && seen->kind != DROP_TC) {
		cgroup_explain(finding, d, seen);
		finding_remedy(finding, "bpftool cgroup tree");
	} else if (!programs_explain(finding, d, seen->ns, drop->ifindex, way,
				     said ? said->value[0] : 0)) {
		finding_evidence(finding, "fact nothing was found attached to %s %s", device, way);
		finding_remedy(finding, "%sbpftool net show", lookup_enter(d, drop->netns, enter));
	}
}

void program_drop(struct diagnosis *d, struct finding_list *list, const struct drop_case *seen)
{
	switch (seen->kind) {
	case DROP_SECURITY:
		security_drop(d, list, seen);
		break;
	case DROP_TC:
		bpf_finding(d, list, seen, "tc");
		break;
	case DROP_XDP:
		bpf_finding(d, list, seen, "XDP");
		break;
	case DROP_CGROUP_BPF:
		bpf_finding(d, list, seen, "cgroup");
		break;
	case DROP_SOCKET_FILTER:
		bpf_finding(d, list, seen, "socket filter");
		break;
	default:
		break;
	}
}
