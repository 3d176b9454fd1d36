// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sends small UDP packets as fast as one core can, or RATE a second: `burst [-a] [-i ID] [-g N]
 * ADDRESS PORT COUNT [RATE]`. Prints packets a second. What cannot be sent in COUNT / RATE seconds
 * is left out; -a: it takes as long as it takes. -i: all have that IP identification (IPv4 only),
 * the same packet to the last bit. -g: N datagrams in one packet, for the kernel to cut.
 *
 * `burst -l PORT…` takes what comes to these ports and throws it away, `burst -k PORT…` keeps it;
 * it prints a line when it listens. Refusals that ICMP reports are not errors here.
 */
#include <arpa/inet.h>
#include <limits.h>
#include <linux/udp.h>
#include <netinet/ip.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PAYLOAD 64
#define PORTS 4
#define SEGMENTS 64

union end {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

struct datagram {
	struct iphdr ip;
	struct udphdr udp;
	char payload[PAYLOAD];
};

/* Sleeps until packet `i` is due, once in a millisecond's worth of them. False: the time is over. */
static bool pace(const struct timespec *begin, long i, long rate, long seconds)
{
	long long due = begin->tv_sec * 1000000000ll + begin->tv_nsec + i * 1000000000ll / rate;
	struct timespec until = {.tv_sec = due / 1000000000, .tv_nsec = due % 1000000000}, now;

	if (i % (rate / 1000 ? rate / 1000 : 1))
		return true;
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec < begin->tv_sec + seconds ||
	       (now.tv_sec == begin->tv_sec + seconds && now.tv_nsec < begin->tv_nsec);
}

static bool end_read(const char *address, const char *port, union end *end)
{
	memset(end, 0, sizeof(*end));
	if (inet_pton(AF_INET, address, &end->v4.sin_addr) == 1)
		end->v4.sin_family = AF_INET;
	else if (inet_pton(AF_INET6, address, &end->v6.sin6_addr) == 1)
		end->v6.sin6_family = AF_INET6;
	else
		return false;
	end->v4.sin_port = htons(atoi(port)); /* the same place in both */
	return true;
}

static socklen_t end_size(const union end *end)
{
	return end->any.sa_family == AF_INET ? sizeof(end->v4) : sizeof(end->v6);
}

/* The kernel fills in the source, the checksum and the length. */
static struct datagram datagram_make(const union end *to, unsigned id)
{
	return (struct datagram){
		.ip = {.version = 4,
		       .ihl = 5,
		       .id = htons(id),
		       .frag_off = htons(IP_DF),
		       .ttl = 64,
		       .protocol = IPPROTO_UDP,
		       .daddr = to->v4.sin_addr.s_addr},
		.udp = {.source = htons(40000),
			.dest = to->v4.sin_port,
			.len = htons(sizeof(struct udphdr) + PAYLOAD)},
	};
}

static int take(char **ports, int count, bool keep)
{
	struct pollfd polls[PORTS] = {};
	char bytes[2048];

	if (!count || count > PORTS)
		return 2;
	for (int i = 0; i < count; i++) {
		struct sockaddr_in6 at = {.sin6_family = AF_INET6,
					  .sin6_port = htons(atoi(ports[i]))};
		int size = 8 << 20;

		polls[i].events = POLLIN;
		polls[i].fd = socket(AF_INET6, SOCK_DGRAM, 0);
		setsockopt(polls[i].fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
		if (polls[i].fd < 0 || bind(polls[i].fd, (struct sockaddr *)&at, sizeof(at))) {
			perror("burst");
			return 1;
		}
	}
	printf("listening\n");
	fflush(stdout);
	while (keep)
		pause();
	while (poll(polls, count, -1) > 0) {
		for (int i = 0; i < count; i++) {
			while (recv(polls[i].fd, bytes, sizeof(bytes), MSG_DONTWAIT) >= 0)
				;
		}
	}
	return 0;
}

struct options {
	bool all;
	unsigned id, segments;
	long count, rate;
};

static int socket_make(const struct options *o, int family)
{
	int fd = o->id ? socket(AF_INET, SOCK_RAW, IPPROTO_RAW) : socket(family, SOCK_DGRAM, 0);
	int segment = PAYLOAD;

	if (fd >= 0 && o->segments > 1 &&
	    setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment)))
		return -1;
	return fd;
}

static int burst(const union end *to, const struct options *o)
{
	static char payload[PAYLOAD * SEGMENTS];
	struct datagram datagram = datagram_make(to, o->id);
	const void *bytes = o->id ? (void *)&datagram : payload;
	size_t size = o->id ? sizeof(datagram) : PAYLOAD * o->segments;
	long seconds = o->rate && !o->all ? o->count / o->rate : LONG_MAX / 2, sent = 0;
	struct timespec begin, end;
	int fd = socket_make(o, to->any.sa_family);

	if (fd < 0) {
		perror("burst");
		return 1;
	}
	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (; sent < o->count; sent += o->segments) {
		if (o->rate > 0 && !pace(&begin, sent, o->rate, seconds))
			break; /* what one core cannot do in the time is left out */
		sendto(fd, bytes, size, 0, &to->any, end_size(to));
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	printf("%.0f\n", sent / (end.tv_sec - begin.tv_sec + (end.tv_nsec - begin.tv_nsec) / 1e9));
	close(fd);
	return 0;
}

int main(int argc, char **argv)
{
	struct options o = {.segments = 1};
	union end to;
	int option;

	if (argc > 2 && (!strcmp(argv[1], "-l") || !strcmp(argv[1], "-k")))
		return take(argv + 2, argc - 2, argv[1][1] == 'k');
	while ((option = getopt(argc, argv, "ai:g:")) > 0) {
		if (option == 'a')
			o.all = true;
		else if (option == 'i')
			o.id = atoi(optarg);
		else if (option == 'g')
			o.segments = atoi(optarg);
		else
			return 2;
	}
	argv += optind;
	argc -= optind;
	if (argc < 3 || argc > 4 || !end_read(argv[0], argv[1], &to) || !o.segments ||
	    o.segments > SEGMENTS || (o.id && (to.any.sa_family != AF_INET || o.segments > 1)))
		return 2;
	o.count = atol(argv[2]);
	o.rate = argc > 3 ? atol(argv[3]) : 0;
	return burst(&to, &o);
}
