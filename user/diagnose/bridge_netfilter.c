/* SPDX-License-Identifier: GPL-2.0-only */
/* What a finding says of the setting by which a bridge has replies translated back, and how it is mended. */
#include "diagnose/causes.h"

const char *bridge_netfilter_sysctl(uint8_t version)
{
	return version == 6 ? "net.bridge.bridge-nf-call-ip6tables"
			    : "net.bridge.bridge-nf-call-iptables";
}

const char *bridge_netfilter_state(bool known)
{
	return known ? "0" : "absent (br_netfilter is not loaded)";
}

void bridge_netfilter_mend(struct finding *finding, const char *sysctl, bool known)
{
	finding_evidence(finding, known ? "fact %s = 0" : "fact %s does not exist", sysctl);
	finding_text(finding, "sysctl", "%s", sysctl);
	finding_number(finding, "found", known ? 0 : -1);
	finding_number(finding, "expected", 1);
	if (!known)
		finding_remedy(finding, "modprobe br_netfilter");
	finding_remedy(finding, "sysctl -w %s=1", sysctl);
	finding_remedy(finding,
		       "# to keep it after a reboot: br_netfilter in /etc/modules-load.d/, %s=1 in "
		       "/etc/sysctl.d/",
		       sysctl);
}
