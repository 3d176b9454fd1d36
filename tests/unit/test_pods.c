// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pod names: every format of each runtime and driver from fixtures, refusal of names that
 * Kubernetes could not have given, and the whole search over a node's root with a living
 * and a dead network namespace.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "node/cgroup_path.h"
#include "node/containers.h"
#include "node/pods.h"
#include "node/pods_parse.h"

#define FIXTURES "tests/fixtures/pods/"
#define ID "0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9"
#define UID "0f3c9a52-6d1e-4b7a-9c8d-2e5f1a7b3c4d"

static char *fixture(const char *name, size_t *size)
{
	char path[256], *text = calloc(1, 16384);
	FILE *file;

	snprintf(path, sizeof(path), FIXTURES "%s", name);
	file = fopen(path, "r");
	if (!file)
		fail_msg("no fixture %s: run from the top of the tree", path);
	*size = fread(text, 1, 16383, file);
	fclose(file);
	return text;
}

static void test_cgroups(void **state)
{
	static const struct {
		const char *file, *uid;
		bool monitor;
	} cases[] = {
		{"cgroup-v1-systemd-containerd", UID, false},
		{"cgroup-v1-cgroupfs-docker", UID, false},
		{"cgroup-v1-cgroupfs-containerd", UID, false},
		{"cgroup-v1-systemd-crio", UID, false},
		{"cgroup-v1-cgroupfs-crio", UID, false},
		{"cgroup-v1-systemd-docker", UID, false},
		{"cgroup-v1-cgroupfs-kind", UID, false},
		{"cgroup-v2-cgroupfs-crio", UID, false},
		{"cgroup-v2-cgroupfs-docker", UID, false},
		{"cgroup-v2-cgroupfs-kind", UID, false},
		{"cgroup-v2-systemd-containerd", UID, false},
		{"cgroup-v2-cgroupfs", UID, false},
		{"cgroup-v2-crio", UID, false},
		{"cgroup-v2-crio-conmon", UID, true},
		{"cgroup-v2-docker", UID, false},
		{"cgroup-v2-kind", UID, false},
		{"cgroup-v2-kind-in-pod", UID, false},
		{"cgroup-v2-driver-mismatch", UID, false},
		{"cgroup-v2-cgroup-namespace", UID, false},
		{"cgroup-v2-static-pod", "3b1a7c5d9e8f02461357acbd9bdf0e1c", false},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct cgroup_pod pod;
		size_t size;
		char *text = fixture(cases[i].file, &size);

		assert_true(cgroup_parse(text, &pod));
		assert_string_equal(pod.uid, cases[i].uid);
		assert_string_equal(pod.container_id, ID);
		assert_int_equal(pod.monitor, cases[i].monitor);
		free(text);
	}
}

