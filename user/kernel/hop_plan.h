/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * By which way a device's packets are seen: tc programs on it, or the two tracepoints that see all devices.
 * Each device has one of the two, decided once. Pure.
 *
 * tc costs nothing on other devices, but two grace periods at the start (tc_attach.h). The tracepoints
 * cost one look on every packet of every namespace, and nothing per device. So a node of few
 * devices is traced by tc, one of many by the tracepoints: not both, for that would cost both.
 */
#ifndef CNITRACE_KERNEL_HOP_PLAN_H
#define CNITRACE_KERNEL_HOP_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* With more devices than this the tracepoints are taken. */
#define HOP_PLAN_TC_DEVICES 8

struct hop_device {
	uint32_t ifindex;
	const char *name;
	const char *kind; /* "veth", "bridge", …, as struct device has it */
	bool has_ether; /* its packets begin with an Ethernet header */
};

enum hop_way { HOP_NONE, HOP_TC, HOP_TRACEPOINT };

/* What may be used: as --probes allows, and as far as it has not failed yet. */
struct hop_plan {
	bool tc, tracepoint;
	bool many; /* more devices than HOP_PLAN_TC_DEVICES are asked for */
};

/* Do the tracepoints see what this kind of device receives? */
bool hop_plan_sees(const char *kind);
/* The way to try first; HOP_NONE: there is none. */
enum hop_way hop_plan_way(const struct hop_plan *plan, const struct hop_device *device);

#endif
