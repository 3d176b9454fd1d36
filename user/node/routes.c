/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Routes of every table and the policy rules that choose among them, and the kernel's own
 * answer for one packet, whose error code is the answer when there is no way. The look-up
 * over routes that were read earlier is in route_lookup.c.
 */
#include "node/reader.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "node/netlink.h"

struct route_context {
	struct facts *facts;
	struct netns_facts *ns;
	uint8_t family;
	size_t first; /* elements of the array before this dump */
};

static uint8_t family_version(uint8_t family)
{
	return family == AF_INET ? 4 : family == AF_INET6 ? 6 : 0;
}

/* RTA_VIA: a gateway of another family than the route's. */
static struct address read_via(const struct nlattr *via)
{
	struct address address = {0};
	struct {
		uint16_t family;
		uint8_t bytes[16];
	} value;

	if (netlink_bytes(&value, sizeof(value), via))
		address = address_make(family_version((uint8_t)value.family), value.bytes);
	return address;
}

static void read_multipath(struct route *route, const struct nlattr *multipath)
{
	const struct rtnexthop *hop = mnl_attr_get_payload(multipath);
	int left = mnl_attr_get_payload_len(multipath);

	route->next_hops = 0;
	for (; RTNH_OK(hop, left); left -= NLMSG_ALIGN(hop->rtnh_len), hop = RTNH_NEXT(hop)) {
		const struct nlattr *attribute;
		int size = hop->rtnh_len - (int)sizeof(*hop);

		if (route->next_hops++)
			continue;
		route->ifindex = (uint32_t)hop->rtnh_ifindex;
		route->flags |= hop->rtnh_flags;
		for (attribute = (const struct nlattr *)RTNH_DATA(hop);
		     mnl_attr_ok(attribute, size); attribute = mnl_attr_next(attribute)) {
			if (mnl_attr_get_type(attribute) == RTA_GATEWAY)
				route->gateway = netlink_address(attribute);
			else if (mnl_attr_get_type(attribute) == RTA_VIA)
				route->gateway = read_via(attribute);
			size -= MNL_ALIGN(attribute->nla_len);
		}
	}
}

static uint32_t read_mtu(const struct nlattr *metrics)
{
	const struct nlattr *at[RTAX_MTU + 1];

	netlink_nested(metrics, at, RTAX_MTU + 1);
	return netlink_u32(at[RTAX_MTU]);
}

static void read_route(struct route *route, const struct rtmsg *header, const struct nlattr **at)
{
	route->dst = netlink_address(at[RTA_DST]);
	route->dst.version = family_version(header->rtm_family);
	route->prefix_len = header->rtm_dst_len;
	route->gateway = at[RTA_VIA] ? read_via(at[RTA_VIA]) : netlink_address(at[RTA_GATEWAY]);
	route->prefsrc = netlink_address(at[RTA_PREFSRC]);
	route->ifindex = netlink_u32(at[RTA_OIF]);
	route->table = at[RTA_TABLE] ? netlink_u32(at[RTA_TABLE]) : header->rtm_table;
	route->type = header->rtm_type;
	route->scope = header->rtm_scope;
	route->protocol = header->rtm_protocol;
	route->metric = netlink_u32(at[RTA_PRIORITY]);
	route->mtu = read_mtu(at[RTA_METRICS]);
	route->flags = header->rtm_flags;
	route->next_hops = 1;
	if (at[RTA_MULTIPATH])
		read_multipath(route, at[RTA_MULTIPATH]);
}

static int each_route(const struct nlmsghdr *message, void *data)
{
	const struct rtmsg *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *at[RTA_MAX + 1];
	struct route_context *context = data;
	struct route *route;

	/* Where a family is not built in, the kernel answers with all the others. */
	if (message->nlmsg_type != RTM_NEWROUTE || header->rtm_family != context->family ||
	    (header->rtm_flags & RTM_F_CLONED))
		return MNL_CB_OK;
	if (context->ns->routes.count >= READER_MAX_ROUTES) {
		errno = E2BIG;
		return MNL_CB_ERROR;
	}
	route = array_push(&context->ns->routes);
	if (!route) {
		errno = ENOMEM;
		return MNL_CB_ERROR;
	}
	netlink_attributes(message, sizeof(*header), at, RTA_MAX + 1);
	read_route(route, header, at);
	return MNL_CB_OK;
}

static void restart_routes(void *data)
{
	struct route_context *context = data;

	context->ns->routes.count = context->first;
}

static int each_rule(const struct nlmsghdr *message, void *data)
{
	const struct fib_rule_hdr *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *at[FRA_MAX + 1];
	struct route_context *context = data;
	struct policy_rule *rule;

	if (message->nlmsg_type != RTM_NEWRULE || header->family != context->family)
		return MNL_CB_OK;
	rule = array_push(&context->ns->policy_rules);
	if (!rule) {
		errno = ENOMEM;
		return MNL_CB_ERROR;
	}
	netlink_attributes(message, sizeof(*header), at, FRA_MAX + 1);
	rule->version = family_version(header->family);
	rule->priority = netlink_u32(at[FRA_PRIORITY]);
	rule->table = at[FRA_TABLE] ? netlink_u32(at[FRA_TABLE]) : header->table;
	rule->action = header->action;
	rule->src = netlink_address(at[FRA_SRC]);
	rule->dst = netlink_address(at[FRA_DST]);
	rule->src_len = header->src_len;
	rule->dst_len = header->dst_len;
	netlink_string(rule->iif, sizeof(rule->iif), at[FRA_IIFNAME]);
	netlink_string(rule->oif, sizeof(rule->oif), at[FRA_OIFNAME]);
	rule->mark = netlink_u32(at[FRA_FWMARK]);
	rule->mask = at[FRA_FWMASK] ? netlink_u32(at[FRA_FWMASK]) : 0;
	rule->invert = header->flags & FIB_RULE_INVERT;
	rule->undecided = header->tos || at[FRA_L3MDEV] || at[FRA_UID_RANGE] || at[FRA_IP_PROTO] ||
			  at[FRA_SPORT_RANGE] || at[FRA_DPORT_RANGE] ||
			  netlink_u32(at[FRA_TUN_ID]) ||
			  (at[FRA_SUPPRESS_PREFIXLEN] &&
			   (int32_t)netlink_u32(at[FRA_SUPPRESS_PREFIXLEN]) != -1);
	return MNL_CB_OK;
}