static void test_cgroups_of_no_pod(void **state)
{
	static const char *const texts[] = {
		"",
		"\n",
		"0::/\n",
		"0::/system.slice/containerd.service\n",
		"0::/system.slice/docker-" ID ".scope\n",
		"0::/kubepods.slice/kubepods-burstable.slice\n",
		"0::/kubepods/podxyz/" ID "\n",
		"0::/kubepods/pod" UID "0/" ID "\n",
		"0::/tripod" UID "/" ID "\n",
		"kubepods/pod" UID "/" ID "\n",
		"0:",
	};
	struct cgroup_pod pod;

	(void)state;
	for (unsigned i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		assert_false(cgroup_parse(texts[i], &pod));
	/* What only looks like a pod further on leaves the pod's UID alone. */
	assert_true(cgroup_parse("0::/kubepods/pod" UID "/" ID
				 "/x-podffffffff-zzzz-0000-0000-000000000000\n",
				 &pod));
	assert_string_equal(pod.uid, UID);
	/* A pod without a container: kubelet's own cgroup of it. */
	assert_true(cgroup_parse("0::/kubepods/pod" UID "\n", &pod));
	assert_string_equal(pod.container_id, "");
}

static void parse_result(const char *name, const char *file, struct pod *pod)
{
	size_t size;
	char *text = fixture(name, &size);

	assert_int_equal(pods_parse_result(file, text, size, pod), 0);
	free(text);
}

static void assert_address(const struct pod *pod, unsigned index, const char *text)
{
	char buffer[ADDRESS_TEXT];

	assert_true(index < pod->address_count);
	assert_string_equal(address_text(pod->addresses[index], buffer), text);
}

static void test_results(void **state)
{
	struct pod pod;
	char buffer[ADDRESS_TEXT];

	(void)state;
	parse_result("result-flannel.json", "cbr0-" ID "-eth0", &pod);
	assert_string_equal(pod.namespace, "kube-system");
	assert_string_equal(pod.name, "coredns-5dd5756b68-x7k2p");
	assert_string_equal(pod.uid, UID);
	assert_string_equal(pod.container_id, ID);
	assert_string_equal(pod.netns_path,
			    "/var/run/netns/cni-3e1c9b6e-8f0a-2b7d-51c4-9a6d0e4f7b21");
	assert_string_equal(pod.ifname, "eth0");
	assert_string_equal(pod.host_name, "veth7c0e1f2a");
	assert_string_equal(pod.cni_network, "cbr0");
	assert_int_equal(pod.address_count, 2);
	assert_address(&pod, 0, "10.244.1.2");
	assert_int_equal(pod.prefix_len[0], 24);
	assert_address(&pod, 1, "fd00:10:244:1::2");
	assert_int_equal(pod.prefix_len[1], 64);
	assert_string_equal(address_text(pod.gateway, buffer), "10.244.1.1");
	assert_string_equal(address_text(pod.gateway6, buffer), "fd00:10:244:1::1");

	parse_result("result-calico.json", "k8s-pod-network-" ID "-eth0", &pod);
	assert_string_equal(pod.name, "web-0");
	assert_string_equal(pod.host_name, "calia4fc3c48bd8");
	assert_address(&pod, 0, "192.168.77.5");

	parse_result("result-0.2.0.json", "my-net-" ID "-eth0", &pod);
	assert_string_equal(pod.name, "");
	assert_string_equal(pod.container_id, ID);
	assert_string_equal(pod.ifname, "eth0");
	assert_address(&pod, 0, "10.22.0.5");
	assert_int_equal(pod.prefix_len[0], 16);

	parse_result("result-1.1.0.json", "macvlan-conf-" ID "-net1", &pod);
	assert_int_equal(pod.mtu, 1450);
	assert_string_equal(pod.netns_path, "/proc/4242/ns/net");
	assert_string_equal(pod.host_name, "");
}

static int parse_text(const char *text, struct pod *pod)
{
	return pods_parse_result("cbr0-abc-eth0", text, strlen(text), pod);
}

static void test_hostile_results(void **state)
{
	struct pod pod;

	(void)state;
	assert_true(parse_text("", &pod) < 0);
	assert_true(parse_text("{\"cniArgs\":", &pod) < 0);
	assert_true(parse_text("[]", &pod) < 0);
	assert_int_equal(parse_text("{\"cniArgs\":[[1,2],3,[],[\"K8S_POD_NAME\"],null],"
				    "\"result\":{\"ips\":[1,{\"address\":7}],\"interfaces\":"
				    "[null,{\"name\":\"0123456789abcdef\"}]}}",
				    &pod),
			 0);
	assert_string_equal(pod.name, "");
	assert_int_equal(pod.address_count, 0);
	assert_string_equal(pod.host_name, "");
	assert_int_equal(parse_text("{\"containerId\":\"../../etc\",\"cniArgs\":[[\"K8S_POD_NAME\","
				    "\"a\\u001b[2J\"],[\"K8S_POD_NAMESPACE\",\"a/b\"]]}",
				    &pod),
			 0);
	assert_string_equal(pod.name, "");
	assert_string_equal(pod.namespace, "");
	assert_string_equal(pod.container_id, "abc");
}

static void test_containers(void **state)
{
	static const struct {
		const char *file, *namespace, *name, *uid, *id;
	} cases[] = {
		{"config-containerd.json", "kube-system", "kube-proxy-8mzcv",
		 "d5a3c1de-4b6f-4a0e-8d55-0b8a1d0f3e77", ID},
		{"config-crio.json", "monitoring", "node-exporter-abcde",
		 "8c6a1b9e-0d0f-44b0-a5d7-3f6b6c1d2e3f", ID},
		{"config-docker.json", "default", "web", "11111111-2222-3333-4444-555555555555",
		 ""},
	};
	struct pod pod;

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		size_t size;
		char *text = fixture(cases[i].file, &size);

		assert_int_equal(pods_parse_container(text, size, &pod), 0);
		assert_string_equal(pod.namespace, cases[i].namespace);
		assert_string_equal(pod.name, cases[i].name);
		assert_string_equal(pod.uid, cases[i].uid);
		assert_string_equal(pod.container_id, cases[i].id);
		free(text);
	}
	assert_true(pods_parse_container("{\"annotations\":{}}", 18, &pod) < 0);
	assert_true(pods_parse_container("nonsense", 8, &pod) < 0);
}

