/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Network plugins by the devices and files they leave. Knows how their agents are restarted,
 * which writes routes and entries anew; it does not know where an operator put them if not in
 * the usual namespace.
 */
#include "diagnose/plugin.h"

#include "base/text.h"
#include "diagnose/lookup.h"

static const struct network_plugin plugins[] = {
	{"flannel", "flannel*", "flannel", "-n kube-flannel ", "",
	 "Backend in the ConfigMap kube-flannel-cfg"},
	{"Calico", "*cali*", "calico", "", "-A -l k8s-app=calico-node ",
	 "vxlanPort and vxlanVNI in the FelixConfiguration"},
	{"Calico", "tunl0", "calico", "", "-A -l k8s-app=calico-node ", "the IPPool"},
	{"Cilium", "cilium*", "cilium-cni", "", "-A -l k8s-app=cilium ",
	 "tunnel-port in the ConfigMap cilium-config"},
	{"Antrea", "antrea*", "antrea", "", "-A -l component=antrea-agent ",
	 "tunnelPort in the ConfigMap antrea-config"},
};

const struct network_plugin *network_plugin(struct diagnosis *d, const struct link *tunnel)
{
	const struct node_config *config = facts_config(d->facts);

	for (size_t i = 0; tunnel && i < sizeof(plugins) / sizeof(plugins[0]); i++) {
		if (text_glob(plugins[i].tunnels, tunnel->name))
			return &plugins[i];
	}
	if (config && config->has_subnet_env)
		return &plugins[0];
	for (size_t i = 0;
	     config && config->confs.count && i < sizeof(plugins) / sizeof(plugins[0]); i++) {
		if (text_glob(plugins[i].conf_type, config->confs.items[0].type))
			return &plugins[i];
	}
	return NULL;
}

void plugin_restart(struct finding *finding, const struct network_plugin *plugin,
		    const char *selector)
{
	if (plugin)
		finding_remedy(finding, "kubectl %sdelete pod %s--field-selector %s", plugin->scope,
			       plugin->labels, selector);
	else
		finding_remedy(finding, "# run again what set up the tunnel and its routes on that "
					"node");
}
