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

static void child_resolv(const char *resolv)
{
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) ||
	    mount(resolv, "/etc/resolv.conf", NULL, MS_BIND, NULL))
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
