/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The table of watched counters, and the memory of their last values.
 */
#include "diagnose/watch_counters.h"

#include <stdlib.h>
#include <string.h>

#include "diagnose/catalogue.h"

#define MAX_STATES 16384

const struct watched_counter watched_counters[] = {
	{"Conntrack.insert_failed", COUNTER_OF_NETNS, "conntrack-race",
	 "two packets of one connection raced for its entry and one was dropped", "conntrack -S"},
	{"Conntrack.drop", COUNTER_OF_NETNS, "conntrack-full",
	 "a packet was dropped because the connection table has no room",
	 "sysctl net.netfilter.nf_conntrack_count net.netfilter.nf_conntrack_max",
	 "Conntrack.insert_failed"}, /* nf_ct_resolve_clash() */
	{"TcpExt.ListenOverflows", COUNTER_OF_NETNS, "listen-overflow",
	 "a connection was not accepted because the listener's queue is full",
	 "ss -ltn   # Recv-Q at Send-Q"},
	{"TcpExt.ListenDrops", COUNTER_OF_NETNS, "listen-overflow",
	 "a SYN to a listening socket was dropped", "ss -ltn   # Recv-Q at Send-Q",
	 "TcpExt.ListenOverflows"}, /* tcp_conn_request(), tcp_v4_syn_recv_sock() */
	{"TcpExt.TCPBacklogDrop", COUNTER_OF_NETNS, "socket-buffer-full",
	 "a segment was dropped because its socket's backlog is full", "ss -tmn"},
	{"Udp.RcvbufErrors", COUNTER_OF_NETNS, "socket-buffer-full",
	 "a datagram was dropped because its socket's buffer is full", "ss -umn"},
	{"Udp6.RcvbufErrors", COUNTER_OF_NETNS, "socket-buffer-full",
	 "a datagram was dropped because its socket's buffer is full", "ss -umn"},
	{"Softnet.Dropped", COUNTER_OF_NODE, "backlog-drop",
	 "a packet was dropped because a CPU's input queue is full",
	 "sysctl net.core.netdev_max_backlog"},
	{"Ip.FragFails", COUNTER_OF_NETNS, "mtu-exceeded",
	 "a packet was too big for the next device and may not be fragmented",
	 "ip -d link show   # MTUs along the path"},
	{"Ip6.FragFails", COUNTER_OF_NETNS, "mtu-exceeded", "a packet could not be fragmented",
	 "ip -d link show   # MTUs along the path"},
	{"Ip.ReasmFails", COUNTER_OF_NETNS, "fragments-lost",
	 "a packet could not be put together from its fragments", "nstat -az IpReasm*"},
	{"Ip6.ReasmFails", COUNTER_OF_NETNS, "fragments-lost",
	 "a packet could not be put together from its fragments", "nstat -az Ip6Reasm*"},
	{"Link.rx_errors", COUNTER_OF_DEVICE, NULL, "the device received a broken frame",
	 "ip -s -s link show"},
	{"Link.tx_errors", COUNTER_OF_DEVICE, NULL, "the device could not send a frame",
	 "ip -s -s link show"},
};
const size_t watched_counter_count = sizeof(watched_counters) / sizeof(watched_counters[0]);

struct watch_counters *watch_counters_new(void)
{
	struct watch_counters *counters = calloc(1, sizeof(*counters));

	if (counters)
		counters->gained = calloc(watched_counter_count, sizeof(*counters->gained));
	if (counters && !counters->gained) {
		free(counters);
		return NULL;
	}
	return counters;
}

void watch_counters_free(struct watch_counters *counters)
{
	if (!counters)
		return;
	array_free(&counters->states);
	array_free(&counters->gains);
	free(counters->gained);
	free(counters);
}

static int state_compare(const struct counter_state *state, unsigned counter, uint32_t netns,
			 uint32_t ifindex)
{
	if (state->netns != netns)
		return state->netns < netns ? -1 : 1;
	if (state->counter != counter)
		return state->counter < counter ? -1 : 1;
	return state->ifindex < ifindex ? -1 : state->ifindex > ifindex;
}

