// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counts every packet the kernel frees without delivering it.
 *
 * Hook: tracepoint skb:kfree_skb, by tp_btf (fields are then plain loads) or as a raw
 * tracepoint. Context: any, hard interrupts included. Cost: nothing on packets that are not
 * dropped; on one that is, some loads and, where another key has its place, one look-up in a
 * per-CPU hash. The first few of each kind and second are also written out as records, which
 * costs what bpf/drop.bpf.c does.
 *
 * With a filter or a subject each packet is parsed before it is counted.
 */
#include "drop_key.bpf.h"

char _license[] SEC("license") = "GPL";

const volatile struct monitor_config monitor_config = {};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, MONITOR_KEYS);
	__type(key, struct drop_key);
	__type(value, struct drop_count);
} drops SEC(".maps");

/* Not a per-CPU array: a look-up in this one is a few instructions on every kernel, and user space maps it. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, DROP_PLACES); /* for each CPU: the loader knows how many */
	__type(key, __u32);
	__type(value, struct drop_place);
} places SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct monitor_totals);
} totals SEC(".maps");

static __always_inline struct monitor_totals *totals_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&totals, &zero);
}

/*
 * A key has two places. The first is found without what it takes longest to read, the namespace; keys that differ in
 * nothing else (eth0 of many pods) have their second one.
 */
static __always_inline struct drop_place *place_get(const struct key_words *k, __u32 ifindex,
						    __u64 apart)
{
	__u64 hash =
		(k->word[0] ^ k->word[3] ^ (__u64)ifindex << 20 ^ apart) * 0x9e3779b97f4a7c15ull;
	__u32 at = bpf_get_smp_processor_id() * DROP_PLACES + (hash >> 40) % DROP_PLACES;

	return bpf_map_lookup_elem(&places, &at);
}

static __always_inline bool key_is(const struct drop_key *key, const struct key_words *k)
{
	const __u64 *word = (const __u64 *)key;

	return word[0] == k->word[0] && word[1] == k->word[1] && word[2] == k->word[2] &&
	       word[3] == k->word[3];
}

static __always_inline void key_set(struct drop_key *key, const struct key_words *k)
{
	__u64 *word = (__u64 *)key;

	word[0] = k->word[0];
	word[1] = k->word[1];
	word[2] = k->word[2];
	word[3] = k->word[3];
}

/* In the map of all keys; NULL: it is full. */
static __noinline struct drop_count *map_count(struct drop_key *key)
{
	struct drop_count zero = {};
	struct drop_count *c = bpf_map_lookup_elem(&drops, key);

	if (c)
		return c;
	/* another CPU may have made it meanwhile: then it is there all the same */
	bpf_map_update_elem(&drops, key, &zero, BPF_NOEXIST);
	return bpf_map_lookup_elem(&drops, key);
}

static __always_inline bool place_is_idle(const struct drop_place *p, __u64 now)
{
	return (now - (p->count.last >> DROP_SAMPLES_BITS)) >> monitor_config.window_shift >=
	       DROP_PLACE_IDLE_WINDOWS;
}

/* The place's owner has been quiet: it moves to the map, unless that is full. */
static __noinline bool place_vacate(struct drop_place *p)
{
	struct drop_key key = p->key;
	struct drop_count *c = map_count(&key);

	if (!c)
		return false;
	if (!c->packets)
		c->first = p->count.first;
	c->packets += p->count.packets;
	c->bytes += p->count.bytes;
	c->last = p->count.last;
	__builtin_memset(&p->count, 0, sizeof(p->count));
	return true;
}

/* False: another key has it, and has not been quiet for long. */
static __always_inline bool place_take(struct drop_place *p, const struct key_words *k, __u64 now)
{
	if (!p || (p->count.packets && !(place_is_idle(p, now) && place_vacate(p))))
		return false;
	key_set(&p->key, k);
	return true;
}

/* Not at its first place. */
static __noinline struct drop_count *key_count_other(struct drop_key *key, __u64 now)
{
	const struct key_words *k = (const struct key_words *)key;
	struct drop_place *first = place_get(k, key->ifindex, 0);
	struct drop_place *second = place_get(k, key->ifindex, (__u64)key->netns << 32);

	if (second && key_is(&second->key, k))
		return &second->count;
	if (place_take(first, k, now))
		return &first->count;
	if (place_take(second, k, now))
		return &second->count;
	return map_count(key);
}

