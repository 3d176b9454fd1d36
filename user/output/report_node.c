/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A node's network as a tree, from the NIC down to the pods, with a line for its tables. A
 * sign stands where something was compared: fits, or the id of the finding that says not.
 */
#include "output/document_node.h"

#include <stdlib.h>
#include <string.h>

#include "output/json_read.h"

#define NAME_MAX_COLUMNS 15 /* an interface's name */

/* Columns of the tree, as wide as its longest entry. */
struct columns {
	unsigned device, pod;
};

static bool is_role(struct json_object *device, const char *role)
{
	return !strcmp(read_text(device, "role"), role);
}

/* The ids of what is wrong with it, in colour; nothing when it is fine. */
static void findings_put(struct page *page, struct json_object *object)
{
	enum page_style style = read_flag(object, "faulty") ? STYLE_RED : STYLE_YELLOW;

	for (size_t i = 0; i < read_count(object, "findings"); i++) {
		const char *id = json_object_get_string(read_item(object, "findings", i));

		page_put(page, i ? ", " : "  ");
		if (!i)
			page_put_styled(page, style, read_flag(object, "faulty") ? "✗ " : "! ");
		page_put_styled(page, style, id ? id : "");
	}
}

static void mark_put(struct page *page, const char *what, bool good)
{
	page_format(page, " %s ", what);
	page_put_styled(page, good ? STYLE_GREEN : STYLE_RED, good ? "✓" : "✗");
}

static void state_put(struct page *page, struct json_object *device)
{
	const char *state = read_text(device, "state");

	if (strcmp(state, "up"))
		page_put_styled(page, STYLE_YELLOW,
				!strcmp(state, "down") ? " down" : " no carrier");
}

static void addresses_put(struct page *page, struct json_object *object)
{
	for (size_t i = 0; i < read_count(object, "addresses"); i++) {
		const char *text = json_object_get_string(read_item(object, "addresses", i));

		page_format(page, " %s", text ? text : "");
	}
}

static struct json_object *uplink_of(struct json_object *node)
{
	struct json_object *found = NULL;

	for (size_t i = 0; i < read_count(node, "devices"); i++) {
		struct json_object *device = read_item(node, "devices", i);

		if (read_flag(device, "default"))
			return device;
		if (!found && is_role(device, "uplink"))
			found = device;
	}
	return found;
}

static void top_put(struct page *page, struct json_object *node, struct json_object *uplink)
{
	page_put_styled(page, STYLE_BOLD, read_text(node, "node"));
	if (!uplink) {
		page_put(page, " has no device that leads out");
		page_end_line(page);
		return;
	}
	addresses_put(page, uplink);
	page_format(page, " %s %s", read_text(uplink, "name"), read_text(uplink, "mtu"));
	state_put(page, uplink);
	findings_put(page, uplink);
	page_end_line(page);
}

static bool is_uplink(struct json_object *device)
{
	return read_flag(device, "default") || is_role(device, "uplink");
}

/* Branches of the tree come in this order; a pod's port is no branch, a resting docker0 is. */
enum branch { BRANCH_UPLINK, BRANCH_TUNNEL, BRANCH_BRIDGE, BRANCH_NONE };

static enum branch branch_of(struct json_object *device, struct json_object *uplink)
{
	if (device == uplink)
		return BRANCH_NONE;
	return is_uplink(device)           ? BRANCH_UPLINK
	       : is_role(device, "tunnel") ? BRANCH_TUNNEL
	       : is_role(device, "bridge") ? BRANCH_BRIDGE
					   : BRANCH_NONE;
}

static bool hangs_on(struct json_object *pod, const char *bridge)
{
	return !read_flag(pod, "host_network") && !strcmp(read_text(pod, "bridge"), bridge);
}

static void widths(struct page *page, struct json_object *node, struct columns *columns)
{
	columns->device = columns->pod = 8;
	for (size_t i = 0; i < read_count(node, "pods"); i++) {
		struct json_object *pod = read_item(node, "pods", i);
		unsigned device = page_width(page, read_text(pod, "device"));
		unsigned name = page_width(page, read_text(pod, "pod"));

		if (read_flag(pod, "host_network"))
			continue;
		if (device > columns->device)
			columns->device = device;
		if (name > columns->pod)
			columns->pod = name;
	}
	if (columns->device > NAME_MAX_COLUMNS)
		columns->device = NAME_MAX_COLUMNS;
	if (columns->pod > 48)
		columns->pod = 48;
}

static void containers_put(struct page *page, struct json_object *pod)
{
	size_t count = read_count(pod, "containers");

	for (size_t i = 0; i < count; i++) {
		struct json_object *container = read_item(pod, "containers", i);
		const char *name = read_text(container, "name");

		page_put(page, i ? "," : " [");
		if (*name)
			page_put(page, name);
		else
			page_format(page, "%.12s", read_text(container, "id"));
	}
	if (count)
		page_put(page, "]");
}

