/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The server, on libmicrohttpd driven from the caller's loop. libmicrohttpd's own timeout counts
 * from the last byte, so a client that sends one byte now and then would keep its place: here
 * every connection ends at a fixed age.
 */
#include "output/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <microhttpd.h>

#include "base/text.h"

#define MAX_CONNECTIONS 64
#define CONNECTION_MEMORY (8 * 1024)
#define DEADLINE_NS 5000000000ull
#define IDLE_SECONDS 3u

struct connection {
	int fd; /* -1: this place is free */
	uint64_t since_ns;
};

struct http {
	struct MHD_Daemon *daemon;
	http_page page;
	void *context;
	char address[INET6_ADDRSTRLEN + 16];
	/* one more than are let in: at that number the oldest is shown out */
	struct connection connections[MAX_CONNECTIONS];
};

static uint64_t clock_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, const char *type,
			      char *text, size_t length)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(length, text, MHD_RESPMEM_MUST_FREE);
	enum MHD_Result result;

	if (!response) {
		free(text);
		return MHD_NO;
	}
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result answer_line(struct MHD_Connection *connection, unsigned status,
				   const char *line)
{
	char *text = strdup(line);

	return text ? answer(connection, status, "text/plain; charset=utf-8", text, strlen(text))
		    : MHD_NO;
}

/* libmicrohttpd calls it when the headers are there, and again for each piece of a body. */
static enum MHD_Result request(void *context, struct MHD_Connection *connection, const char *url,
			       const char *method, const char *version, const char *upload,
			       size_t *upload_size, void **state)
{
	static int heard; /* only its address is used */
	struct http *http = context;
	const char *type = "text/plain; charset=utf-8";
	unsigned status = MHD_HTTP_OK;
	size_t length = 0;
	char *text;

	(void)version;
	(void)upload;
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return *state ? MHD_NO
			      : answer_line(connection, MHD_HTTP_METHOD_NOT_ALLOWED,
					    "only GET and HEAD\n");
	if (*upload_size)
		return MHD_NO; /* a body nobody asked for */
	if (!*state) {
		*state = &heard;
		return MHD_YES;
	}
	text = http->page(http->context, url, &status, &type, &length);
	if (!text)
		return answer_line(connection, MHD_HTTP_NOT_FOUND,
				   "pages: /metrics /healthz /readyz /drops\n");
	return answer(connection, status, type, text, length);
}

static int connection_fd(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

	return info ? info->connect_fd : -1;
}

/* The socket stays libmicrohttpd's; it sees the end of it and closes. */
static void show_out(struct connection *connection)
{
	shutdown(connection->fd, SHUT_RDWR);
	connection->since_ns = UINT64_MAX; /* on its way out */
}

static void connection_began(struct http *http, int fd)
{
	struct connection *oldest = NULL, *free_place = NULL;
	unsigned used = 0;

	for (unsigned i = 0; i < MAX_CONNECTIONS; i++) {
		struct connection *one = &http->connections[i];

		if (one->fd < 0) {
			free_place = one;
			continue;
		}
		used++;
		if (one->since_ns != UINT64_MAX && (!oldest || one->since_ns < oldest->since_ns))
			oldest = one;
	}
	if (free_place)
		*free_place = (struct connection){.fd = fd, .since_ns = clock_now()};
	if (oldest && used + 1 >= MAX_CONNECTIONS / 2)
		show_out(oldest);
}

static void connection_changed(void *context, struct MHD_Connection *connection,
			       void **socket_context, enum MHD_ConnectionNotificationCode code)
{
	struct http *http = context;
	int fd = connection_fd(connection);

	(void)socket_context;
	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		connection_began(http, fd);
		return;
	}
	for (unsigned i = 0; i < MAX_CONNECTIONS; i++) {
		if (http->connections[i].fd == fd)
			http->connections[i].fd = -1;
	}
}

struct listen_address {
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	};
};

