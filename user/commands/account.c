/* SPDX-License-Identifier: GPL-2.0-only */
#include "commands/account.h"

#define FORGOTTEN_MAX 0.5 /* a flow that loses more than this is told whatever was forgotten */

void account_take(struct tracer *tracer, struct hook_totals *hooks, struct summary_info *summary)
{
	summary->hooks = hooks;
	summary->hook_count = tracer_totals(tracer, hooks);
	tracer_sampling(tracer, &summary->sampling);
	summary->complete = true;
	for (size_t i = 0; i < summary->hook_count; i++)
		summary->complete = summary->complete && !hooks[i].lost;
}

double account_forgotten(const struct summary_info *summary)
{
	uint64_t recorded = 0, forgotten = summary->sampling.tracked_evicted;

	for (size_t i = 0; i < summary->hook_count; i++)
		recorded += summary->hooks[i].recorded;
	if (forgotten > recorded / 2)
		return FORGOTTEN_MAX;
	return forgotten ? (double)forgotten / recorded : 0;
}
