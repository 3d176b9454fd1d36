// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading documents back. It knows json-c, and how containers are spelled, which many documents
 * have; it does not know any other field.
 */
#include "output/json_read.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

static struct json_object *field(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	if (!object || !json_object_is_type(object, json_type_object))
		return NULL;
	json_object_object_get_ex(object, key, &value);
	return value;
}

const char *read_text(struct json_object *object, const char *key)
{
	struct json_object *value = field(object, key);

	return value ? json_object_get_string(value) : "";
}

int64_t read_number(struct json_object *object, const char *key)
{
	struct json_object *value = field(object, key);

	return value ? json_object_get_int64(value) : 0;
}

bool read_flag(struct json_object *object, const char *key)
{
	struct json_object *value = field(object, key);

	return value && json_object_get_boolean(value);
}

bool read_has(struct json_object *object, const char *key)
{
	return field(object, key) != NULL;
}

struct json_object *read_child(struct json_object *object, const char *key)
{
	struct json_object *value = field(object, key);

	if (value && (json_object_is_type(value, json_type_object) ||
		      json_object_is_type(value, json_type_array)))
		return value;
	return NULL;
}

size_t read_count(struct json_object *object, const char *key)
{
	struct json_object *value = field(object, key);

	return value && json_object_is_type(value, json_type_array)
		       ? json_object_array_length(value)
		       : 0;
}

struct json_object *read_item(struct json_object *object, const char *key, size_t index)
{
	return index < read_count(object, key)
		       ? json_object_array_get_idx(field(object, key), index)
		       : NULL;
}

const char *read_containers(struct json_object *object, const char *prefix, char *text, size_t size)
{
	char one[32], all[32];

	snprintf(one, sizeof(one), "%scontainer", prefix);
	snprintf(all, sizeof(all), "%scontainers", prefix);
	text[0] = '\0';
	if (*read_text(object, one))
		text_append(text, size, " [%s]", read_text(object, one));
	for (size_t i = 0; i < read_count(object, all); i++) {
		const char *name = json_object_get_string(read_item(object, all, i));

		text_append(text, size, "%s%s", i ? "," : " [", name ?: "");
	}
	if (read_count(object, all))
		text_append(text, size, "]");
	return text;
}