static void restart_rules(void *data)
{
	struct route_context *context = data;

	context->ns->policy_rules.count = context->first;
}

static int read_family(struct route_context *context)
{
	struct netlink_request request;
	struct fib_rule_hdr *rule;
	struct rtmsg *route;
	int status;

	route = netlink_begin(&request, NETLINK_ROUTE, RTM_GETROUTE, 0, sizeof(*route));
	route->rtm_family = context->family;
	context->first = context->ns->routes.count;
	status = netlink_dump(&request, each_route, restart_routes, context);
	if (status == -E2BIG) {
		/* What was read is still true; only "there is none" is not. */
		facts_gap(context->facts, "%s has more than %d routes: the rest was not read",
			  context->ns->label, READER_MAX_ROUTES);
		status = 0;
	}
	if (status)
		return status;
	rule = netlink_begin(&request, NETLINK_ROUTE, RTM_GETRULE, 0, sizeof(*rule));
	rule->family = context->family;
	context->first = context->ns->policy_rules.count;
	status = netlink_dump(&request, each_rule, restart_rules, context);
	return status == -EOPNOTSUPP || status == -EAFNOSUPPORT ? 0
								: status; /* no multiple tables */
}

int routes_read(struct facts *facts, struct netns_facts *ns)
{
	struct route_context context = {.facts = facts, .ns = ns, .family = AF_INET};
	int status = read_family(&context);

	context.family = AF_INET6;
	return status ? status : read_family(&context);
}

static int each_answer(const struct nlmsghdr *message, void *context)
{
	const struct rtmsg *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *at[RTA_MAX + 1];
	struct route_answer *answer = context;
	struct rta_cacheinfo cache;
	struct route route = {0};

	if (message->nlmsg_type != RTM_NEWROUTE)
		return MNL_CB_OK;
	netlink_attributes(message, sizeof(*header), at, RTA_MAX + 1);
	read_route(&route, header, at);
	answer->type = route.type;
	answer->ifindex = route.ifindex;
	answer->table = route.table;
	answer->mtu = route.mtu;
	answer->gateway = route.gateway;
	answer->prefsrc = route.prefsrc;
	/* IPv6 answers with the rejecting route, IPv4 with an error message. */
	if (netlink_bytes(&cache, sizeof(cache), at[RTA_CACHEINFO]) && cache.rta_error)
		answer->error = -abs((int)cache.rta_error);
	return MNL_CB_OK;
}

static void put_ports(struct nlmsghdr *message, const struct route_query *query)
{
	if (query->proto == IPPROTO_TCP || query->proto == IPPROTO_UDP) {
		mnl_attr_put_u8(message, RTA_IP_PROTO, query->proto);
		if (query->sport)
			mnl_attr_put_u16(message, RTA_SPORT, htons(query->sport));
		if (query->dport)
			mnl_attr_put_u16(message, RTA_DPORT, htons(query->dport));
	} else if (query->proto == (query->dst.version == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6)) {
		mnl_attr_put_u8(message, RTA_IP_PROTO, query->proto); /* others are refused */
	}
}

int route_ask(const struct route_query *query, struct route_answer *answer)
{
	struct netlink_request request;
	struct nlmsghdr *message;
	struct rtmsg *header;
	int status;

	memset(answer, 0, sizeof(*answer));
	if (!query->dst.version)
		return -EINVAL;
	header = netlink_begin(&request, NETLINK_ROUTE, RTM_GETROUTE, 0, sizeof(*header));
	message = netlink_message(&request);
	header->rtm_family = query->dst.version == 4 ? AF_INET : AF_INET6;
	header->rtm_dst_len = query->dst.version == 4 ? 32 : 128;
	/* IPv6 always tells the table, and refuses the flag. */
	header->rtm_flags = query->dst.version == 4 ? RTM_F_LOOKUP_TABLE : 0;
	netlink_put_address(&request, RTA_DST, &query->dst);
	if (query->src.version == query->dst.version) {
		header->rtm_src_len = header->rtm_dst_len;
		netlink_put_address(&request, RTA_SRC, &query->src);
	}
	if (query->iif[0]) {
		unsigned ifindex = if_nametoindex(query->iif);

		if (!ifindex)
			return -ENODEV;
		mnl_attr_put_u32(message, RTA_IIF, ifindex);
	}
	if (query->mark)
		mnl_attr_put_u32(message, RTA_MARK, query->mark);
	put_ports(message, query);
	status = netlink_ask(&request, each_answer, answer);
	switch (status) {
	case -ENOMEM:
	case -ETIMEDOUT:
	case -EPERM:
	case -EOPNOTSUPP:
	case -ENOBUFS:
	case -ENODEV:
		return status; /* the question failed, not the route */
	default:
		if (status)
			answer->error = status;
		return 0;
	}
}
