/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Netlink questions over libmnl: a socket per question (so it belongs to the namespace
 * visited), a time limit on every read, and dumps repeated when the kernel says that they
 * were torn by a change (NLM_F_DUMP_INTR).
 */
#ifndef CNITRACE_NODE_NETLINK_H
#define CNITRACE_NODE_NETLINK_H

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "packet/address.h"

#define NETLINK_REQUEST_SIZE 512

/* A request being built: the message with room for `extra` bytes of family header. */
struct netlink_request {
	int bus; /* NETLINK_ROUTE … */
	uint32_t buffer[NETLINK_REQUEST_SIZE / 4];
};

/* Starts a request and returns its zeroed family header of `extra` bytes. */
void *netlink_begin(struct netlink_request *request, int bus, uint16_t type, uint16_t flags,
		    size_t extra);
struct nlmsghdr *netlink_message(struct netlink_request *request);

/*
 * `each` sees every message of the answer and returns MNL_CB_OK, MNL_CB_STOP, or
 * MNL_CB_ERROR with errno set. `restart` (may be NULL) makes the context empty again before
 * a torn dump is repeated. 0 or a negative errno, the kernel's own or -ETIMEDOUT.
 */
int netlink_dump(struct netlink_request *request, mnl_cb_t each, void (*restart)(void *),
		 void *context);
/* One answer; `each` may be NULL when only the error code matters. */
int netlink_ask(struct netlink_request *request, mnl_cb_t each, void *context);

/* Attributes by type, of types 0 … count-1; NULL where absent. Unknown types are skipped. */
void netlink_attributes(const struct nlmsghdr *message, size_t extra, const struct nlattr **table,
			size_t count);
void netlink_nested(const struct nlattr *nest, const struct nlattr **table, size_t count);

/* Values of attributes that may be NULL or too short: 0, or an address of version 0. */
uint8_t netlink_u8(const struct nlattr *attribute);
uint16_t netlink_u16(const struct nlattr *attribute);
uint32_t netlink_u32(const struct nlattr *attribute);
struct address netlink_address(const struct nlattr *attribute);
void netlink_string(char *dst, size_t size, const struct nlattr *attribute);
/* Copies at most `size` bytes, the rest of dst is zeroed; false when absent. */
bool netlink_bytes(void *dst, size_t size, const struct nlattr *attribute);

void netlink_put_address(struct netlink_request *request, uint16_t type,
			 const struct address *address);

#endif