/* The name of each in its pod; a sandbox has none, whatever its runtime calls it. */
static void test_container_names(void **state)
{
	static const struct {
		const char *file, *name;
		bool sandbox;
	} cases[] = {
		{"config-containerd-container.json", "kube-proxy", false},
		{"config-crio-container.json", "node-exporter", false},
		{"config-docker-container.json", "nginx", false},
		{"config-containerd.json", "", true},
		{"config-crio.json", "", true},
		{"config-docker.json", "", true},
	};
	static const char hostile[] = "{\"annotations\":{\"io.kubernetes.container.name\":\"a,b]\","
				      "\"io.kubernetes.cri.container-name\":[\"x\"]}}";
	char name[64];
	bool sandbox;

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		size_t size;
		char *text = fixture(cases[i].file, &size);

		assert_int_equal(pods_parse_container_name(text, size, name, &sandbox), 0);
		assert_string_equal(name, cases[i].name);
		assert_int_equal(sandbox, cases[i].sandbox);
		free(text);
	}
	assert_int_equal(pods_parse_container_name(hostile, strlen(hostile), name, &sandbox),
			 -ENOENT);
	assert_string_equal(name, "");
	assert_int_equal(pods_parse_container_name("{", 1, name, &sandbox), -EBADMSG);
}

static void test_container_links(void **state)
{
	static const char *const not [] = {
		"",
		".log",
		"web_default_nginx-" ID, /* no .log */
		"web_default_nginx-" ID ".log.1",
		"web_default_nginx-0a1b2c3d.log", /* cut */
		"web_default_nginx.log",
		"web_default-" ID ".log",
		"a_b_c_d-" ID ".log",
		"web_default_-" ID ".log",
		"web_default_ng\033inx-" ID ".log",
		"web_../x_nginx-" ID ".log",
		"web_default_0123456789012345678901234567890123456789012345678901234567890123-" ID
		".log",
	};
	struct container_link link;

	(void)state;
	assert_true(pods_parse_container_link("coredns-5d78-x7k2p_kube-system_my-dns-" ID ".log",
					      &link));
	assert_string_equal(link.pod, "coredns-5d78-x7k2p");
	assert_string_equal(link.namespace, "kube-system");
	assert_string_equal(link.name, "my-dns");
	assert_string_equal(link.id, ID);
	for (unsigned i = 0; i < sizeof(not ) / sizeof(*not ); i++)
		assert_false(pods_parse_container_link(not [i], &link));
}

