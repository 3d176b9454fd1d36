/* SPDX-License-Identifier: GPL-2.0-only */
/* Which network plugin made the node's pod network, and how it is restarted. Private to diagnose/. */
#ifndef CNITRACE_DIAGNOSE_PLUGIN_H
#define CNITRACE_DIAGNOSE_PLUGIN_H

#include "diagnose/finding.h"

#define PLUGIN_HERE "spec.nodeName=$(hostname)"

struct network_plugin {
	const char *name, *tunnels; /* "flannel"; its tunnel devices as a glob */
	const char *conf_type; /* in /etc/cni/net.d */
	const char *scope, *labels; /* of its agent's pods, for kubectl */
	const char *settings; /* where its tunnel's number and port are set */
};

/* By the tunnel (NULL: none), else by the CNI configuration; NULL: nobody we know. */
const struct network_plugin *network_plugin(struct diagnosis *d, const struct link *tunnel);
/* The command that restarts its agent on the node that `selector` (a field selector) names. */
void plugin_restart(struct finding *finding, const struct network_plugin *plugin,
		    const char *selector);

#endif
