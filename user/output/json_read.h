/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading documents back: every field may be missing or of another type (a file of
 * another version, of another node), then the answer is empty, never an error.
 */
#ifndef CNITRACE_OUTPUT_JSON_READ_H
#define CNITRACE_OUTPUT_JSON_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>

/* The string (or number as text) at key, "" when it is not there. Lives as long as the object. */
const char *read_text(struct json_object *object, const char *key);
int64_t read_number(struct json_object *object, const char *key);
bool read_flag(struct json_object *object, const char *key);
bool read_has(struct json_object *object, const char *key);
/* Object or array at key, NULL when it is not there. */
struct json_object *read_child(struct json_object *object, const char *key);
/* Elements of an array at key; 0 when it is not one. */
size_t read_count(struct json_object *object, const char *key);
struct json_object *read_item(struct json_object *object, const char *key, size_t index);

/*
 * " [web]" or " [web,sidecar]": the containers of a place, or of a flow's end when prefix is "src_" or "dst_"; "" when
 * they are not there. Returns text.
 */
const char *read_containers(struct json_object *object, const char *prefix, char *text,
			    size_t size);

#endif
