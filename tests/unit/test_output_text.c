// SPDX-License-Identifier: GPL-2.0-only
/*
 * Text output, letter for letter: hop lists, NAT, encapsulation, drops, folding, findings,
 * and that nothing from outside reaches the terminal unescaped.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "output/printer.h"
#include "output_scene.h"

struct screen {
	char *text;
	size_t size;
	FILE *out;
	struct printer *printer;
};

static void screen_open(struct screen *screen, bool colour, bool ascii)
{
	screen->out = open_memstream(&screen->text, &screen->size);
	screen->printer = printer_new(PRINT_TEXT, screen->out, colour);
	assert_non_null(screen->printer);
	printer_set_layout(screen->printer, 100, ascii);
}

static const char *screen_text(struct screen *screen)
{
	printer_flush(screen->printer);
	return screen->text;
}

static void screen_close(struct screen *screen)
{
	printer_free(screen->printer);
	fclose(screen->out);
	free(screen->text);
}

static void print_journey(struct screen *screen, struct scene *scene)
{
	printer_print(screen->printer, document_journey(&scene->journey, &scene->names));
}

/* Who asks for whom, and the answer; answers that differ are not folded. */
static void test_arp(void **state)
{
	struct packet packet = {.ethertype = PACKET_ETHERTYPE_ARP,
				.seq = 1,
				.len = 28,
				.src = {10, 0, 0, 1, 2, 0, 0, 0, 0, 1},
				.dst = {10, 0, 0, 2}};
	struct scene scene;
	struct screen screen;

	(void)state;
	scene_open(&scene);
	screen_open(&screen, false, false);
	for (unsigned i = 1; i <= 4; i++) {
		scene_start(&scene, i, &packet);
		print_journey(&screen, &scene);
		packet.seq = 2;
		packet.src[9] = i < 3 ? 2 : 3;
	}
	assert_non_null(strstr(screen_text(&screen),
			       "ARP request 10.0.0.1 → 10.0.0.2 · who has 10.0.0.2?"));
	assert_non_null(strstr(screen_text(&screen),
			       "ARP reply 10.0.0.1 → 10.0.0.2 · 10.0.0.1 is at 02:00:00:00:00:02"));
	assert_non_null(strstr(screen_text(&screen), "is at 02:00:00:00:00:03"));
	screen_close(&screen);
	scene_close(&scene);
}

static void test_rejected_folded(void **state)
{
	struct scene scene;
	struct screen screen;

	(void)state;
	scene_open(&scene);
	screen_open(&screen, false, false);
	for (unsigned i = 1; i <= 3; i++) {
		scene_ping_rejected(&scene, i, i == 1 ? 5000 : 0);
		print_journey(&screen, &scene);
	}
	assert_string_equal(
		screen_text(&screen),
		"ICMP echo 10.244.1.10 → 10.244.2.10 (on node 192.168.1.12)"
		"                                        ×3\n"
		"        0 µs  in   veth3f2a91c0   84 B  from default/busybox eth0\n"
		"      +14 µs  in   cni0           84 B\n"
		"      +21 µs  out  flannel.1      84 B\n"
		"      +30 µs  out  eth0          134 B  VXLAN 1 → 192.168.1.12\n"
		"  ✗ rejected by 192.168.1.12: ICMP port unreachable for the tunnel's UDP 8472\n"
		"\n");
	screen_close(&screen);
	scene_close(&scene);
}

