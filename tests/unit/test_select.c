/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which journeys --verdict and --reason let through, and what of their words is refused.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "packet/select.h"

static struct journey dropped(const char *reason)
{
	struct journey journey = {.verdict = VERDICT_DROPPED, .has_drop = true};

	strcpy(journey.drop.reason, reason);
	return journey;
}

static void an_empty_selection_wants_all(void **state)
{
	struct selection s = {0};
	struct journey journey = {.verdict = VERDICT_DELIVERED};
	char text[64];

	(void)state;
	assert_true(selection_is_empty(&s));
	assert_true(selection_wants(&s, &journey));
	journey = dropped("NO_SOCKET");
	assert_true(selection_wants(&s, &journey));
	selection_text(&s, text, sizeof(text));
	assert_string_equal(text, "");
}

static void verdicts_choose(void **state)
{
	struct selection s = {0};
	struct journey journey = {0};
	struct error error;

	(void)state;
	assert_int_equal(selection_add_verdicts(&s, "trace", "dropped, left-node", &error), 0);
	assert_int_equal(selection_add_verdicts(&s, "trace", "vanished", &error), 0);
	for (int v = 0; v <= VERDICT_VANISHED; v++) {
		journey.verdict = v;
		assert_int_equal(selection_wants(&s, &journey), v == VERDICT_DROPPED ||
									v == VERDICT_LEFT_NODE ||
									v == VERDICT_VANISHED);
	}
	assert_int_equal(selection_add_verdicts(&s, "trace", "delivered,left", &error), -EINVAL);
	assert_non_null(strstr(error.text, "no verdict \"left\""));
	assert_non_null(strstr(error.text, "left-node"));
	memset(&s, 0, sizeof(s));
	assert_int_equal(selection_add_verdicts(&s, "trace", " ,", &error), -EINVAL);
	assert_int_equal(selection_add_verdicts(&s, "trace", "\033[31m", &error), -EINVAL);
	assert_null(strchr(error.text, '\033'));
}

static void reasons_choose(void **state)
{
	struct selection s = {0};
	struct error error;
	struct journey journey;

	(void)state;
	assert_int_equal(selection_add_reasons(&s, "trace", "netfilter_drop,*SOCK*", &error), 0);
	journey = dropped("NETFILTER_DROP");
	assert_true(selection_wants(&s, &journey));
	journey = dropped("NO_SOCKET");
	assert_true(selection_wants(&s, &journey));
	journey.verdict = VERDICT_REJECTED;
	assert_true(selection_wants(&s, &journey));
	journey.drop.benign = true;
	assert_false(selection_wants(&s, &journey));
	journey = dropped("PKT_TOO_BIG");
	assert_false(selection_wants(&s, &journey));
	journey = dropped("");
	assert_false(selection_wants(&s, &journey));
	journey = dropped("NO_SOCKET");
	journey.has_drop = false;
	assert_false(selection_wants(&s, &journey));
	assert_int_equal(selection_add_reasons(&s, "trace", "not_specified", &error), 0);
	journey = dropped("");
	assert_true(selection_wants(&s, &journey));
}

static void both_must_hold(void **state)
{
	struct selection s = {0};
	struct error error;
	struct journey journey = dropped("NO_SOCKET");
	char text[64];

	(void)state;
	assert_int_equal(selection_add_verdicts(&s, "trace", "rejected", &error), 0);
	assert_int_equal(selection_add_reasons(&s, "trace", "NO_SOCKET", &error), 0);
	assert_false(selection_wants(&s, &journey));
	journey.verdict = VERDICT_REJECTED;
	assert_true(selection_wants(&s, &journey));
	selection_text(&s, text, sizeof(text));
	assert_string_equal(text, "verdict rejected; reason NO_SOCKET");
}

static void reasons_are_bounded(void **state)
{
	struct selection s = {0};
	struct error error;
	char word[128];

	(void)state;
	memset(word, 'A', sizeof(word));
	word[sizeof(word) - 1] = '\0';
	assert_int_equal(selection_add_reasons(&s, "trace", word, &error), -EINVAL);
	for (int i = 0; i < SELECTION_REASONS; i++)
		assert_int_equal(selection_add_reasons(&s, "trace", "A", &error), 0);
	assert_int_equal(selection_add_reasons(&s, "trace", "A", &error), -EINVAL);
	memset(&s, 0, sizeof(s));
	assert_int_equal(selection_add_reasons(&s, "trace", ",", &error), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_selection_wants_all),
		cmocka_unit_test(verdicts_choose),
		cmocka_unit_test(reasons_choose),
		cmocka_unit_test(both_must_hold),
		cmocka_unit_test(reasons_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
