// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads a target: scheme, host and port, path (the name a dns target asks for), and
 * "key=value" parameters. A word without a scheme is icmp, or tcp when it has a port.
 */
#include "packet/target.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "packet/dns.h"

#define ECHO_SIZE 56 /* as ping's default */
#define DATAGRAM_SIZE 32

static const char *const kind_names[] = {"icmp", "tcp", "udp", "dns", "mtu"};

#define KIND_COUNT (sizeof(kind_names) / sizeof(kind_names[0]))

const char *target_kind_name(enum target_kind kind)
{
	return kind_names[kind];
}

static int bad(const struct target *target, struct error *error, const char *why)
{
	char shown[200];

	return error_set(error, -EINVAL, "probe: target \"%s\": %s",
			 text_escape(shown, sizeof(shown), target->text), why);
}

static bool number_parse(const char *text, unsigned long max, unsigned long *number)
{
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	*number = strtoul(text, &end, 10);
	return !errno && !*end && *number <= max;
}

static int parameter_take(struct target *t, const char *key, const char *value, struct error *error)
{
	unsigned long number;

	if (!strcmp(key, "size") && t->kind != TARGET_TCP && t->kind != TARGET_DNS) {
		if (!number_parse(value, TARGET_SIZE_MAX, &number))
			return bad(t, error, "size takes bytes of payload, 0 to 65000");
		t->size = number;
		return 0;
	}
	if (!strcmp(key, "df") && t->kind != TARGET_TCP && t->kind != TARGET_DNS) {
		if (!number_parse(value, 1, &number))
			return bad(t, error, "df takes 0 or 1");
		t->df = number;
		return 0;
	}
	if (!strcmp(key, "type") && t->kind == TARGET_DNS) {
		t->type = dns_type_parse(value);
		return t->type ? 0 : bad(t, error, "type takes A, AAAA, SRV, TXT and the like");
	}
	switch (t->kind) {
	case TARGET_DNS:
		return bad(t, error, "unknown parameter; dns takes ?type=");
	case TARGET_TCP:
		return bad(t, error, "unknown parameter; tcp takes none");
	default:
		return bad(t, error, "unknown parameter; it takes ?size= and &df=");
	}
}

static int parameters_parse(struct target *t, char *text, struct error *error)
{
	char *next = NULL;

	for (char *word = strtok_r(text, "&", &next); word; word = strtok_r(NULL, "&", &next)) {
		char *value = strchr(word, '=');
		int err;

		if (!value)
			return bad(t, error, "a parameter is written key=value");
		*value++ = '\0';
		err = parameter_take(t, word, value, error);
		if (err)
			return err;
	}
	return 0;
}

/* "host", "host:port", "[v6]", "[v6]:port"; more than one colon without brackets is IPv6. */
static int host_parse(struct target *t, const char *text, bool *has_port, struct error *error)
{
	const char *port = NULL;
	size_t length = strlen(text);
	unsigned long number;

	if (*text == '[') {
		const char *end = strchr(text, ']');

		if (!end || (end[1] && end[1] != ':'))
			return bad(t, error, "an IPv6 address is written [ADDRESS]:PORT");
		length = end - ++text;
		port = end[1] ? end + 2 : NULL;
	} else if (strchr(text, ':') && strchr(text, ':') == strrchr(text, ':')) {
		length = strchr(text, ':') - text;
		port = text + length + 1;
	}
	*has_port = port != NULL;
	if (port) {
		if (!number_parse(port, 65535, &number) || !number)
			return bad(t, error, "a port is a number from 1 to 65535");
		t->port = number;
	}
	if (length >= sizeof(t->host))
		return bad(t, error, "the host name is too long");
	memcpy(t->host, text, length);
	t->host[length] = '\0';
	for (const char *c = t->host; *c; c++) {
		if (!isalnum((unsigned char)*c) && !strchr(".-_:%", *c))
			return bad(t, error, "a host is a name or an address");
	}
	return 0;
}

static int scheme_parse(struct target *t, const char **rest, bool *given, struct error *error)
{
	const char *end = strstr(t->text, "://");

	*given = end != NULL;
	*rest = end ? end + 3 : t->text;
	if (!end)
		return 0;
	for (size_t i = 0; i < KIND_COUNT; i++) {
		if (strlen(kind_names[i]) == (size_t)(end - t->text) &&
		    !strncmp(t->text, kind_names[i], end - t->text)) {
			t->kind = i;
			return 0;
		}
	}
	return bad(t, error, "begins with icmp://, tcp://, udp://, dns:// or mtu://");
}

static int target_check(struct target *t, bool scheme, bool has_port, struct error *error)
{
	if (t->kind == TARGET_DNS) {
		if (!t->name[0])
			return bad(t, error, "which name? dns://[SERVER]/NAME");
		if (!has_port)
			t->port = 53;
		return 0;
	}
	if (!t->host[0])
		return bad(t, error, "which host?");
	if (!scheme && has_port)
		t->kind = TARGET_TCP;
	if ((t->kind == TARGET_TCP || t->kind == TARGET_UDP) && !has_port)
		return bad(t, error, "which port? tcp://HOST:PORT");
	if ((t->kind == TARGET_ICMP || t->kind == TARGET_MTU) && has_port)
		return bad(t, error, "icmp and mtu have no port");
	return 0;
}

int target_parse(const char *text, struct target *t, struct error *error)
{
	char copy[sizeof(t->text)], *query, *path;
	bool scheme, has_port = false;
	const char *rest;
	int err;

	memset(t, 0, sizeof(*t));
	text_copy(t->text, sizeof(t->text), text);
	if (strlen(text) >= sizeof(t->text))
		return bad(t, error, "is too long");
	err = scheme_parse(t, &rest, &scheme, error);
	if (err)
		return err;
	text_copy(copy, sizeof(copy), rest);
	query = strchr(copy, '?');
	if (query)
		*query++ = '\0';
	path = strchr(copy, '/');
	if (path)
		*path++ = '\0';
	if (path && *path && t->kind != TARGET_DNS)
		return bad(t, error, "only dns:// has a name after the host");
	if (path && *path && t->kind == TARGET_DNS) {
		if (strlen(path) >= sizeof(t->name) || !dns_name_valid(path))
			return bad(t, error, "that is no DNS name");
		text_copy(t->name, sizeof(t->name), path);
	}
	err = host_parse(t, copy, &has_port, error);
	if (!err)
		err = target_check(t, scheme, has_port, error);
	if (err)
		return err;
	t->size = t->kind == TARGET_UDP ? DATAGRAM_SIZE : ECHO_SIZE;
	return query ? parameters_parse(t, query, error) : 0;
}