static int address_parse(const char *listen, struct listen_address *address, struct error *error)
{
	const char *colon = strrchr(listen, ':');
	char host[64] = "", shown[96];
	char *end;
	long port;

	memset(address, 0, sizeof(*address));
	text_escape(shown, sizeof(shown), listen);
	if (!colon || (size_t)(colon - listen) >= sizeof(host))
		return error_set(error, -EINVAL,
				 "--listen takes ADDRESS:PORT, such as 127.0.0.1:9435, not \"%s\"",
				 shown);
	memcpy(host, listen, colon - listen);
	port = strtol(colon + 1, &end, 10);
	if (end == colon + 1 || *end || port < 0 || port > 65535)
		return error_set(error, -EINVAL, "--listen \"%s\": the port is no number to 65535",
				 shown);
	if (host[0] == '[' && host[strlen(host) - 1] == ']') {
		host[strlen(host) - 1] = '\0';
		memmove(host, host + 1, strlen(host));
		if (inet_pton(AF_INET6, host, &address->v6.sin6_addr) == 1) {
			address->v6.sin6_family = AF_INET6;
			address->v6.sin6_port = htons(port);
			return 0;
		}
	} else if (!host[0] || inet_pton(AF_INET, host, &address->v4.sin_addr) == 1) {
		if (!host[0])
			address->v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		address->v4.sin_family = AF_INET;
		address->v4.sin_port = htons(port);
		return 0;
	}
	return error_set(error, -EINVAL,
			 "--listen \"%s\": the address is not one of IPv4, nor of IPv6 in [ ]",
			 shown);
}

static void address_write(const struct listen_address *address, char *text, size_t size)
{
	bool v6 = address->any.sa_family == AF_INET6;
	char host[INET6_ADDRSTRLEN] = "";

	if (v6)
		inet_ntop(AF_INET6, &address->v6.sin6_addr, host, sizeof(host));
	else
		inet_ntop(AF_INET, &address->v4.sin_addr, host, sizeof(host));
	snprintf(text, size, v6 ? "[%s]:%u" : "%s:%u", host,
		 ntohs(v6 ? address->v6.sin6_port : address->v4.sin_port));
}

/* *address becomes what it is bound to. */
static int socket_open(const char *listen_text, struct listen_address *address, struct error *error)
{
	bool v6 = address->any.sa_family == AF_INET6;
	socklen_t size = v6 ? sizeof(address->v6) : sizeof(address->v4);
	int one = 1, err;
	int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd >= 0) {
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		if (!bind(fd, &address->any, size) && !listen(fd, 128) &&
		    !getsockname(fd, &address->any, &size))
			return fd;
	}
	err = -errno;
	if (fd >= 0)
		close(fd);
	return error_set(error, err, "--listen %s: %s", listen_text, strerror(-err));
}

static void nothing_said(void *context, const char *format, va_list args)
{
	(void)context;
	(void)format;
	(void)args; /* what strangers send is not worth a log line */
}

int http_open(const char *listen, http_page page, void *context, struct http **out,
	      struct error *error)
{
	struct listen_address address;
	struct http *http;
	int err = address_parse(listen, &address, error), fd;

	*out = NULL;
	if (err)
		return err;
	http = calloc(1, sizeof(*http));
	if (!http)
		return error_set(error, -ENOMEM, "out of memory");
	for (unsigned i = 0; i < MAX_CONNECTIONS; i++)
		http->connections[i].fd = -1;
	http->page = page;
	http->context = context;
	fd = socket_open(listen, &address, error);
	if (fd < 0) {
		free(http);
		return fd;
	}
	address_write(&address, http->address, sizeof(http->address));
	http->daemon = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_USE_ERROR_LOG, 0, NULL, NULL, request, http,
		MHD_OPTION_EXTERNAL_LOGGER, nothing_said, NULL, MHD_OPTION_LISTEN_SOCKET, fd,
		MHD_OPTION_CONNECTION_LIMIT, MAX_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
		IDLE_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
		MHD_OPTION_NOTIFY_CONNECTION, connection_changed, http, MHD_OPTION_END);
	if (!http->daemon) {
		close(fd);
		free(http);
		return error_set(error, -EIO, "--listen %s: the HTTP server did not start", listen);
	}
	*out = http;
	return 0;
}

int http_fd(const struct http *http)
{
	const union MHD_DaemonInfo *info =
		http ? MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;

	return info ? info->epoll_fd : -1;
}

void http_work(struct http *http, uint64_t now_ns)
{
	for (unsigned i = 0; i < MAX_CONNECTIONS; i++) {
		struct connection *one = &http->connections[i];

		if (one->fd >= 0 && one->since_ns != UINT64_MAX &&
		    now_ns > one->since_ns + DEADLINE_NS)
			show_out(one);
	}
	MHD_run(http->daemon);
}

const char *http_address(const struct http *http)
{
	return http->address;
}

void http_close(struct http *http)
{
	if (!http)
		return;
	MHD_stop_daemon(http->daemon);
	free(http);
}
