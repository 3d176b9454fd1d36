/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Parsers of the files that name pods, each for one format, pure. All of it is outside
 * text: names that Kubernetes could not have given are refused, so what comes out has no
 * control characters, no slashes, and fits its field.
 */
#ifndef CNITRACE_NODE_PODS_PARSE_H
#define CNITRACE_NODE_PODS_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "node/facts.h"

/* DNS labels and subdomains as Kubernetes allows them: letters, digits, '-', '.'. */
bool pod_name_valid(const char *name);
/* Hex or a runtime's other plain id: letters, digits, '-', '_'; safe as a part of a path. */
bool container_id_valid(const char *id);

/*
 * libcni's cache of one attachment (libcni/api.go cachedInfo), file name NET-CONTAINERID-IFNAME.
 * Fills names where cniArgs has them, container id, network, addresses, interface names, and
 * netns_path as written in the file. 0 or -EBADMSG.
 */
int pods_parse_result(const char *file, const char *text, size_t size, struct pod *pod);

/*
 * A runtime's file of one container: containerd's and CRI-O's config.json (OCI annotations),
 * docker's config.v2.json (labels). Fills namespace, name, uid, and the sandbox's id if it
 * is given. 0, -ENOENT when it names no pod, -EBADMSG.
 */
int pods_parse_container(const char *text, size_t size, struct pod *pod);

/*
 * docker's config.v2.json of a container of its own, outside Kubernetes: name (the namespace is "docker"),
 * addresses, netns_path. 0, -ENOENT when it does not run or is a pod's, -EBADMSG.
 */
int pods_parse_docker(const char *text, size_t size, struct pod *pod);

/*
 * Of the same file: the container's name in its pod, and whether it is the pod's sandbox (then the name is ""). 0,
 * -ENOENT when it has none, -EBADMSG.
 */
int pods_parse_container_name(const char *text, size_t size, char name[64], bool *sandbox);

/* A link of /var/log/containers: POD_NAMESPACE_CONTAINER-ID.log. */
struct container_link {
	char namespace[256], pod[256], name[64], id[72];
};

/* False when it is none, or when kubelet has cut it (at 255 characters, so that the id is not whole). */
bool pods_parse_container_link(const char *file, struct container_link *link);

/* Directory of /var/log/pods: NAMESPACE_POD_UID. False when it is none. */
bool pods_parse_log_dir(const char *directory, struct pod *pod);

/* host-local's file, named for the address: "CONTAINERID\r\nIFNAME" (older: the id alone). */
bool pods_parse_reservation(const char *text, char container_id[80], char ifname[16]);

/* Calico's name of the host's end: "cali" and the first 11 hex digits of SHA-1("NAMESPACE.POD"). */
void pods_calico_name(const char *namespace, const char *name, char device[16]);

#endif
