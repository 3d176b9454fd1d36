// SPDX-License-Identifier: GPL-2.0-only
/*
 * Documents: the fields the contract names are there with the right values, every line is
 * one valid JSON object, and hostile strings stay inside their quotes. With an argument,
 * writes one line of every type to that file, for the schema check.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "output/json_read.h"
#include "output/printer.h"
#include "output_scene.h"

/* "hops.3.encap.vni" of a document. */
static struct json_object *at(struct json_object *object, const char *path)
{
	char copy[128], *rest = copy, *part;

	text_copy(copy, sizeof(copy), path);
	while (object && (part = strsep(&rest, "."))) {
		struct json_object *next = NULL;

		if (json_object_is_type(object, json_type_array))
			next = json_object_array_get_idx(object, atoi(part));
		else
			json_object_object_get_ex(object, part, &next);
		object = next;
	}
	return object;
}

#define assert_text(object, path, text)                                                            \
	assert_string_equal(json_object_get_string(at(object, path)), text)
#define assert_number(object, path, number)                                                        \
	do {                                                                                       \
		assert_non_null(at(object, path));                                                 \
		assert_true(json_object_get_int64(at(object, path)) == (int64_t)(number));         \
	} while (0)

static void test_journey_fields(void **state)
{
	struct scene scene;
	struct json_object *document;

	(void)state;
	scene_open(&scene);
	scene_ping_rejected(&scene, 7, 0);
	document = document_journey(&scene.journey, &scene.names);
	assert_text(document, "type", "journey");
	assert_number(document, "id", 7);
	assert_number(document, "time_ns", SCENE_WALL + 1007000000);
	assert_text(document, "flow.proto", "ICMP");
	assert_text(document, "flow.src", "10.244.1.10");
	assert_text(document, "flow.dst", "10.244.2.10");
	assert_text(document, "flow.dst_node", "192.168.1.12");
	assert_null(at(document, "flow.sport"));
	assert_number(document, "packet.len", 84);
	assert_number(document, "packet.ip_id", 4711);
	assert_text(document, "packet.df", "true");
	assert_number(document, "packet.icmp_type", 8);
	assert_number(document, "packet.icmp_id", 77);
	assert_number(document, "packet.icmp_seq", 7);
	assert_number(document, "hops.1.time_ns", SCENE_WALL + 1007014000);
	assert_text(document, "hops.0.device", "veth3f2a91c0");
	assert_number(document, "hops.0.ifindex", VETH_A);
	assert_number(document, "hops.0.netns", SCENE_NETNS);
	assert_text(document, "hops.0.pod", "default/busybox");
	assert_text(document, "hops.0.direction", "in");
	assert_number(document, "hops.3.len", 134);
	assert_number(document, "hops.3.inner_len", 84);
	assert_text(document, "hops.3.encap.kind", "vxlan");
	assert_number(document, "hops.3.encap.vni", 1);
	assert_text(document, "hops.3.encap.src", "192.168.1.11");
	assert_text(document, "hops.3.encap.dst", "192.168.1.12");
	assert_number(document, "hops.3.encap.dport", 8472);
	assert_text(document, "verdict.kind", "rejected");
	assert_text(document, "verdict.device", "eth0");
	assert_text(document, "verdict.peer", "192.168.1.12");
	assert_text(document, "verdict.answer", "ICMP port unreachable");
	assert_number(document, "verdict.encap_dport", 8472);
	json_object_put(document);
	scene_close(&scene);
}

/* One container is told as that, several as a list, and those of a pod that has gone not at all. */
static void test_containers(void **state)
{
	struct scene scene;
	struct json_object *document;
	struct local_address *local;
	struct device *veth;
	char text[64];

	(void)state;
	scene_open(&scene);
	scene_ping_rejected(&scene, 1, 0);
	veth = (struct device *)topology_device(&scene.topology, SCENE_NETNS, VETH_A);
	veth->peer_netns = 77;
	local = array_push(&scene.topology.addresses);
	local->netns = veth->peer_netns;
	assert_true(address_parse("10.244.1.10", &local->address));
	text_copy(veth->containers, sizeof(veth->containers), "shell");
	document = document_journey(&scene.journey, &scene.names);
	assert_text(document, "flow.src_container", "shell");
	assert_null(at(document, "flow.dst_container"));
	assert_text(document, "hops.0.container", "shell");
	assert_null(at(document, "hops.0.containers"));
	assert_string_equal(read_containers(at(document, "flow"), "src_", text, sizeof(text)),
			    " [shell]");
	assert_string_equal(read_containers(at(document, "flow"), "dst_", text, sizeof(text)), "");
	json_object_put(document);
	text_copy(veth->containers, sizeof(veth->containers), "shell,side");
	document = document_journey(&scene.journey, &scene.names);
	assert_null(at(document, "flow.src_container"));
	assert_text(document, "flow.src_containers.0", "shell");
	assert_text(document, "flow.src_containers.1", "side");
	assert_text(document, "hops.0.containers.1", "side");
	assert_string_equal(read_containers(at(document, "hops.0"), "", text, sizeof(text)),
			    " [shell,side]");
	json_object_put(document);
	assert_string_equal(topology_containers(&scene.topology, "default/busybox"), "");
	scene_close(&scene);
}