/* Where the state is, or belongs. */
static size_t state_find(const struct watch_counters *counters, unsigned counter, uint32_t netns,
			 uint32_t ifindex)
{
	size_t low = 0, high = counters->states.count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (state_compare(&counters->states.items[middle], counter, netns, ifindex) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void state_add(struct watch_counters *counters, size_t at, const struct counter_state *state)
{
	if (counters->states.count >= MAX_STATES || !array_push(&counters->states)) {
		counters->refused++;
		return;
	}
	memmove(&counters->states.items[at + 1], &counters->states.items[at],
		(counters->states.count - 1 - at) * sizeof(*state));
	counters->states.items[at] = *state;
}

uint64_t watch_counter_tell(struct watch_counters *counters, unsigned counter, uint32_t netns,
			    uint32_t ifindex, uint64_t value, uint64_t explained)
{
	const struct counter_state state = {.netns = netns,
					    .ifindex = ifindex,
					    .counter = counter,
					    .value = value,
					    .explained = explained};
	size_t at = state_find(counters, counter, netns, ifindex);
	struct counter_state *known =
		at < counters->states.count ? &counters->states.items[at] : NULL;
	uint64_t gained, other;

	if (!known || state_compare(known, counter, netns, ifindex) != 0) {
		state_add(counters, at, &state);
		return 0;
	}
	gained = value > known->value ? value - known->value : 0;
	other = explained > known->explained ? explained - known->explained : 0;
	gained = gained > other ? gained - other : 0;
	known->value = value;
	known->explained = explained;
	counters->gained[counter] += gained;
	return gained;
}

void watch_counter_hold(struct watch_counters *counters, unsigned counter, uint32_t netns,
			uint64_t gained)
{
	struct counter_gain *gain;

	array_each(held, &counters->gains) {
		if (held->counter == counter && held->netns == netns) {
			held->gained += gained;
			return;
		}
	}
	gain = counters->gains.count < MAX_STATES ? array_push(&counters->gains) : NULL;
	if (!gain) {
		counters->refused++;
		return;
	}
	*gain = (struct counter_gain){.netns = netns, .counter = counter, .gained = gained};
}

bool watch_counter_is_told(unsigned counter, const struct finding *finding)
{
	/* What the drop tells exactly, and the counter does not tell apart. */
	static const struct {
		const char *counted, *seen;
	} closer[] = {
		{"conntrack-race", "ports-exhausted"},
		{"mtu-exceeded", "mtu-blackhole"},
	};
	const char *id = watched_counters[counter].finding;

	if (!id || !strncmp(finding->key, "counter ", 8))
		return false;
	if (!strcmp(finding->id, id))
		return true;
	for (size_t i = 0; i < sizeof(closer) / sizeof(closer[0]); i++) {
		if (!strcmp(closer[i].counted, id) && !strcmp(closer[i].seen, finding->id))
			return true;
	}
	return false;
}

void watch_counters_forget(struct watch_counters *counters, uint32_t netns)
{
	size_t kept = 0;

	array_each(state, &counters->states) {
		if (state->netns != netns)
			counters->states.items[kept++] = *state;
	}
	counters->states.count = kept;
	kept = 0;
	array_each(gain, &counters->gains) {
		if (gain->netns != netns)
			counters->gains.items[kept++] = *gain;
	}
	counters->gains.count = kept;
}

struct finding *watch_counter_finding(struct finding_list *list, unsigned counter,
				      const char *place, uint64_t gained)
{
	const struct watched_counter *watched = &watched_counters[counter];
	const struct fault_entry *entry = watched->finding ? fault_find(watched->finding) : NULL;
	struct finding *finding;

	if (!entry)
		return NULL;
	finding = finding_new(list, entry->id, entry->class, SEVERITY_WARNING, BASIS_COUNTER);
	if (!finding)
		return NULL;
	finding_key(finding, "counter %s %s", watched->name, place);
	finding_summary(finding, "In %s %s", place, watched->meaning);
	finding_evidence(finding, "count %s rose by %llu", watched->name,
			 (unsigned long long)gained);
	finding_remedy(finding, "%s", watched->remedy);
	finding_text(finding, "counter", "%s", watched->name);
	finding_number(finding, "gained", gained);
	finding->confidence = basis_confidence(BASIS_COUNTER);
	return finding;
}
