/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cnitrace: names the sub-commands and hands over.
 */
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "commands/commands.h"
#include "commands/common.h"
#include "commands/session.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} commands[] = {
	{"trace", command_trace, "trace packets, print journeys, then findings"},
	{"monitor", command_monitor, "count drops for as long as it runs"},
	{"probe", command_probe, "send test packets from a pod and trace them hop by hop"},
	{"check", command_check, "read the node's facts, report what is wrong now"},
	{"doctor", command_doctor, "what this kernel allows, which probes are used"},
	{"pods", command_pods, "the node's pods: names, addresses, devices, MTUs"},
	{"merge", command_merge, "join the JSON of several nodes into whole journeys"},
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static void help(FILE *out)
{
	fprintf(out,
		"cnitrace %s: where a packet died inside this node, why, and what to change\n\n"
		"usage: cnitrace COMMAND [options]\n\n",
		CNITRACE_VERSION);
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		fprintf(out, "  %-9s %s\n", commands[i].name, commands[i].help);
	fprintf(out,
		"\n\"cnitrace COMMAND --help\" says more; \"cnitrace --version\" the version.\n"
		"exit status: 0 no fault found, 1 cnitrace failed, 2 bad usage, 3 this kernel or\n"
		"these privileges cannot run it, 10 at least one finding of severity error\n");
}

/*
 * What is big and short-lived (a kernel's BTF, a node's rules) goes back when it is freed. Left to itself, glibc
 * takes the first big block that is freed for a habit, and has all up to that size on its heap from then on.
 */
static void memory_give_back(void)
{
	mallopt(M_MMAP_THRESHOLD, 128 << 10);
	mallopt(M_ARENA_MAX, 1);
}

/*
 * Started with a standard descriptor closed (">&-"), the next file to be opened would get its number, and our output. What
 * stands in its place cannot be written, so that the loss is noticed.
 */
static void descriptors_fill(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) != fd)
			_exit(EXIT_FAILED);
	}
}

static int run(int argc, char **argv)
{
	char shown[64], list[128] = "";

	if (argc < 2) {
		help(stderr);
		return EXIT_USAGE;
	}
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 2, argv + 2);
		text_append(list, sizeof(list), "%s%s", i ? ", " : "", commands[i].name);
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		help(stdout);
		return EXIT_OK;
	}
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		printf("cnitrace %s\n", CNITRACE_VERSION);
		return EXIT_OK;
	}
	fprintf(stderr, "cnitrace: unknown command \"%s\"; commands: %s\n",
		text_escape(shown, sizeof(shown), argv[1]), list);
	return EXIT_USAGE;
}

int main(int argc, char **argv)
{
	struct error error = {};
	int status;

	descriptors_fill();
	memory_give_back();
	status = run(argc, argv);
	/* a command that failed has said why */
	if (status == EXIT_FAILED || !common_written(&error))
		return status;
	fprintf(stderr, "cnitrace: %s\n", error.text);
	return EXIT_FAILED;
}