static void test_nat_and_flags(void **state)
{
	struct scene scene;
	struct json_object *document;

	(void)state;
	scene_open(&scene);
	scene_service(&scene, 1, 40001, 60)->packet.tcp_flags = 0x12;
	scene.journey.hops[1].gso_segs = 3;
	document = document_journey(&scene.journey, &scene.names);
	assert_text(document, "packet.tcp_flags", "S.");
	assert_number(document, "packet.tcp_flags_value", 18);
	assert_number(document, "packet.seq", 1000);
	assert_number(document, "flow.sport", 40001);
	assert_number(document, "flow.dport", 80);
	assert_number(document, "hops.1.gso_segs", 3);
	assert_null(at(document, "hops.1.nat"));
	assert_text(document, "hops.2.nat.kind", "dnat");
	assert_text(document, "hops.2.nat.dst", "10.244.1.11");
	assert_number(document, "hops.2.nat.dport", 8080);
	assert_text(document, "hops.2.nat.src", "10.244.1.10");
	assert_text(document, "verdict.kind", "delivered");
	assert_text(document, "verdict.pod", "default/web");
	json_object_put(document);
	scene_close(&scene);
}

static void test_drop_fields(void **state)
{
	struct scene scene;
	struct json_object *document;

	(void)state;
	scene_open(&scene);
	scene_service(&scene, 1, 40001, 60);
	scene_drop(&scene, CNI0, 50, "NO_SOCKET", "tcp_v4_rcv", "INPUT");
	scene.journey.drop.info = (struct drop_info){
		.reason = 3, .dst_mtu = 1450, .dst_error = -113, .sk_state = 10, .sk_lport = 80};
	document = document_journey(&scene.journey, &scene.names);
	assert_text(document, "drop.reason", "NO_SOCKET");
	assert_text(document, "drop.function", "tcp_v4_rcv");
	assert_text(document, "drop.hook", "INPUT");
	assert_text(document, "drop.device", "cni0");
	assert_text(document, "drop.socket.state", "listen");
	assert_number(document, "drop.route_mtu", 1450);
	assert_number(document, "drop.route_error", -113);
	assert_text(document, "verdict.kind", "dropped");
	assert_text(document, "verdict.reason", "NO_SOCKET");
	assert_text(document, "verdict.hook", "INPUT");
	json_object_put(document);

	/* A device that is gone: the name the kernel saw, all 16 bytes of it used. */
	scene.journey.drop.ifindex = 99;
	memcpy(scene.journey.drop.info.dev_name, "0123456789abcdef", 16);
	document = document_journey(&scene.journey, &scene.names);
	assert_text(document, "drop.device", "0123456789abcdef");
	json_object_put(document);
	scene_close(&scene);
}

static void test_arp(void **state)
{
	struct packet packet = {.ethertype = 0x0806,
				.seq = 1,
				.len = 28,
				.src = {10, 0, 0, 1, 2, 0, 0, 0, 0, 1},
				.dst = {10, 0, 0, 2}};
	struct scene scene;
	struct json_object *document;

	(void)state;
	scene_open(&scene);
	scene_start(&scene, 1, &packet);
	document = document_journey(&scene.journey, &scene.names);
	assert_text(document, "flow.proto", "ARP");
	assert_text(document, "flow.src", "10.0.0.1");
	assert_text(document, "flow.dst", "10.0.0.2");
	assert_text(document, "packet.arp_op", "request");
	assert_text(document, "packet.arp_sender_mac", "02:00:00:00:00:01");
	assert_null(at(document, "packet.arp_target_mac"));
	assert_null(at(document, "packet.ip_id"));
	json_object_put(document);
	scene_close(&scene);
}

/* One document of every type that this module makes. */
static struct json_object *make_document(struct scene *scene, unsigned which)
{
	static struct probe_state probe = {"kfree_skb", "tp_btf", "attached", ""};
	struct start_info start = {.version = "0.1.0",
				   .kernel = "6.1",
				   .filter = "tcp",
				   .probes = &probe,
				   .probe_count = 1};
	struct journey_counts counts = {.verdicts = {1, 2, 3, 4, 5}, .benign = 6};
	struct hook_totals hook = {"tc-in", 10, 4, 5, 1};
	struct summary_info summary = {.journeys = &counts,
				       .hooks = &hook,
				       .hook_count = 1,
				       .complete = false,
				       .command_status = -1};
	struct finding finding = {.id = "no-route",
				  .class = "unreachable",
				  .severity = SEVERITY_WARNING,
				  .confidence = 0.85,
				  .count = 3,
				  .of = 4,
				  .summary = "No route."};
	struct refusal refusal = {
		.error = -EMSGSIZE, .syscall = SYS_sendto, .pid = 9, .comm = "ping", .count = 1};

