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
static size_t make_history(uint64_t seed, size_t commands, struct coverage *coverage,
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
    struct coverage coverage = {0};
    struct check_report report = {"it does not fail a second time"};
    fprintf(stderr, "seed %" PRIu64 " fails at step %zu; shrinking\n", seed, count);
    count = shrink_steps(steps, count);
    shrink_run(steps, count, &coverage, stderr, &report);
    fprintf(stderr, "%s\nagain: RENTBUS_MODEL_SEED=%" PRIu64 " RENTBUS_MODEL_COMMANDS=%d\n",
            report.text, seed, HISTORY_COMMANDS);
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
    struct coverage coverage = {0};
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
    coverage_print(&coverage);
    free(steps);
    assert_false(failed);
    if (commands >= DEFAULT_COMMANDS)
        assert_int_equal(coverage_missing(&coverage), 0);
}

int main(void)
{
    /* Seen even when the ledger crashes under a history. */
    setvbuf(stdout, NULL, _IOLBF, 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ledger_does_what_the_model_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