static __always_inline struct drop_count *key_count(const struct key_words *k, __u32 ifindex,
						    __u64 now)
{
	struct drop_place *p = place_get(k, ifindex, 0);
	struct drop_key key;

	if (p && key_is(&p->key, k))
		return &p->count;
	key_set(&key, k);
	return key_count_other(&key, now);
}

/* A record of this drop, and its key behind it. */
static __always_inline void sample(void *ctx, struct sk_buff *skb, const struct drop_facts *f,
				   const struct key_words *k)
{
	struct sock *rx_sk = receiver(ctx);
	struct monitor_totals *t = totals_get();
	struct hook_counters *count = counters_get(COUNTER_DROP);
	struct scratch *s = scratch_get();
	__u32 at;

	if (!t || !count || !s)
		return;
	count->seen++;
	t->clock_ns = s->now = bpf_ktime_get_ns();
	t->clock_jiffies = bpf_jiffies64();
	if (!config_asks() && !drop_parse(s, skb, f->len)) {
		count->filtered++; /* nothing of it can be shown */
		return;
	}
	if (!drop_record(ctx, s, skb, f->location, f->reason,
			 rx_sk ? rx_sk : BPF_CORE_READ(skb, sk), rx_sk != NULL, f->dev, f->netns,
			 f->ifindex)) {
		count->lost++;
		return;
	}
	at = s->size;
	if (at > RECORD_ROOM - sizeof(struct drop_key)) {
		count->lost++;
		return;
	}
	key_set((struct drop_key *)(s->out + at), k);
	record_emit_with(s, count, sizeof(struct drop_key));
}

/* Is this drop asked for? Once config_asks(), its packet has been parsed into the scratch space. */
static __always_inline bool drop_wanted(struct sk_buff *skb, const struct drop_facts *f)
{
	struct scratch *s;

	if (config.has_reasons && (f->reason >= CONFIG_REASONS ||
				   !(config.reasons[f->reason / 32] >> f->reason % 32 & 1)))
		return false;
	if (!config_asks())
		return true;
	s = scratch_get();
	return s && drop_parse(s, skb, f->len) && packet_wanted(f->netns, f->ifindex);
}

/* One of those that no key counts. */
static __always_inline int count_other(bool filtered)
{
	struct monitor_totals *t = totals_get();

	if (!t)
		return 0;
	if (filtered)
		t->filtered++;
	else
		t->overflow++;
	return 0;
}

static __always_inline int count(void *ctx, struct sk_buff *skb, struct drop_facts *f, bool cast)
{
	struct drop_count *c;
	struct key_words k;
	__u64 now, last, samples, shift = monitor_config.window_shift;

	if (monitor_config.restricted && !drop_wanted(skb, f))
		return count_other(true);
	facts_headers(f, cast);
	facts_words(f, &k);
	now = bpf_jiffies64();
	c = key_count(&k, f->ifindex, now);
	if (!c)
		return count_other(false);
	last = c->last;
	samples = last & DROP_SAMPLES_MASK;
	if (last >> DROP_SAMPLES_BITS >> shift != now >> shift)
		samples = 0;
	/* a key has a count per CPU: this one's first, this one's samples */
	if (!c->packets++)
		c->first = now;
	c->bytes += f->len;
	if (samples < monitor_config.samples_per_second) {
		samples++;
		sample(ctx, skb, f, &k);
	}
	c->last = now << DROP_SAMPLES_BITS | samples;
	return 0;
}

static __always_inline void facts_args(struct drop_facts *f, const unsigned long long *ctx)
{
	f->location = ctx[1];
	if (config.kfree_skb_args >= 3)
		f->reason = (__u32)ctx[2];
}

SEC("trace_btf/kfree_skb")
int cnitrace_count_cast(unsigned long long *ctx)
{
	struct drop_facts f = {};

	facts_args(&f, ctx);
	facts_load(&f, (struct sk_buff *)ctx[0], ctx);
	return count(ctx, (struct sk_buff *)ctx[0], &f, true);
}

SEC("trace_btf/kfree_skb")
int cnitrace_count(unsigned long long *ctx)
{
	struct drop_facts f = {};

	facts_args(&f, ctx);
	facts_load(&f, (struct sk_buff *)ctx[0], ctx);
	return count(ctx, (struct sk_buff *)ctx[0], &f, false);
}

SEC("trace_raw/kfree_skb")
int cnitrace_count_raw(unsigned long long *ctx)
{
	struct drop_facts f = {};

	facts_args(&f, ctx);
	facts_read(&f, (struct sk_buff *)ctx[0], ctx);
	return count(ctx, (struct sk_buff *)ctx[0], &f, false);
}
