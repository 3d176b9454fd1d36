/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every id of the catalogue in three versions of one situation (scene.h): the fault, which must be the one finding; the
 * nearest other fault, which must be called that and not this; and the healthy one, which must be silent. An id that
 * has no scene fails the test, so that a new rule cannot come without.
 */
#include "scenes_cluster.h"
#include "scenes_load.h"
#include "scenes_unreachable.h"

#include "diagnose/catalogue.h"

#define COUNT(list) (sizeof(list) / sizeof(*(list)))
#define SCENES (COUNT(scenes_unreachable) + COUNT(scenes_load) + COUNT(scenes_cluster))

static const struct scene *scene_at(size_t i)
{
	if (i < COUNT(scenes_unreachable))
		return &scenes_unreachable[i];
	i -= COUNT(scenes_unreachable);
	return i < COUNT(scenes_load) ? &scenes_load[i] : &scenes_cluster[i - COUNT(scenes_load)];
}

static struct world w;

static int begin(void **state)
{
	(void)state;
	world_make(&w);
	return 0;
}

static int end(void **state)
{
	(void)state;
	check_world_free(&w);
	return 0;
}

static void play(const struct scene *scene, enum version version)
{
	scene->make(&w, version);
	/* There must be something to judge. */
	assert_true(w.flows.flows.count || w.flows.refusals.count || w.diagnosis.check);
	world_diagnose(&w);
}

/* The first finding has this id; nothing else is an error. */
static const struct finding *called(const char *id)
{
	const struct finding *first;

	world_print(&w);
	assert_true(w.list.findings.count > 0);
	first = w.list.findings.items[0];
	assert_string_equal(first->id, id);
	assert_true(first->summary[0] && first->evidence.count && first->remedy.count);
	for (size_t i = 1; i < w.list.findings.count; i++)
		assert_int_not_equal(w.list.findings.items[i]->severity, SEVERITY_ERROR);
	return first;
}

static void fault(void **state)
{
	const struct scene *scene = *state;
	const struct finding *first;

	play(scene, FAULT);
	first = called(scene->id);
	assert_int_equal(first->severity,
			 scene->severity == SEVERITY_INFO ? SEVERITY_ERROR : scene->severity);
	assert_string_equal(first->class, fault_find(scene->id)->class);
}

static void near_miss(void **state)
{
	const struct scene *scene = *state;

	assert_non_null(fault_find(scene->near));
	assert_string_not_equal(scene->near, scene->id);
	play(scene, NEAR);
	assert_int_not_equal(called(scene->near)->severity, SEVERITY_INFO);
	array_each(finding, &w.list.findings)
		assert_string_not_equal((*finding)->id, scene->id);
}

static void healthy(void **state)
{
	play(*state, HEALTHY);
	world_print(&w);
	assert_int_equal(w.list.findings.count, 0);
}

static void no_id_is_without_a_scene(void **state)
{
	(void)state;
	for (size_t i = 0; i < fault_catalogue_size; i++) {
		size_t at = 0;

		while (at < SCENES && strcmp(scene_at(at)->id, fault_catalogue[i].id))
			at++;
		if (at == SCENES)
			fail_msg("%s has no scene", fault_catalogue[i].id);
	}
}

int main(void)
{
	static const struct {
		const char *name;
		void (*judge)(void **state);
	} versions[] = {{"fault", fault}, {"near miss", near_miss}, {"healthy", healthy}};
	static char names[SCENES * 3][64];
	struct CMUnitTest tests[SCENES * 3 + 1] = {cmocka_unit_test(no_id_is_without_a_scene)};

	for (size_t i = 0; i < SCENES * 3; i++) {
		const struct scene *scene = scene_at(i / 3);

		snprintf(names[i], sizeof(names[i]), "%s%s%s, %s", scene->id,
			 scene->network[0] ? ", " : "", scene->network, versions[i % 3].name);
		tests[i + 1] = (struct CMUnitTest){.name = names[i],
						   .test_func = versions[i % 3].judge,
						   .setup_func = begin,
						   .teardown_func = end,
						   .initial_state = (void *)scene};
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
