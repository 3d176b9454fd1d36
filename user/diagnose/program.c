/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Drops by somebody else's BPF program (tc, XDP, cgroup, socket filter) or by a security
 * module. Names the device and, where facts hold it, the program.
 */
#include <stdio.h>
#include <string.h>

#include "diagnose/causes.h"
#include "diagnose/routing.h"

#define CLASS "unreachable"

static const char *drop_device(const struct diagnosis *d, const struct drop *drop)
{
	const char *name = lookup_device_name(d, drop->netns, drop->ifindex);

	return name[0] ? name : drop->info.dev_name;
}

static void security_drop(struct diagnosis *d, struct finding_list *list,
			  const struct drop_case *seen)
{
	struct finding *finding =
		finding_new(list, "security-hook", CLASS, SEVERITY_ERROR, BASIS_SEEN);
	char owner[LOOKUP_TEXT];

	finding_key(finding, "%u %s", seen->drop->netns, seen->drop->function);
	finding_about(finding, seen->flow, seen->dropped->count, seen->of);
	finding_where(finding, d, seen->drop->netns, seen->drop->ifindex);
	finding_summary(finding, "A security hook (%.60s) in %.200s refuses the packets.",
			seen->drop->function, lookup_owner(d, seen->drop->netns, owner));
	evidence_drop(finding, d, seen);
	finding_text(finding, "hook", "%s", seen->drop->function);
	finding_remedy(finding, "ausearch -m AVC -ts recent");
	finding_remedy(finding, "dmesg | grep -iE 'avc|apparmor|denied' | tail");
}

static void bpf_finding(struct diagnosis *d, struct finding_list *list,
			const struct drop_case *seen, const char *kind)
{
	const struct drop *drop = seen->drop;
	const struct link *link = lookup_link(d, drop->netns, drop->ifindex);
	struct finding *finding = finding_new(list, "bpf-drop", CLASS, SEVERITY_ERROR, BASIS_SEEN);
	const char *device = drop_device(d, drop);
	char owner[LOOKUP_TEXT], enter[LOOKUP_TEXT];
	bool egress = !strcmp(drop->reason, "TC_EGRESS") ||
		      !strncmp(drop->function, "__dev_queue_xmit", 16);

	lookup_owner(d, drop->netns, owner);
	lookup_enter(d, drop->netns, enter);
	finding_key(finding, "%u %s %s", drop->netns, device, kind);
	finding_about(finding, seen->flow, seen->dropped->count, seen->of);
	finding_where(finding, d, drop->netns, drop->ifindex);
	finding_summary(finding, "A %s program on %s of %.200s drops the packets.", kind,
			device[0] ? device : "a socket", owner);
	evidence_drop(finding, d, seen);
	finding_text(finding, "device", "%s", device);
	finding_text(finding, "kind", "%s", kind);
	finding_text(finding, "namespace", "%s", lookup_netns_label(d, drop->netns));
	if (link && link->xdp_prog && seen->kind == DROP_XDP) {
		finding_number(finding, "program_id", link->xdp_prog);
		finding_evidence(finding, "fact XDP program %u is attached to %s", link->xdp_prog,
				 device);
		finding_remedy(finding, "bpftool prog show id %u", link->xdp_prog);
	}
	if (seen->kind == DROP_XDP)
		finding_remedy(finding, "%sip link set dev %s xdp off", enter, device);
	else if (seen->kind == DROP_TC)
		finding_remedy(finding, "%stc filter show dev %s %s", enter, device,
			       egress ? "egress" : "ingress");
	else
		finding_remedy(finding, "bpftool cgroup tree");
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