/* Containers of plain Docker have names of their own; those that do not run, and pods', have not. */
static void test_docker(void **state)
{
	static const char text[] =
		"{\"ID\":\"" ID "\",\"Name\":\"/my_web\",\"State\":{\"Running\":true},\"Config\":{"
		"\"Labels\":{}},\"NetworkSettings\":{\"SandboxKey\":\"/var/run/docker/netns/1f\","
		"\"Networks\":{\"bridge\":{\"IPAddress\":\"172.17.0.2\",\"IPPrefixLen\":16,"
		"\"Gateway\":\"172.17.0.1\",\"GlobalIPv6Address\":\"fd00::2\","
		"\"GlobalIPv6PrefixLen\":64,\"IPv6Gateway\":\"fd00::1\"}}}}";
	static const char stopped[] =
		"{\"Name\":\"/"
		"web\",\"State\":{\"Running\":false},\"NetworkSettings\":{\"SandboxKey\":\"/x\"}}";
	static const char hostile[] =
		"{\"Name\":\"/a\\u001b[2J\",\"State\":{\"Running\":true},\"NetworkSettings\":{"
		"\"SandboxKey\":\"/x\",\"Networks\":{\"b\":7,\"c\":{\"IPAddress\":1}}}}";
	char *pod_text, buffer[ADDRESS_TEXT];
	struct pod pod;
	size_t size;

	(void)state;
	assert_int_equal(pods_parse_docker(text, strlen(text), &pod), 0);
	assert_string_equal(pod.namespace, "docker");
	assert_string_equal(pod.name, "my_web");
	assert_string_equal(pod.container_id, ID);
	assert_string_equal(pod.netns_path, "/var/run/docker/netns/1f");
	assert_int_equal(pod.address_count, 2);
	assert_address(&pod, 0, "172.17.0.2");
	assert_int_equal(pod.prefix_len[0], 16);
	assert_string_equal(address_text(pod.gateway, buffer), "172.17.0.1");
	assert_string_equal(address_text(pod.gateway6, buffer), "fd00::1");
	assert_int_equal(pods_parse_docker(stopped, strlen(stopped), &pod), -ENOENT);
	assert_int_equal(pods_parse_docker(hostile, strlen(hostile), &pod), -ENOENT);
	assert_int_equal(pod.address_count, 0);
	assert_int_equal(pods_parse_docker("[", 1, &pod), -EBADMSG);
	pod_text = fixture("config-docker.json", &size);
	assert_int_equal(pods_parse_docker(pod_text, size, &pod), -ENOENT);
	free(pod_text);
}

static void test_log_dirs(void **state)
{
	struct pod pod;

	(void)state;
	assert_true(pods_parse_log_dir("kube-system_coredns-5d78_" UID, &pod));
	assert_string_equal(pod.namespace, "kube-system");
	assert_string_equal(pod.name, "coredns-5d78");
	assert_string_equal(pod.uid, UID);
	assert_false(pods_parse_log_dir("coredns_" UID, &pod));
	assert_false(pods_parse_log_dir("a_b_c_d", &pod));
	assert_false(pods_parse_log_dir("__", &pod));
	assert_false(pods_parse_log_dir("a_b\033_" UID, &pod));
}

static void test_reservations(void **state)
{
	char id[80], ifname[16];
	size_t size;
	char *text = fixture("host-local", &size);

	(void)state;
	assert_true(pods_parse_reservation(text, id, ifname));
	assert_string_equal(id, ID);
	assert_string_equal(ifname, "eth0");
	assert_true(pods_parse_reservation(ID, id, ifname));
	assert_string_equal(ifname, "");
	assert_false(pods_parse_reservation("", id, ifname));
	assert_false(pods_parse_reservation("../x\r\neth0", id, ifname));
	free(text);
}

/* SHA-1 over one block, over a length at which the padding needs a second, and over two. */
static void test_calico_names(void **state)
{
	char device[16], name[81];

	(void)state;
	pods_calico_name("shop", "web-0", device);
	assert_string_equal(device, "calia4fc3c48bd8");
	memset(name, 'a', 80);
	name[80] = '\0';
	pods_calico_name("default", name, device);
	assert_string_equal(device, "calicc9f6ee7e0e");
	name[50] = '\0';
	pods_calico_name("default", name, device);
	assert_string_equal(device, "cali3e899e8a0b7");
}