static void test_nat_sizes_and_ports_fold(void **state)
{
	struct scene scene;
	struct screen screen;

	(void)state;
	scene_open(&scene);
	screen_open(&screen, false, false);
	scene_service(&scene, 1, 40001, 60);
	print_journey(&screen, &scene);
	scene_service(&scene, 2, 40002, 1450);
	print_journey(&screen, &scene);
	assert_string_equal(
		screen_text(&screen),
		"TCP SYN 10.244.1.10 → 10.96.0.50:80"
		"                                                               ×2\n"
		"        0 µs  in   veth3f2a91c0  60–1450 B  from default/busybox eth0\n"
		"       +9 µs  in   cni0          60–1450 B\n"
		"      +17 µs  out  vethb1        60–1450 B  to default/web eth0 · → "
		"10.244.1.11:8080 "
		"(DNAT)\n"
		"  ✓ delivered to default/web\n"
		"\n");
	screen_close(&screen);
	scene_close(&scene);
}

static void test_drop(void **state)
{
	struct scene scene;
	struct screen screen;
	struct packet packet;

	(void)state;
	scene_open(&scene);
	screen_open(&screen, false, false);
	scene_packet(&packet, "fd00::1", 50000, "fd00::2", 53, IPPROTO_UDP, 90);
	scene_start(&scene, 1, &packet);
	scene_hop(&scene, VETH_A, false, 0);
	scene_drop(&scene, CNI0, 20000, "NETFILTER_DROP", "nf_hook_slow", "FORWARD");
	text_copy(scene.journey.drop.callers[0], 48, "ip6_forward");
	print_journey(&screen, &scene);
	scene.journey.drop.benign = true;
	print_journey(&screen, &scene);
	assert_string_equal(screen_text(&screen),
			    "UDP [fd00::1]:50000 → [fd00::2]:53"
			    "                                                                ×2\n"
			    "        0 µs  in   veth3f2a91c0  90 B  from default/busybox eth0\n"
			    "    +20.0 ms  ✗    cni0          90 B  NETFILTER_DROP @ nf_hook_slow "
			    "← ip6_forward · "
			    "hook FORWARD\n"
			    "  ✗ dropped at cni0: NETFILTER_DROP\n"
			    "\n");
	screen_close(&screen);
	scene_close(&scene);
}

/* Other verdicts, reasons and endpoints must not be hidden under one shape. */
static void test_different_shapes_stay_apart(void **state)
{
	struct scene scene;
	struct screen screen;

	(void)state;
	scene_open(&scene);
	screen_open(&screen, false, false);
	scene_service(&scene, 1, 40001, 60);
	print_journey(&screen, &scene);
	scene.journey.verdict = VERDICT_VANISHED;
	print_journey(&screen, &scene);
	scene.journey.hops[2].packet.dst[3]++;
	print_journey(&screen, &scene);
	screen_text(&screen);
	assert_non_null(strstr(screen.text, "✗ vanished after vethb1 (out)"));
	assert_non_null(strstr(screen.text, "10.244.1.12:8080 (DNAT)"));
	assert_null(strstr(screen.text, "×"));
	screen_close(&screen);
	scene_close(&scene);
}

static void test_again_is_short(void **state)
{
	struct scene scene;
	struct screen screen;
	size_t before;

	(void)state;
	scene_open(&scene);
	screen_open(&screen, false, false);
	scene_ping_rejected(&scene, 1, 0);
	print_journey(&screen, &scene);
	before = strlen(screen_text(&screen));
	print_journey(&screen, &scene);
	print_journey(&screen, &scene);
	assert_string_equal(
		screen_text(&screen) + before,
		"again ×2  ICMP echo 10.244.1.10 → 10.244.2.10 (on node 192.168.1.12)  "
		"✗ rejected by 192.168.1.12: ICMP port unreachable for the tunnel's UDP "
		"8472\n\n");
	screen_close(&screen);
	scene_close(&scene);
}

static void test_shapes_are_bounded(void **state)
{
	struct scene scene;
	struct screen screen;

	(void)state;
	scene_open(&scene);
	screen_open(&screen, false, false);
	for (unsigned i = 0; i < 300; i++) {
		scene_service(&scene, i + 1, 40000, 60);
		scene.journey.packet.dport = 1000 + i;
		print_journey(&screen, &scene);
	}
	screen_text(&screen);
	assert_non_null(strstr(screen.text, "10.96.0.50:1255\n"));
	assert_null(strstr(screen.text, "10.96.0.50:1256\n"));
	assert_non_null(strstr(screen.text, "and 44 more journeys of other shapes"));
	screen_close(&screen);
	scene_close(&scene);
}

