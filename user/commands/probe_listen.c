// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finds the pod of --to and listens in it. Connections are closed as soon as they are taken.
 */
#include "commands/probe_listen.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"

#define BACKLOG 64

static const struct pod *pod_find(struct probe *p, struct error *error)
{
	const struct pod *pod = facts_pod_named(p->session.facts, p->options->to);
	char shown[300], list[300] = "", safe[300];

	if (pod && pod->netns && !pod->host_network && pod->address_count)
		return pod;
	array_each(one, &p->session.facts->pods) {
		char name[520];

		snprintf(name, sizeof(name), "%s/%s", one->namespace, one->name);
		text_append(list, sizeof(list), "%s%s", list[0] ? ", " : "",
			    text_escape(safe, sizeof(safe), name));
	}
	text_escape(shown, sizeof(shown), p->options->to);
	if (pod)
		error_set(error, -EINVAL, "probe: --to %s: the pod has no address of its own",
			  shown);
	else
		error_set(error, -ENOENT, "probe: --to: no pod \"%s\" on this node; pods here: %s",
			  shown, list);
	return NULL;
}

static int listener_open(struct probe *p, const struct pod *pod, struct error *error)
{
	struct probe_where where = {.path = pod->netns_path, .inode = pod->netns};
	uint8_t version = pod->addresses[0].version;
	int fd = probe_socket_open(&where, PROBE_TCP, version), err = 0;

	if (fd < 0)
		return error_set(error, fd, "probe: --listen: no socket in %s/%s: %s",
				 pod->namespace, pod->name, strerror(-fd));
	err = probe_socket_listen(fd, version, p->options->listen, BACKLOG);
	if (err) {
		close(fd);
		return error_set(error, err, "probe: --listen %llu in %s/%s: %s",
				 (unsigned long long)p->options->listen, pod->namespace, pod->name,
				 err == -EADDRINUSE ? "something listens there already; leave "
						      "--listen out to test that"
						    : strerror(-err));
	}
	p->listen_fd = fd;
	return 0;
}

int probe_listen_open(struct probe *p, char target[128], struct error *error)
{
	const struct pod *pod = pod_find(p, error);
	char address[ADDRESS_TEXT];

	if (!pod)
		return error->code;
	address_text(pod->addresses[0], address);
	if (!p->options->listen) {
		snprintf(target, 128, "icmp://%s", address);
		return 0;
	}
	snprintf(target, 128, pod->addresses[0].version == 6 ? "tcp://[%s]:%u" : "tcp://%s:%u",
		 address, (unsigned)p->options->listen);
	return listener_open(p, pod, error);
}

void probe_listen_accept(const struct probe *p)
{
	int fd;

	while (p->listen_fd >= 0 && (fd = accept4(p->listen_fd, NULL, NULL, SOCK_CLOEXEC)) >= 0)
		close(fd);
}
