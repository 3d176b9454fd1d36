/* SPDX-License-Identifier: GPL-2.0-only */
#include "commands/run.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"

static bool is_program(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISREG(st.st_mode) && !access(path, X_OK);
}

int run_check(char *const *argv, struct error *error)
{
	const char *path = getenv("PATH");
	char shown[128];

	if (strchr(argv[0], '/')) {
		if (is_program(argv[0]))
			return 0;
	} else {
		for (const char *at = path ? path : "/usr/bin:/bin"; *at;) {
			size_t n = strcspn(at, ":");
			char full[4096];

			snprintf(full, sizeof(full), "%.*s/%s", (int)n, at, argv[0]);
			if (is_program(full))
				return 0;
			at += n + (at[n] == ':');
		}
	}
	return error_set(error, -ENOENT, "command not found: \"%s\"",
			 text_escape(shown, sizeof(shown), argv[0]));
}

static void child_say(const char *what)
{
	dprintf(STDERR_FILENO, "cnitrace: %s: %s\n", what, strerror(errno));
}

/* The file's bytes: it may lie in another mount namespace, from where it could not be mounted. */
static int resolv_copy(const char *from, const char *to)
{
	char text[8192];
	int in = open(from, O_RDONLY | O_CLOEXEC), out;
	ssize_t n = in < 0 ? -1 : read(in, text, sizeof(text));

	if (in >= 0)
		close(in);
	if (n < 0)
		return -1;
	out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (out < 0 || write(out, text, n) != n)
		return -1;
	return close(out);
}

/*
 * In a mount namespace of its own: a scratch file system lies over /tmp just long enough
 * to mount one file of it over /etc/resolv.conf.
 */
static void child_resolv(const char *resolv)
{
	int in = open(resolv, O_RDONLY | O_CLOEXEC);
	char from[64];

	snprintf(from, sizeof(from), "/proc/self/fd/%d", in); /* /tmp may hide the path itself */
	if (in < 0 || unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) ||
	    mount("cnitrace", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "size=64k") ||
	    resolv_copy(from, "/tmp/resolv.conf") ||
	    mount("/tmp/resolv.conf", "/etc/resolv.conf", NULL, MS_BIND, NULL) ||
	    umount2("/tmp", MNT_DETACH))
		child_say("the pod's resolv.conf could not be shown to the command");
}

pid_t run_start(char *const *argv, const char *netns, const char *resolv, struct error *error)
{
	int ns = -1;
	pid_t pid;

	if (netns[0]) {
		ns = open(netns, O_RDONLY | O_CLOEXEC);
		if (ns < 0)
			return error_set(error, -errno, "network namespace %s: %s", netns,
					 strerror(errno));
	}
	pid = fork();
	if (pid < 0) {
		error_set(error, -errno, "the command could not be started: %s", strerror(errno));
		pid = error->code;
	} else if (!pid) {
		sigset_t none;

		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		signal(SIGPIPE, SIG_DFL);
		dup2(STDERR_FILENO, STDOUT_FILENO);
		if (ns >= 0 && setns(ns, CLONE_NEWNET)) {
			child_say("the pod's network namespace could not be entered");
			_exit(126);
		}
		if (resolv && !access(resolv, R_OK))
			child_resolv(resolv);
		execvp(argv[0], argv);
		child_say(argv[0]);
		_exit(127);
	}
	if (ns >= 0)
		close(ns);
	return pid;
}

int run_status(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, WNOHANG) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