static struct finding *make_finding(void)
{
	struct finding *finding = calloc(1, sizeof(*finding));

	strcpy(finding->id, "remote-overlay-down");
	strcpy(finding->class, "cni");
	finding->severity = SEVERITY_ERROR;
	finding->confidence = 0.97;
	finding->count = finding->of = 3;
	strcpy(finding->pod, "default/busybox");
	strcpy(finding->device, "flannel.1");
	strcpy(finding->netns, "node");
	strcpy(finding->summary,
	       "Node 192.168.1.12 refuses VXLAN: nothing listens on UDP 8472 there, so its "
	       "flannel.1 is down or gone.");
	finding->flow.src = scene_address("10.244.1.10");
	finding->flow.dst = scene_address("10.244.2.10");
	finding->flow.proto = IPPROTO_ICMP;
	*array_push(&finding->evidence) = "seen 3 encapsulated packets left by eth0, 3 answers "
					  "\"port unreachable\" quote UDP 8472";
	*array_push(&finding->evidence) = "fact local side is fine";
	*array_push(&finding->remedy) = "ip link show flannel.1";
	*array_push(&finding->remedy) = "# on 192.168.1.12";
	*array_push(&finding->consequences) = "no-reply (3 packets)";
	strcpy(array_push(&finding->facts)->key, "port");
	finding->facts.items[0].is_number = true;
	finding->facts.items[0].number = 8472; /* the summary says it: not said twice */
	strcpy(array_push(&finding->facts)->key, "need_mtu");
	finding->facts.items[1].is_number = true;
	finding->facts.items[1].number = 1450;
	return finding;
}

static void drop_finding(struct finding *finding)
{
	array_free(&finding->evidence);
	array_free(&finding->remedy);
	array_free(&finding->consequences);
	array_free(&finding->facts);
	free(finding);
}

static void test_finding(void **state)
{
	struct finding *finding = make_finding();
	struct scene scene;
	struct screen screen;

	(void)state;
	scene_open(&scene);
	screen_open(&screen, false, false);
	printer_print(screen.printer, document_finding(finding, &scene.names));
	assert_string_equal(
		screen_text(&screen),
		"ERROR  remote-overlay-down   cni · confidence 0.97 · 3 of 3 packets\n"
		"  Node 192.168.1.12 refuses VXLAN: nothing listens on UDP 8472 there, so its "
		"flannel.1 is down or\n"
		"  gone.\n"
		"  at     flannel.1 · default/busybox · node's namespace · node node1\n"
		"  flow   ICMP 10.244.1.10 → 10.244.2.10\n"
		"  seen   3 encapsulated packets left by eth0, 3 answers \"port unreachable\" "
		"quote "
		"UDP 8472\n"
		"  fact   local side is fine\n"
		"  also   no-reply (3 packets)\n"
		"  facts  need_mtu 1450\n"
		"  fix    ip link show flannel.1\n"
		"         # on 192.168.1.12\n"
		"\n");
	screen_close(&screen);
	scene_close(&scene);
	drop_finding(finding);
}