	switch (which) {
	case 0:
		return document_start(&start, &scene->names);
	case 1:
		return document_journey(scene_ping_rejected(scene, 1, 0), &scene->names);
	case 2:
		scene_service(scene, 2, 40001, 60);
		scene_drop(scene, CNI0, 50, "\033[31m\n\xff", "f", "INPUT");
		return document_journey(&scene->journey, &scene->names);
	case 3:
		return document_finding(&finding, &scene->names);
	case 4:
		return document_refusal(&refusal, &scene->names);
	case 5:
		return document_summary(&summary, &scene->names);
	}
	return NULL;
}

static void test_session_fields(void **state)
{
	struct scene scene;
	struct json_object *document;

	(void)state;
	scene_open(&scene);
	document = make_document(&scene, 0);
	assert_text(document, "type", "start");
	assert_text(document, "filter", "tcp");
	assert_text(document, "devices.0.name", "veth3f2a91c0");
	assert_text(document, "devices.0.pod", "default/busybox");
	assert_text(document, "devices.0.role", "pod");
	assert_number(document, "devices.0.mtu", 1450);
	assert_text(document, "devices.3.kind", "vxlan");
	assert_text(document, "probes.0.way", "tp_btf");
	json_object_put(document);
	document = make_document(&scene, 5);
	assert_number(document, "journeys.left-node", 2);
	assert_number(document, "journeys.benign", 6);
	assert_number(document, "journeys.total", 21);
	assert_number(document, "records.seen", 10);
	assert_number(document, "records.hooks.tc-in.lost", 1);
	assert_text(document, "complete", "false");
	assert_null(at(document, "command_status"));
	json_object_put(document);
	document = make_document(&scene, 4);
	assert_text(document, "type", "refusal");
	assert_text(document, "error_name", "EMSGSIZE");
	assert_text(document, "syscall", "sendto");
	json_object_put(document);
	document = make_document(&scene, 3);
	assert_text(document, "id", "no-route");
	assert_text(document, "severity", "warning");
	assert_text(document, "confidence", "0.85");
	assert_text(document, "where.node", "node1");
	assert_number(document, "of", 4);
	json_object_put(document);
	scene_close(&scene);
}

static void print_all(FILE *out)
{
	struct printer *printer = printer_new(PRINT_JSON, out, false);
	struct scene scene;

	scene_open(&scene);
	for (unsigned i = 0; i < 6; i++)
		printer_print(printer, make_document(&scene, i));
	printer_free(printer);
	scene_close(&scene);
}

static void check_lines(FILE *in)
{
	char *line = NULL;
	size_t room = 0;
	unsigned count = 0;
	ssize_t length;

	while ((length = getline(&line, &room, in)) > 0) {
		struct json_tokener *tokener = json_tokener_new_ex(32);
		struct json_object *document;

		json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
		assert_int_equal(line[length - 1], '\n');
		for (ssize_t i = 0; i < length - 1; i++)
			assert_true((unsigned char)line[i] >= 0x20);
		document = json_tokener_parse_ex(tokener, line, length);
		assert_int_equal(json_tokener_get_error(tokener), json_tokener_success);
		assert_true(json_object_is_type(document, json_type_object));
		assert_non_null(at(document, "type"));
		assert_true(json_object_get_int64(at(document, "time_ns")) > 0);
		if (count == 2)
			assert_text(document, "drop.reason", "\\x1b[31m\\x0a\\xff");
		json_object_put(document);
		json_tokener_free(tokener);
		count++;
	}
	assert_int_equal(count, 6);
	free(line);
}

static void test_json_lines(void **state)
{
	FILE *file = tmpfile(), *memory;
	char *text = NULL;
	size_t size = 0;

	(void)state;
	print_all(file);
	rewind(file);
	check_lines(file);
	fclose(file);

	memory = open_memstream(&text, &size);
	print_all(memory);
	fclose(memory);
	memory = fmemopen(text, size, "r");
	check_lines(memory);
	fclose(memory);
	free(text);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_journey_fields),
		cmocka_unit_test(test_nat_and_flags),
		cmocka_unit_test(test_containers),
		cmocka_unit_test(test_drop_fields),
		cmocka_unit_test(test_arp),
		cmocka_unit_test(test_session_fields),
		cmocka_unit_test(test_json_lines),
	};

	if (argc == 2) {
		FILE *out = fopen(argv[1], "w");

		if (!out)
			return 1;
		print_all(out);
		return fclose(out) ? 1 : 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