static void pod_put(struct page *page, struct json_object *pod, const char *lead,
		    const struct columns *columns)
{
	unsigned start;
	int64_t inside = read_number(pod, "mtu"), outside = read_number(pod, "host_mtu");

	page_put(page, lead);
	start = page->column;
	page_put(page, *read_text(pod, "device") ? read_text(pod, "device") : "-");
	page_tab(page, start + columns->device + 1, 1);
	page_put(page, outside ? read_text(pod, "host_mtu") : "-");
	page_tab(page, start + columns->device + 8, 1);
	page_put(page, read_text(pod, "pod"));
	page_tab(page, start + columns->device + columns->pod + 9, 1);
	if (!read_count(pod, "addresses"))
		page_put(page, " no address");
	addresses_put(page, pod);
	if (*read_text(pod, "ifname"))
		page_format(page, " ↔ %s", read_text(pod, "ifname"));
	if (inside && inside != outside)
		page_format(page, " %lld", (long long)inside);
	containers_put(page, pod);
	findings_put(page, pod);
	page_end_line(page);
}

static void pods_put(struct page *page, struct json_object *node, const char *bridge,
		     const char *indent, bool more, const struct columns *columns)
{
	size_t last = 0, count = read_count(node, "pods");
	char lead[32];

	for (size_t i = 0; i < count; i++) {
		if (hangs_on(read_item(node, "pods", i), bridge))
			last = i;
	}
	for (size_t i = 0; i < count; i++) {
		struct json_object *pod = read_item(node, "pods", i);

		if (!hangs_on(pod, bridge))
			continue;
		snprintf(lead, sizeof(lead), "%s%s", indent, i == last && !more ? "└─ " : "├─ ");
		pod_put(page, pod, lead, columns);
	}
}

static void peer_put(struct page *page, struct json_object *node, struct json_object *peer)
{
	const char *subnet = read_text(peer, "subnet"), *address = read_text(peer, "node");

	page_put(page, *subnet                       ? subnet
		       : *read_text(peer, "gateway") ? read_text(peer, "gateway")
						     : "?");
	if (*address)
		page_format(page, " → %s", address);
	if (!read_flag(node, "peers_known")) {
		page_put(page, " (not all could be read)");
		return;
	}
	mark_put(page, "route", read_flag(peer, "route"));
	mark_put(page, "neighbour", read_flag(peer, "neighbour"));
	if (read_has(peer, "fdb"))
		mark_put(page, "FDB", read_flag(peer, "fdb"));
}

/* How many other nodes are known by that tunnel. */
static size_t peers_of(struct json_object *node, const char *tunnel)
{
	size_t count = 0;

	for (size_t i = 0; i < read_count(node, "peers"); i++)
		count += !strcmp(read_text(read_item(node, "peers", i), "tunnel"), tunnel);
	return count;
}

static void tunnel_put(struct page *page, struct json_object *node, struct json_object *device,
		       struct json_object *uplink, const char *rest)
{
	int64_t mtu = read_number(device, "mtu"), over = read_number(device, "overhead");
	int64_t below = read_number(uplink, "mtu");
	size_t peers = peers_of(node, read_text(device, "name"));
	const char *kind = read_text(device, "kind");

	if (read_has(device, "vni"))
		page_format(page, " %s %s", !strcmp(kind, "vxlan") ? "VXLAN" : kind,
			    read_text(device, "vni"));
	else
		page_format(page, " %s", kind);
	if (read_has(device, "port"))
		page_format(page, ", UDP %s", read_text(device, "port"));
	if (over && below) {
		page_format(page, ", %lld %s %lld − %lld ", (long long)mtu,
			    mtu == below - over  ? "="
			    : mtu < below - over ? "<"
						 : ">",
			    (long long)below, (long long)over);
		page_put_styled(page, mtu <= below - over ? STYLE_GREEN : STYLE_RED,
				mtu <= below - over ? "✓" : "✗");
	} else {
		page_format(page, ", %lld", (long long)mtu);
	}
	state_put(page, device);
	findings_put(page, device);
	if (peers == 1)
		page_put(page, "   ");
	else
		page_end_line(page);
	for (size_t i = 0, seen = 0; i < read_count(node, "peers"); i++) {
		struct json_object *peer = read_item(node, "peers", i);

		if (strcmp(read_text(peer, "tunnel"), read_text(device, "name")))
			continue;
		if (peers > 1)
			page_format(page, "%s%s", rest, ++seen == peers ? "└─ " : "├─ ");
		peer_put(page, node, peer);
		page_end_line(page);
	}
}

static void branch_put(struct page *page, struct json_object *node, struct json_object *device,
		       struct json_object *uplink, bool last, const struct columns *columns)
{
	const char *name = read_text(device, "name"), *rest = last ? "   " : "│  ";

	page_put(page, last ? "└─ " : "├─ ");
	page_put(page, name);
	page_tab(page, 3 + columns->device, 0);
	if (is_role(device, "tunnel")) {
		tunnel_put(page, node, device, uplink, rest);
		return;
	}
	addresses_put(page, device);
	page_format(page, " %s", read_text(device, "mtu"));
	state_put(page, device);
	if (read_flag(device, "in_subnet")) {
		page_put_styled(page, STYLE_GREEN, " ✓");
		page_put(page, " matches subnet.env");
	}
	findings_put(page, device);
	page_end_line(page);
	if (is_role(device, "bridge"))
		pods_put(page, node, name, rest, false, columns);
}