/* A process in a network namespace of its own. */
static pid_t make_sandbox(void)
{
	int ready[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		if (unshare(CLONE_NEWNET))
			_exit(1);
		if (write(ready[1], "x", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1) {
		waitpid(pid, NULL, 0);
		pid = 0;
	}
	close(ready[0]);
	return pid;
}

static void write_result(const char *root, const char *name, pid_t pid)
{
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/var/lib/cni/results/cbr0-%s-eth0", root, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fprintf(file,
		"{\"kind\":\"cniCacheV1\",\"containerId\":\"%s\",\"ifName\":\"eth0\","
		"\"networkName\":\"cbr0\",\"cniArgs\":[[\"K8S_POD_NAMESPACE\",\"default\"],"
		"[\"K8S_POD_NAME\",\"%s\"]],\"result\":{\"interfaces\":[{\"name\":\"eth0\","
		"\"sandbox\":\"/proc/%d/ns/net\"}],\"ips\":[{\"address\":\"10.244.1.9/24\"}]}}",
		name, name, pid);
	fclose(file);
}

static void make_dirs(const char *root, const char *path)
{
	char full[512];

	for (const char *slash = strchr(path + 1, '/');; slash = strchr(slash + 1, '/')) {
		snprintf(full, sizeof(full), "%s%.*s", root,
			 slash ? (int)(slash - path) : (int)strlen(path), path);
		mkdir(full, 0755);
		if (!slash)
			return;
	}
}

static void test_search(void **state)
{
	char root[] = "/tmp/cnitrace-test-pods-XXXXXX", command[64];
	struct facts *facts = facts_new();
	struct error error = {0};
	const struct pod *pod;
	pid_t pid = make_sandbox();

	(void)state;
	if (!pid) {
		facts_free(facts);
		skip(); /* needs to make a network namespace */
	}
	assert_non_null(mkdtemp(root));
	snprintf(facts->root, sizeof(facts->root), "%s", root);
	assert_int_equal(pods_read(facts, &error), 0); /* no Kubernetes at all */
	assert_int_equal(facts->pods.count, 0);

	make_dirs(root, "/var/lib/cni/results");
	write_result(root, "alive", pid);
	write_result(root, "node", getpid()); /* claims the node's own namespace */
	write_result(root, "gone", 0x7ffffff);
	assert_int_equal(pods_read(facts, &error), 0);
	assert_int_equal(facts->pods.count, 1);
	pod = &facts->pods.items[0];
	assert_string_equal(pod->name, "alive");
	assert_string_equal(pod->namespace, "default");
	assert_int_equal(pod->pid, pid);
	assert_true(pod->netns != 0);
	assert_address(pod, 0, "10.244.1.9");
	assert_string_equal(pod->source, "cni-results");

	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_int_equal(pods_read(facts, &error), 0);
	assert_int_equal(facts->pods.count, 0);
	facts_free(facts);
	snprintf(command, sizeof(command), "rm -r %s", root);
	assert_int_equal(system(command), 0);
}

static void add_container(struct pod_processes *processes, uint32_t netns, const char *uid,
			  const char *id)
{
	struct container *container = array_push(&processes->containers);

	container->netns = netns;
	snprintf(container->pod_uid, sizeof(container->pod_uid), "%s", uid);
	snprintf(container->id, sizeof(container->id), "%s", id);
}

static void make_file(const char *root, const char *directory, const char *name, const char *text)
{
	char path[600];
	FILE *file;

	make_dirs(root, directory);
	snprintf(path, sizeof(path), "%s%s/%s", root, directory, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

#define CRI "/run/containerd/io.containerd.runtime.v2.task/k8s.io/"
#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define ID_C "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
#define ID_S "5555555555555555555555555555555555555555555555555555555555555555"
#define ID_OLD "0000000000000000000000000000000000000000000000000000000000000000"

static struct pod *add_pod(struct facts *facts, uint32_t netns, const char *name, const char *uid,
			   const char *id)
{
	struct pod *pod = array_push(&facts->pods);

	pod->netns = netns;
	snprintf(pod->namespace, sizeof(pod->namespace), "shop");
	snprintf(pod->name, sizeof(pod->name), "%s", name);
	snprintf(pod->uid, sizeof(pod->uid), "%s", uid);
	snprintf(pod->container_id, sizeof(pod->container_id), "%s", id);
	return pod;
}

/* Living containers with the names that links and the runtime's files give them, and no others. */
static void test_container_search(void **state)
{
	char root[] = "/tmp/cnitrace-test-containers-XXXXXX", command[64], text[192];
	struct facts *facts = facts_new();
	struct pod_processes processes = {0};

	(void)state;
	assert_non_null(mkdtemp(root));
	snprintf(facts->root, sizeof(facts->root), "%s", root);
	add_pod(facts, 11, "web", UID, ID_S);
	add_container(&processes, 11, UID, ID_S); /* pause */
	add_container(&processes, 11, UID, ID_B);
	add_container(&processes, 11, UID, ID_A);
	add_container(&processes, 11, UID, ID_C); /* no file tells its name */
	add_container(&processes, 12, UID, ID_C); /* a process of it made a namespace */
	add_container(&processes, 11, "11111111-2222-3333-4444-555555555555",
		      ID_OLD); /* another pod's debugger, visiting */
	make_file(root, "/var/log/containers", "web_shop_web-" ID_A ".log", "");
	make_file(root, "/var/log/containers", "web_shop_web-" ID_OLD ".log", ""); /* stale */
	make_file(root, "/var/log/containers", "other_shop_liar-" ID_B ".log", "");
	make_file(root, CRI ID_B, "config.json",
		  "{\"annotations\":{\"io.kubernetes.cri.container-name\":\"sidecar\"}}");
	assert_int_equal(containers_read(facts, &processes), 0);
	assert_string_equal(facts_containers(facts, &facts->pods.items[0], text, sizeof(text)),
			    "cccccccccccc,sidecar,web");
	assert_int_equal(facts->containers.count, 3);

	/* The next look: one is left, the links still tell of all. */
	processes.containers.count = 0;
	add_container(&processes, 11, UID, ID_A);
	assert_int_equal(containers_read(facts, &processes), 0);
	assert_string_equal(facts_containers(facts, &facts->pods.items[0], text, sizeof(text)),
			    "web");
	pod_processes_free(&processes);
	facts_free(facts);
	snprintf(command, sizeof(command), "rm -r %s", root);
	assert_int_equal(system(command), 0);
}

static void test_container_lists(void **state)
{
	struct facts *facts = facts_new();
	struct container *container;
	struct pod *pod;
	char text[64];

	(void)state;
	pod = add_pod(facts, 11, "web", UID, ID_S);
	assert_string_equal(facts_containers(facts, pod, text, sizeof(text)), "");
	for (unsigned i = 0; i < 9; i++) {
		container = array_push(&facts->containers);
		container->netns = 11;
		strcpy(container->pod_uid, UID);
		snprintf(container->name, sizeof(container->name), "container-%u", i);
	}
	/* whole names only, and a sign that there are more */
	assert_string_equal(facts_containers(facts, pod, text, sizeof(text)),
			    "container-0,container-1,container-2,container-3,container-4,…");
	/* A static pod: its cgroup's UID is a hash. A host-network pod: by its UID alone. */
	strcpy(container->pod_uid, "3b1a7c5d9e8f02461357acbd9bdf0e1c");
	assert_true(facts_container_of(container, pod));
	pod->host_network = true;
	assert_false(facts_container_of(container, pod));
	strcpy(pod->uid, container->pod_uid);
	assert_true(facts_container_of(container, pod));
	facts_free(facts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cgroups),          cmocka_unit_test(test_cgroups_of_no_pod),
		cmocka_unit_test(test_results),          cmocka_unit_test(test_hostile_results),
		cmocka_unit_test(test_containers),       cmocka_unit_test(test_log_dirs),
		cmocka_unit_test(test_reservations),     cmocka_unit_test(test_calico_names),
		cmocka_unit_test(test_search),           cmocka_unit_test(test_docker),
		cmocka_unit_test(test_container_names),  cmocka_unit_test(test_container_links),
		cmocka_unit_test(test_container_search), cmocka_unit_test(test_container_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
