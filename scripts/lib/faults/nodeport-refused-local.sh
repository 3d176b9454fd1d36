# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
FAULT_ID=nodeport-refused
FAULT_CLASS=service
FAULT_TEXT="externalTrafficPolicy is Local and this node has no endpoint of the Service"
FAULT_POD=outside
REMEDY=operator
REMEDY_WHY="where the Service's pods run is the scheduler's, and the policy the manifest's"
EXPECT='{"port":30080,"service":"default/web"}'

inject() {
	# As kube-proxy writes it: nothing translates the port here, and what asks for it is dropped.
	sed -i "s/^\(default\/web .*\) 30080 /\1 0 /" "$LAB_DIR/services"
	services_apply node1
	rule node1 -A KUBE-EXTERNAL-SERVICES -p tcp -m comment --comment "default/web has no local endpoints" \
		-m addrtype --dst-type LOCAL -m tcp --dport 30080 -j DROP
}

heal() {
	services_reset
}

traffic() {
	TRAFFIC=(curl -sS --max-time 2 -o /dev/null "http://192.168.1.11:30080/")
}
