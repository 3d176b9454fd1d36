// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sends small UDP packets as fast as one core can, or RATE a second: `burst ADDRESS PORT COUNT
 * [RATE]`. Prints packets a second. IPv4 only; refusals that ICMP reports are not errors here.
 */
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

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

int main(int argc, char **argv)
{
	struct sockaddr_in to = {.sin_family = AF_INET};
	struct timespec begin, end;
	char payload[64] = "";
	long count, rate;
	int fd;

	if (argc < 4 || argc > 5 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1)
		return 2;
	to.sin_port = htons(atoi(argv[2]));
	count = atol(argv[3]);
	rate = argc > 4 ? atol(argv[4]) : 0;
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0)
		return 1;
	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (long i = 0; i < count; i++) {
		/* what one core cannot do in the time is left out */
		if (rate > 0 && !pace(&begin, i, rate, count / rate))
			count = i;
		sendto(fd, payload, sizeof(payload), 0, (struct sockaddr *)&to, sizeof(to));
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	printf("%.0f\n", count / (end.tv_sec - begin.tv_sec + (end.tv_nsec - begin.tv_nsec) / 1e9));
	return 0;
}
