/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The ledger against the model, over random histories.
 *   RENTBUS_MODEL_SEED      the first seed; each further history takes the next number
 *   RENTBUS_MODEL_COMMANDS  how many commands in all
 *   RENTBUS_SOAK=1          a million commands, from a seed of the clock
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "daemon/ledger/decide.h"
#include "tests/model/shrink.h"

#define DEFAULT_SEED 1
#define DEFAULT_COMMANDS 20000
#define SOAK_COMMANDS 1000000
#define HISTORY_COMMANDS 2000
/* Steps are commands and what happens between them. */
#define HISTORY_STEPS_MAX (4 * HISTORY_COMMANDS)

static uint64_t environment_number(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text && *text ? strtoull(text, NULL, 0) : otherwise;
}

/* Makes and runs one history, and leaves its steps. Returns their count; *failed says whether the
 * last one failed. */
static size_t make_history(uint64_t seed, size_t commands, struct run_coverage *coverage,
                           struct history_step *steps, bool *failed)
{
    struct check_report report;
    struct history_random random = {seed};
    struct run *run = run_create(coverage, NULL);
    int64_t now = HISTORY_START;
    size_t count = 0;
    *failed = false;
    while (commands > 0 && count < HISTORY_STEPS_MAX && !*failed) {
        struct history_view view = run_view(run);
        history_choose(&random, &view, (unsigned)count, &now, &steps[count]);
        commands -= steps[count].kind == HISTORY_COMMAND;
        *failed = !run_step(run, &steps[count++], &report);
    }
    run_destroy(&run);
    return count;
}

static void explain_failure(uint64_t seed, struct history_step *steps, size_t count)
{
    struct run_coverage coverage = {0};
    struct check_report report = {"it does not fail a second time"};
    fprintf(stderr, "seed %" PRIu64 " fails at step %zu; shrinking\n", seed, count);
    count = shrink_steps(steps, count);
    shrink_run(steps, count, &coverage, stderr, &report);
    fprintf(stderr, "%s\nagain: RENTBUS_MODEL_SEED=%" PRIu64 " RENTBUS_MODEL_COMMANDS=%d\n",
            report.text, seed, HISTORY_COMMANDS);
}

static void print_words(const char *what, const struct rentbus_words *words, const size_t *counts)
{
    printf("%s:", what);
    for (size_t i = 0; i < words->count; i++)
        if (counts[i] > 0)
            printf(" %s %zu", i ? rentbus_word_text(words, (int)i) : "-", counts[i]);
    printf("\n");
}

static void print_coverage(const struct run_coverage *coverage)
{
    printf("commands %zu, rolled back events %zu, replays %zu, conflicts %zu, about archived %zu\n",
           coverage->commands, coverage->rolled_back, coverage->replays, coverage->conflicts,
           coverage->archived_named);
    print_words("events", &rentbus_event_type_words, coverage->events);
    print_words("returns rejected", &rentbus_reason_words, coverage->return_reasons);
    print_words("checkouts rejected", &rentbus_reason_words, coverage->checkout_reasons);
    print_words("matched by", &rentbus_matched_by_words, coverage->matched_by);
    print_words("closed by", &rentbus_closed_by_words, coverage->closed_by);
    print_words("errors", &rentbus_error_code_words, coverage->errors);
}

/* Histories that never come upon a rule prove nothing about it. */
static void assert_covered(const struct run_coverage *coverage)
{
    for (size_t i = 0; i < rentbus_event_type_words.count; i++)
        assert_true(coverage->events[i] > 0);
    for (size_t i = RENTBUS_REASON_ASSET_UNKNOWN; i <= RENTBUS_REASON_CLOCK_SKEW; i++)
        assert_true(coverage->return_reasons[i] > 0);
    assert_true(coverage->checkout_reasons[RENTBUS_REASON_USER_UNKNOWN] > 0);
    assert_true(coverage->checkout_reasons[RENTBUS_REASON_ASSET_UNKNOWN] > 0);
    assert_true(coverage->checkout_reasons[RENTBUS_REASON_ALREADY_OUT] > 0);
    assert_true(coverage->matched_by[RENTBUS_MATCHED_BY_oldest] > 0);
    assert_true(coverage->matched_by[RENTBUS_MATCHED_BY_rental_id] > 0);
    assert_true(coverage->matched_by[RENTBUS_MATCHED_BY_last_holder] > 0);
    assert_true(coverage->closed_by[RENTBUS_CLOSED_BY_return_scan] > 0);
    assert_true(coverage->closed_by[RENTBUS_CLOSED_BY_missed_scan] > 0);
    assert_true(coverage->errors[RENTBUS_ERROR_NOT_FOUND] > 0);
    assert_true(coverage->errors[RENTBUS_ERROR_CONFLICT] > 0);
    assert_true(coverage->errors[RENTBUS_ERROR_INVALID_ARGUMENT] > 0);
    assert_true(coverage->conflicts > 0 && coverage->archived_named > 0);
    assert_true(coverage->rolled_back > 0 && coverage->replays > 0);
}

static void test_ledger_does_what_the_model_does(void **state)
{
    (void)state;
    bool soak = environment_number("RENTBUS_SOAK", 0) != 0;
    uint64_t seed =
        environment_number("RENTBUS_MODEL_SEED", soak ? (uint64_t)time(NULL) : DEFAULT_SEED);
    uint64_t commands =
        environment_number("RENTBUS_MODEL_COMMANDS", soak ? SOAK_COMMANDS : DEFAULT_COMMANDS);
    struct history_step *steps = malloc(HISTORY_STEPS_MAX * sizeof *steps);
    assert_non_null(steps);
    struct run_coverage coverage = {0};
    bool failed = false;
    printf("seeds from %" PRIu64 "\n", seed);
    for (uint64_t left = commands; left > 0 && !failed; seed++) {
        size_t part = left < HISTORY_COMMANDS ? (size_t)left : HISTORY_COMMANDS;
        size_t count = make_history(seed, part, &coverage, steps, &failed);
        left -= part;
        if (failed)
            explain_failure(seed, steps, count);
    }
    printf("seeds before %" PRIu64 "\n", seed);
    print_coverage(&coverage);
    free(steps);
    assert_false(failed);
    if (commands >= DEFAULT_COMMANDS)
        assert_covered(&coverage);
}

static void test_skew_by_default_is_five_minutes(void **state)
{
    (void)state;
    assert_int_equal(ledger_policy_default.max_skew, INT64_C(5) * 60 * 1000000);
}

int main(void)
{
    /* Seen even when the ledger crashes under a history. */
    setvbuf(stdout, NULL, _IOLBF, 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_skew_by_default_is_five_minutes),
        cmocka_unit_test(test_ledger_does_what_the_model_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
