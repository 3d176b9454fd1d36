// SPDX-License-Identifier: GPL-2.0-only
/*
 * For comparing with bpftrace where CAP_SYS_RESOURCE is missing: preloaded, it answers "done" to a request
 * to raise the limit of locked memory. Since Linux 5.11 BPF maps are not counted against it, so
 * nothing is lost; older bpftrace ends when the request is refused.
 */
#include <dlfcn.h>
#include <sys/resource.h>

int setrlimit(__rlimit_resource_t resource, const struct rlimit *limit)
{
	int (*next)(__rlimit_resource_t, const struct rlimit *) = dlsym(RTLD_NEXT, "setrlimit");

	if (next && !next(resource, limit))
		return 0;
	return resource == RLIMIT_MEMLOCK ? 0 : -1;
}