static void test_start_and_summary(void **state)
{
	struct probe_state probes[] = {{"kfree_skb", "tp_btf", "attached", ""},
				       {"qdisc", "", "missing", "no kprobes here"}};
	struct start_info start = {.version = "0.1.0",
				   .kernel = "6.12",
				   .command = "ping -c 3 10.244.2.10",
				   .probes = probes,
				   .probe_count = 2};
	struct journey_counts counts = {.verdicts[VERDICT_REJECTED] = 3};
	struct hook_totals hooks[] = {{"tc-in", 30, 20, 9, 1}, {"kfree_skb", 3, 0, 3, 0}};
	struct summary_info summary = {.journeys = &counts,
				       .findings_error = 1,
				       .hooks = hooks,
				       .hook_count = 2,
				       .exit_status = 10,
				       .command_status = 1};
	struct scene scene;
	struct screen screen;

	(void)state;
	scene_open(&scene);
	screen_open(&screen, false, false);
	printer_print(screen.printer, document_start(&start, &scene.names));
	printer_print(screen.printer, document_summary(&summary, &scene.names));
	assert_string_equal(
		screen_text(&screen),
		"tracing 5 devices of node1, 2 pods · drops by tp_btf · running: ping -c 3 "
		"10.244.2.10\n"
		"  without qdisc: no kprobes here\n"
		"\n"
		"3 journeys: 3 rejected · 1 error · 12 records, 1 lost · command exit 1 · exit 10\n"
		"incomplete: of 33 packets seen, 1 could not be recorded\n");
	screen_close(&screen);
	scene_close(&scene);
}

static void test_refusal(void **state)
{
	struct refusal refusal = {
		.error = -ENETUNREACH,
		.tuple = {.dst = scene_address("10.9.9.9"), .dport = 80, .proto = IPPROTO_TCP},
		.netns = SCENE_NETNS,
		.pid = 42,
		.syscall = 42,
		.comm = "curl",
		.count = 2};
	struct scene scene;
	struct screen screen;

	(void)state;
	scene_open(&scene);
	screen_open(&screen, false, false);
	printer_print(screen.printer, document_refusal(&refusal, &scene.names));
	screen_text(&screen);
	assert_non_null(strstr(screen.text, "✗ curl (pid 42, node): the kernel refused "));
	assert_non_null(
		strstr(screen.text, " to 10.9.9.9:80: ENETUNREACH, Network is unreachable  ×2\n"));
	screen_close(&screen);
	scene_close(&scene);
}

static void assert_safe(const char *text)
{
	for (const unsigned char *s = (const unsigned char *)text; *s; s++)
		assert_true((*s >= 0x20 && *s != 0x7f) || *s == '\n');
}

/* ESC, newline, carriage return, C1 CSI, right-to-left override, broken UTF-8. */
#define HOSTILE                                                                                    \
	"a\033[2J\n\r\xc2\x9b"                                                                     \
	"31m\xe2\x80\xae"                                                                          \
	"b\xff\\"

static void test_hostile_names(void **state)
{
	struct finding *finding = make_finding();
	struct scene scene;
	struct screen screen;

	(void)state;
	scene_open(&scene);
	text_copy(scene.topology.devices.items[0].pod, 320, HOSTILE);
	strcpy(finding->summary, HOSTILE);
	strcpy(finding->pod, HOSTILE);
	finding->evidence.items[0] = HOSTILE;
	finding->remedy.items[0] = HOSTILE;
	screen_open(&screen, false, false);
	scene_service(&scene, 1, 40001, 60);
	print_journey(&screen, &scene);
	printer_print(screen.printer, document_finding(finding, &scene.names));
	screen_text(&screen);
	assert_safe(screen.text);
	assert_non_null(strstr(screen.text, "from a\\x1b[2J\\x0a\\x0d"));
	assert_null(strstr(screen.text, "\xc2\x9b"));
	assert_null(strstr(screen.text, "\xe2\x80\xae"));
	assert_null(strstr(screen.text, "\xff"));
	screen_close(&screen);
	scene_close(&scene);
	drop_finding(finding);
}

