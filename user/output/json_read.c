// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading documents back. It knows json-c; it does not know any document's fields.
 */
#include "output/json_read.h"

#include <string.h>

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
