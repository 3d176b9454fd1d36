/* SPDX-License-Identifier: GPL-2.0-only */
#include "kernel/hop_plan.h"

#include <string.h>

/*
 * A packet for one of these is received by the device below; its rx_handler, or vlan_do_receive, only changes
 * skb->dev and goes round again inside __netif_receive_skb_core (RX_HANDLER_ANOTHER, another_round), after
 * the tracepoint but before tc ingress. net/core/dev.c.
 */
static const char *const inner_kinds[] = {"vlan",    "bond",   "team",  "macvlan",
					  "macvtap", "ipvlan", "ipvtap"};

bool hop_plan_sees(const char *kind)
{
	for (size_t i = 0; i < sizeof(inner_kinds) / sizeof(inner_kinds[0]); i++) {
		if (!strcmp(kind, inner_kinds[i]))
			return false;
	}
	return true;
}

enum hop_way hop_plan_way(const struct hop_plan *plan, const struct hop_device *device)
{
	if (!plan->tracepoint)
		return plan->tc ? HOP_TC : HOP_NONE;
	if (!plan->tc)
		return HOP_TRACEPOINT;
	return plan->many && hop_plan_sees(device->kind) ? HOP_TRACEPOINT : HOP_TC;
}
