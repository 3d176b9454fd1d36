/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The edge that commands share. It prints nothing: what is wrong is said in the error.
 */
#include "commands/common.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"

uint64_t common_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

char *common_words(const char *const *words, size_t count)
{
	size_t size = 1;
	char *joined;

	for (size_t i = 0; i < count; i++)
		size += strlen(words[i]) + 1;
	joined = calloc(1, size);
	for (size_t i = 0; joined && i < count; i++)
		text_append(joined, size, "%s%s", i ? " " : "", words[i]);
	return joined;
}

int common_colour(const char *command, const char *when, bool *colour, struct error *error)
{
	const char *terminal = getenv("TERM");

	*colour = false;
	if (!when || !strcmp(when, "auto"))
		*colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR") &&
			  (!terminal || strcmp(terminal, "dumb") != 0);
	else if (!strcmp(when, "always"))
		*colour = true;
	else if (strcmp(when, "never") != 0)
		return error_set(error, -EINVAL, "%s: --color takes auto, always or never",
				 command);
	return 0;
}

int common_printer(const char *command, const char *when, bool json, struct printer **printer,
		   struct error *error)
{
	bool colour;
	int err = common_colour(command, when, &colour, error);

	*printer = err ? NULL : printer_new(json ? PRINT_JSON : PRINT_TEXT, stdout, colour);
	if (err)
		return err;
	return *printer ? 0 : error_set(error, -ENOMEM, "out of memory");
}

static int output_judge(int err, struct error *error)
{
	if (!err || err == EPIPE)
		return 0;
	return error_set(error, -EIO, "standard output cannot be written: %s", strerror(err));
}

int common_printed(const struct printer *printer, struct error *error)
{
	return output_judge(printer_error(printer), error);
}

int common_written(struct error *error)
{
	if (fflush(stdout))
		return output_judge(errno, error);
	return output_judge(ferror(stdout) ? EIO : 0, error);
}

int common_ring(const char *command, uint64_t bytes, struct error *error)
{
	if (bytes && (bytes < 4096 || bytes & (bytes - 1) || bytes > 1u << 30))
		return error_set(error, -EINVAL, "%s: --ring takes a power of two from 4K to 1G",
				 command);
	return 0;
}

int common_min_len(const char *command, uint64_t bytes, struct error *error)
{
	if (bytes > UINT32_MAX)
		return error_set(error, -EINVAL, "%s: --min-len takes a number of bytes", command);
	return 0;
}

int common_reasons(const char *command, struct kernel_names *names,
		   const struct selection *selection, struct error *error)
{
	char shown[96];

	for (size_t i = 0; i < selection->reason_count; i++) {
		const char *pattern = selection->reasons[i];

		if (!kernel_reason_known(names, pattern))
			return error_set(
				error, -EINVAL,
				"%s: this kernel has no drop reason \"%s\" (names are as in "
				"NETFILTER_DROP, NO_SOCKET, PKT_TOO_BIG; \"*SOCK*\" is a pattern)",
				command, text_escape(shown, sizeof(shown), pattern));
	}
	return 0;
}

int common_signals(int extra)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	if (extra)
		sigaddset(&set, extra);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

bool common_signals_read(int fd, int extra, bool *extra_came)
{
	struct signalfd_siginfo info;
	bool stop = false;

	while (read(fd, &info, sizeof(info)) == sizeof(info)) {
		if (extra && (int)info.ssi_signo == extra) {
			if (extra_came)
				*extra_came = true;
		} else {
			stop = true;
		}
	}
	return stop;
}

int common_session(struct session *session, const char *root, const char *pod, const char *netns,
		   bool drops_only, struct error *error)
{
	int err;

	if (session_capabilities(error))
		return EXIT_UNABLE;
	session_losses(stderr, drops_only);
	err = session_open(session, root, error);
	if (err)
		return err == -ENOENT ? EXIT_USAGE : EXIT_FAILED;
	return session_subject(session, pod, netns, error) ? EXIT_USAGE : EXIT_OK;
}