static void test_hostile_document(void **state)
{
	static const char *const lines[] = {
		"{\"type\":\"journey\"}",
		"{\"type\":\"journey\",\"hops\":[1,null,{}],\"flow\":[],\"verdict\":7,\"drop\":{}}",
		"{\"type\":\"finding\",\"evidence\":[null,{}],\"facts\":[],\"where\":\"x\"}",
		"{\"type\":\"start\",\"devices\":{},\"probes\":[null]}",
		"{\"type\":\"summary\"}",
		"{\"type\":\"refusal\"}",
		"{\"type\":\"drops\"}",
		"{\"type\":\"hop_stats\",\"loss_percent\":\"x\"}",
		"{\"type\":\"new\\u001b[2J\\n\"}",
		"[]",
		"7",
	};
	struct screen screen;

	(void)state;
	screen_open(&screen, false, false);
	for (unsigned i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		printer_print(screen.printer, json_tokener_parse(lines[i]));
	screen_text(&screen);
	assert_safe(screen.text);
	assert_non_null(strstr(screen.text, "vanished") ?: strstr(screen.text, "lost after"));
	screen_close(&screen);
}

/* The monitor's lines: when they are said, and whose drops they are. */
static void test_monitor_lines(void **state)
{
	static const char *const lines[] = {
		"{\"type\":\"finding\",\"state\":\"over\",\"time_ns\":7265000000000,\"last_ns\":"
		"7205000000000,"
		"\"id\":\"port-closed\",\"count\":5,\"count_exact\":true,\"summary\":\"Nobody "
		"listens.\"}",
		"{\"type\":\"sample\",\"time_ns\":7265000000000,\"reason\":\"R\",\"proto\":"
		"\"ICMPv6\",\"device\":\"eth0\","
		"\"netns_name\":\"cni-1\",\"pod\":\"shop/"
		"web\",\"container\":\"app\",\"packet\":{\"len\":72}}",
		"{\"type\":\"sample\",\"time_ns\":7265000000000,\"reason\":\"R\",\"proto\":\"UDP\","
		"\"device\":\"cni0\","
		"\"netns_name\":\"node\",\"packet\":{\"len\":33}}",
	};
	struct screen screen;

	(void)state;
	setenv("TZ", "UTC", 1);
	screen_open(&screen, false, false);
	for (unsigned i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		printer_print(screen.printer, json_tokener_parse(lines[i]));
	screen_text(&screen);
	assert_string_equal(screen.text,
			    "02:01:05  over  port-closed  5×  Nobody listens.  last drop 02:00:05\n"
			    "02:01:05  R  ICMPv6 eth0 (shop/web [app])  72 B\n"
			    "02:01:05  R  UDP cni0 (node)  33 B\n");
	screen_close(&screen);
}

static void test_colour_and_ascii(void **state)
{
	struct scene scene;
	struct screen screen;

	(void)state;
	scene_open(&scene);
	screen_open(&screen, true, true);
	scene_ping_rejected(&scene, 1, 0);
	print_journey(&screen, &scene);
	print_journey(&screen, &scene);
	screen_text(&screen);
	assert_non_null(strstr(screen.text, "\033[31m!! rejected by"));
	assert_non_null(strstr(screen.text, "10.244.1.10 -> 10.244.2.10"));
	assert_non_null(strstr(screen.text, "x2"));
	assert_non_null(strstr(screen.text, "+14 us"));
	for (const char *s = screen.text; *s; s++)
		assert_true(!(*s & 0x80));
	screen_close(&screen);
	scene_close(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arp),
		cmocka_unit_test(test_rejected_folded),
		cmocka_unit_test(test_nat_sizes_and_ports_fold),
		cmocka_unit_test(test_drop),
		cmocka_unit_test(test_different_shapes_stay_apart),
		cmocka_unit_test(test_again_is_short),
		cmocka_unit_test(test_shapes_are_bounded),
		cmocka_unit_test(test_finding),
		cmocka_unit_test(test_start_and_summary),
		cmocka_unit_test(test_refusal),
		cmocka_unit_test(test_hostile_names),
		cmocka_unit_test(test_hostile_document),
		cmocka_unit_test(test_monitor_lines),
		cmocka_unit_test(test_colour_and_ascii),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
