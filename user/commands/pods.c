/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cnitrace pods: the node's pods as cnitrace names them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/text.h"
#include "commands/commands.h"
#include "commands/common.h"
#include "commands/options.h"
#include "commands/session.h"
#include "node/pods.h"
#include "output/document_parts.h"

static void pod_print(const struct pod *pod, const struct facts *facts)
{
	char address[ADDRESS_TEXT] = "-", name[520], safe[520], id[16], containers[192];

	if (pod->address_count)
		address_text(pod->addresses[0], address);
	snprintf(name, sizeof(name), "%s/%s", pod->namespace, pod->name);
	text_copy(id, 13, pod->container_id[0] ? pod->container_id : "-");
	facts_containers(facts, pod, containers, sizeof(containers));
	printf("%-40s %-16s %-16s %-8s %6u  %10u  %-12s  %-16s %s%s\n",
	       text_escape(safe, sizeof(safe), name), address,
	       pod->host_name[0] ? pod->host_name : "-", pod->ifname[0] ? pod->ifname : "-",
	       pod->mtu, pod->netns, id, containers[0] ? containers : "-", pod->source,
	       pod->host_network ? " host-network" : "");
}

static struct json_object *pod_json(const struct pod *pod, const struct facts *facts)
{
	struct json_object *o = json_object_new_object(), *addresses = json_object_new_array();
	char text[ADDRESS_TEXT];
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	json_object_object_add(o, "type", json_object_new_string("pod"));
	json_object_object_add(o, "time_ns",
			       json_object_new_int64(now.tv_sec * 1000000000ll + now.tv_nsec));
	json_object_object_add(o, "namespace", json_object_new_string(pod->namespace));
	json_object_object_add(o, "name", json_object_new_string(pod->name));
	for (size_t i = 0; i < pod->address_count; i++)
		json_object_array_add(
			addresses, json_object_new_string(address_text(pod->addresses[i], text)));
	json_object_object_add(o, "addresses", addresses);
	json_object_object_add(o, "device", json_object_new_string(pod->host_name));
	json_object_object_add(o, "ifname", json_object_new_string(pod->ifname));
	json_object_object_add(o, "mtu", json_object_new_int64(pod->mtu));
	json_object_object_add(o, "host_mtu", json_object_new_int64(pod->host_mtu));
	json_object_object_add(o, "netns", json_object_new_int64(pod->netns));
	json_object_object_add(o, "pid", json_object_new_int64(pod->pid));
	json_object_object_add(o, "uid", json_object_new_string(pod->uid));
	json_object_object_add(o, "container_id", json_object_new_string(pod->container_id));
	json_object_object_add(o, "containers", document_containers(pod, facts));
	json_object_object_add(o, "host_network", json_object_new_boolean(pod->host_network));
	json_object_object_add(o, "source", json_object_new_string(pod->source));
	return o;
}

static int pods_print(const struct facts *facts, bool json, struct error *error)
{
	struct printer *printer = NULL;
	int err = json ? common_printer("pods", NULL, true, &printer, error) : 0;

	if (err)
		return err;
	if (!json && facts->pods.count)
		printf("%-40s %-16s %-16s %-8s %6s  %10s  %-12s  %-16s %s\n", "POD", "ADDRESS",
		       "DEVICE", "INSIDE", "MTU", "NETNS", "SANDBOX", "CONTAINERS", "SOURCE");
	array_each(pod, &facts->pods) {
		if (json)
			printer_print(printer, pod_json(pod, facts));
		else
			pod_print(pod, facts);
	}
	if (!facts->pods.count)
		fprintf(stderr, "cnitrace: no pods found on this node\n");
	err = json ? common_printed(printer, error) : 0;
	printer_free(printer);
	return err;
}

int command_pods(int argc, char **argv)
{
	const char *root = NULL;
	bool json = false;
	const struct option_spec specs[] = {
		{"json", 'j', OPTION_FLAG, &json, NULL, "JSON Lines on standard output"},
		{"root", 0, OPTION_TEXT, &root, "DIR",
		 "where the node's file system is seen (default /; /host in a pod)"},
		{},
	};
	struct arguments arguments;
	struct session session = {};
	struct error error = {};
	int err;

	err = options_parse("pods", specs, argc, argv, &arguments, &error);
	if (!err && arguments.words.count)
		err = error_set(&error, -EINVAL, "pods: takes no \"%s\"", arguments.words.items[0]);
	if (err) {
		fprintf(stderr, "cnitrace: %s\n", error.text);
		arguments_free(&arguments);
		return EXIT_USAGE;
	}
	if (arguments.help) {
		printf("usage: cnitrace pods [options]\n\nLists the pods of this node, named "
		       "without "
		       "the API server.\n\n");
		options_help(stdout, specs);
		arguments_free(&arguments);
		return EXIT_OK;
	}
	err = session_open(&session, root, &error);
	if (!err) {
		pods_read_mtus(session.facts);
		err = pods_print(session.facts, json, &error);
	}
	if (err)
		fprintf(stderr, "cnitrace: %s\n", error.text);
	session_close(&session);
	arguments_free(&arguments);
	return err == -ENOENT ? EXIT_USAGE : err ? EXIT_FAILED : EXIT_OK;
}