static unsigned plain_pods(struct json_object *node, unsigned *host)
{
	unsigned plain = 0;

	*host = 0;
	for (size_t i = 0; i < read_count(node, "pods"); i++) {
		struct json_object *pod = read_item(node, "pods", i);

		plain += hangs_on(pod, "");
		*host += read_flag(pod, "host_network");
	}
	return plain;
}

static void tree_put(struct page *page, struct json_object *node)
{
	struct json_object *uplink = uplink_of(node);
	size_t count = read_count(node, "devices");
	struct columns columns;
	unsigned host, plain = plain_pods(node, &host), branches = 0;

	widths(page, node, &columns);
	top_put(page, node, uplink);
	for (size_t i = 0; i < count; i++)
		branches += branch_of(read_item(node, "devices", i), uplink) != BRANCH_NONE;
	for (enum branch branch = BRANCH_UPLINK; branch < BRANCH_NONE; branch++) {
		for (size_t i = 0; i < count; i++) {
			struct json_object *device = read_item(node, "devices", i);

			if (branch_of(device, uplink) == branch)
				branch_put(page, node, device, uplink, !--branches && !plain,
					   &columns);
		}
	}
	pods_put(page, node, "", "", false, &columns);
	if (!read_count(node, "pods")) {
		page_put(page, "no pods found on this node");
		page_end_line(page);
	}
}

/* "1 204" as people read it. */
static const char *grouped(int64_t number, char text[32])
{
	char digits[24];
	int length = snprintf(digits, sizeof(digits), "%lld", (long long)number), at = 0;

	for (int i = 0; i < length; i++) {
		if (i && (length - i) % 3 == 0)
			text[at++] = ' ';
		text[at++] = digits[i];
	}
	text[at] = '\0';
	return text;
}

static void ranges_put(struct page *page, struct json_object *node, const char **lead)
{
	for (size_t i = 0; i < read_count(node, "ranges"); i++) {
		struct json_object *range = read_item(node, "ranges", i);

		page_format(page, "%saddresses %s of %s", *lead, read_text(range, "used"),
			    read_text(range, "size"));
		if (read_number(range, "stale"))
			page_format(page, " (%s stale)", read_text(range, "stale"));
		*lead = " · ";
	}
}

static void tables_put(struct page *page, struct json_object *node)
{
	struct json_object *conntrack = read_child(node, "conntrack");
	struct json_object *services = read_child(node, "services");
	const char *lead = "";
	char count[32], max[32];
	unsigned host;

	plain_pods(node, &host);
	if (conntrack) {
		page_format(page, "conntrack %s of %s",
			    grouped(read_number(conntrack, "count"), count),
			    grouped(read_number(conntrack, "max"), max));
		lead = " · ";
	}
	ranges_put(page, node, &lead);
	if (services) {
		page_format(page, "%sServices %s", lead, read_text(services, "mode"));
		if (strcmp(read_text(services, "mode"), "none"))
			page_format(page, ", %s", read_text(services, "count"));
		if (read_number(services, "without_endpoints"))
			page_format(page, " (%s without endpoints)",
				    read_text(services, "without_endpoints"));
		lead = " · ";
	}
	if (*read_text(node, "dns")) {
		page_format(page, "%sdns %s", lead, read_text(node, "dns"));
		lead = " · ";
	}
	if (host) {
		page_format(page, "%s%u pod%s in the node's own network", lead, host,
			    host == 1 ? "" : "s");
		lead = " · ";
	}
	if (*lead)
		page_end_line(page);
}

void report_node(struct page *page, struct json_object *node)
{
	tree_put(page, node);
	tables_put(page, node);
	for (size_t i = 0; i < read_count(node, "gaps"); i++) {
		const char *gap = json_object_get_string(read_item(node, "gaps", i));

		page_style(page, STYLE_YELLOW);
		page_put(page, "not read: ");
		page_wrap(page, gap ? gap : "", 10);
		page_style(page, STYLE_PLAIN);
		page_end_line(page);
	}
	page_end_line(page);
}

void report_check_summary(struct page *page, struct json_object *summary)
{
	static const char *const kinds[] = {"error", "warning", "info"};
	struct json_object *findings = read_child(summary, "findings");
	const char *lead = "";

	for (unsigned i = 0; i < 3; i++) {
		long long count = read_number(findings, kinds[i]);

		if (!count)
			continue;
		page_format(page, "%s%lld %s%s", lead, count, kinds[i],
			    count == 1 || i == 2 ? "" : "s");
		lead = ", ";
	}
	if (!*lead)
		page_put(page, read_flag(summary, "complete")
				       ? "nothing wrong found"
				       : "nothing wrong found in what could be read");
	else if (!read_flag(summary, "complete"))
		page_put(page, ", but not everything could be read");
	page_format(page, " · exit %lld", (long long)read_number(summary, "exit_status"));
	page_end_line(page);
}
