/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Puts a filter's translation where the stubs of bpf/filter.bpf.h stand in a program that
 * libbpf has relocated and is about to load. Knows nothing of what a filter means.
 */
#include "kernel/filter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include "kernel/program_edit.h"

/* The same as in bpf/filter.bpf.h. */
#define MAGIC_IP 0x636e6966696c7431ULL
#define MAGIC_ETHER 0x636e6966696c7432ULL
#define MAGIC_DIRECT 0x636e6966696c7433ULL
#define REACH_DIRECT 64 /* further bytes of a packet the programs do not ask about directly */

/* What kind of place an instruction is. */
enum mark {
	MARK_ENTRY = 1, /* a function begins here */
	MARK_STUB = 2, /* part of a stub's body */
	MARK_DIRECT = 4, /* … of the one that reads the packet itself */
};

/* What takes a stub's place. */
struct body {
	const struct bpf_insn *insns;
	size_t count;
};

static struct body body_of(const struct filter *filter, uint8_t mark)
{
	struct body body;

	body.insns = mark & MARK_DIRECT ? filter_direct_body(filter, &body.count)
					: filter_body(filter, &body.count);
	return body;
}

static int mark_entries(const struct bpf_insn *insns, size_t count, uint8_t *marks)
{
	for (size_t i = 0; i < count; i++) {
		if (insn_is_reference(&insns[i])) {
			int64_t to = insn_target(&insns[i], i, count);

			if (to < 0)
				return -EINVAL;
			marks[to] |= MARK_ENTRY;
		}
		if (insn_is_wide(&insns[i]))
			i++;
	}
	return 0;
}

static bool has_magic(const struct bpf_insn *insns, size_t from, size_t end, uint64_t magic)
{
	for (size_t i = from; i + 1 < end; i++) {
		if (!insn_is_wide(&insns[i]))
			continue;
		if (!insns[i].src_reg && (uint32_t)insns[i].imm == (uint32_t)magic &&
		    (uint32_t)insns[i + 1].imm == magic >> 32)
			return true;
		i++;
	}
	return false;
}

/* Marks the bodies to replace; returns how many there are. */
static size_t mark_stubs(const struct bpf_insn *insns, size_t count, uint64_t magic, uint8_t mark,
			 uint8_t *marks)
{
	size_t stubs = 0;

	for (size_t from = 0; from < count;) {
		size_t end = from + 1;

		while (end < count && !(marks[end] & MARK_ENTRY))
			end++;
		/* The main program is nobody's stub. */
		if (from && has_magic(insns, from, end, magic)) {
			for (size_t i = from; i < end; i++)
				marks[i] |= mark;
			stubs++;
		}
		from = end;
	}
	return stubs;
}

/* Where each old instruction is now; a stub's are all where its replacement begins. */
static void lay_out(const uint8_t *marks, size_t count, const struct filter *filter,
		    uint32_t *place)
{
	size_t at = 0;

	for (size_t i = 0; i < count; i++) {
		bool begins = marks[i] & MARK_STUB && marks[i] & MARK_ENTRY;

		if (marks[i] & MARK_STUB && !begins) {
			place[i] = place[i - 1];
			continue;
		}
		place[i] = at;
		at += begins ? body_of(filter, marks[i]).count : 1;
	}
	place[count] = at;
}

static int copy_moved(const struct bpf_insn *insns, size_t count, const uint8_t *marks,
		      const uint32_t *place, const struct filter *filter, struct bpf_insn *out)
{
	for (size_t i = 0; i < count; i++) {
		struct body body = body_of(filter, marks[i]);
		bool wide = insn_is_wide(&insns[i]);
		int err;

		if (marks[i] & MARK_STUB) {
			if (marks[i] & MARK_ENTRY)
				memcpy(&out[place[i]], body.insns,
				       body.count * sizeof(*body.insns));
			continue;
		}
		out[place[i]] = insns[i];
		err = insn_move(&out[place[i]], i, count, place);
		if (err)
			return err;
		if (wide && i + 1 < count) {
			i++;
			out[place[i]] = insns[i];
		}
	}
	return 0;
}

/* The new program and, for each old instruction and the end, its new place and mark. */
struct splice {
	struct bpf_insn *insns;
	uint8_t *marks;
	uint32_t *place;
	size_t stubs;
};

static void splice_free(struct splice *s)
{
	free(s->insns);
	free(s->marks);
	free(s->place);
}

static int splice_make(const struct bpf_insn *insns, size_t count, const struct filter *filter,
		       struct splice *s)
{
	int err;

	s->marks = calloc(count + 1, sizeof(*s->marks));
	s->place = calloc(count + 1, sizeof(*s->place));
	if (!s->marks || !s->place)
		return -ENOMEM;
	err = mark_entries(insns, count, s->marks);
	if (err)
		return err;
	s->stubs = mark_stubs(insns, count, filter_is_ether(filter) ? MAGIC_ETHER : MAGIC_IP,
			      MARK_STUB, s->marks);
	if (filter_reach(filter) <= REACH_DIRECT)
		s->stubs +=
			mark_stubs(insns, count, MAGIC_DIRECT, MARK_STUB | MARK_DIRECT, s->marks);
	lay_out(s->marks, count, filter, s->place);
	s->insns = calloc(s->place[count] + 1, sizeof(*s->insns));
	if (!s->insns)
		return -ENOMEM;
	return copy_moved(insns, count, s->marks, s->place, filter, s->insns);
}

int filter_splice(const struct bpf_insn *insns, size_t count, const struct filter *filter,
		  struct bpf_insn **out, size_t *out_count)
{
	struct splice s = {0};
	int err = splice_make(insns, count, filter, &s);

	if (!err) {
		*out = s.insns;
		*out_count = s.place[count];
		s.insns = NULL;
	}
	splice_free(&s);
	return err;
}

int filter_prepare_load(struct bpf_program *prog, struct bpf_prog_load_opts *opts,
			const struct filter *filter)
{
	size_t count = bpf_program__insn_cnt(prog);
	struct splice s = {0};
	int err = 0;

	if (!filter)
		return 0;
	err = splice_make(bpf_program__insns(prog), count, filter, &s);
	if (!err && s.stubs)
		err = program_put(prog, opts, s.insns, s.place);
	splice_free(&s);
	return err;
}
