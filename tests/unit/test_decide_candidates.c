/* SPDX-License-Identifier: MPL-2.0 */
/* What a return has to choose from, and what becomes of each. */
#include "tests/unit/ledger_random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* ann has box1 on r1, cup1 on r2, box2 on r3 and box3 on r4, a day after the other, and all for 7
 * days but r3, which is for 2; bob has box4 on r5. */
static int setup(void **state)
{
    static const char *const assets[] = {"box1", "cup1", "box2", "box3", "box4", "box5"};
    struct world *world = world_create();

    world_user(world, "ann");
    world_user(world, "bob");
    world_user(world, "cid");
    for (size_t i = 0; i < 6; i++)
        world_asset(world, assets[i], i == 1 ? "cup" : "box");
    for (int i = 0; i < 5; i++) {
        struct ledger_command command = world_scan(
            RENTBUS_OP_rental_checkout, i < 4 ? "ann" : "bob", assets[i], NULL, NOW + i * DAY);

        command.args.scan.has_loan_period = true;
        command.args.scan.loan_period = (i == 2 ? 2 : 7) * 86400;
        assert_int_equal(world_run(world, &command), 0);
    }
    world->now = NOW + 90 * DAY;
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    world_destroy((struct world **)state);
    return 0;
}

struct told {
    char text[2048];
    size_t length;
    int limit; /* 0: all */
};

static bool tell(void *context, const struct rentbus_rental *rental, enum rentbus_verdict verdict)
{
    struct told *told = context;

    told->length +=
        (size_t)snprintf(told->text + told->length, sizeof(told->text) - told->length, "%s%.*s %s",
                         told->length > 0 ? ", " : "", RENTBUS_TEXT_ARGS(rental->id),
                         rentbus_word_text(&rentbus_verdict_words, (int)verdict));
    return --told->limit != 0;
}

static void must_tell(const struct world *world, const struct ledger_command *command, int limit,
                      const char *expected)
{
    struct ledger_context context = {.now = world->now, .archived = world->archived};
    struct told told = {.limit = limit};

    ledger_candidates(world->ledger, &command->args.scan, &context, tell, &told);
    assert_string_equal(told.text, expected);
}

static struct ledger_command give_back(const char *user, const char *asset, const char *rental,
                                       int64_t occurred_at)
{
    return world_scan(RENTBUS_OP_rental_return, user, asset, rental, occurred_at);
}

static void a_return_chooses_among_all_of_the_user(void **state)
{
    static const struct {
        const char *user;
        const char *asset;
        const char *rental;
        int64_t days; /* behind NOW */
        const char *told;
    } cases[] = {
        {"ann", "box5", NULL, 1, "r1 chosen, r2 not_eligible, r3 behind, r4 behind"},
        {"ann", "box5", NULL, 8, "r1 expired, r2 not_eligible, r3 expired, r4 chosen"},
        {"ann", "box5", NULL, 20, "r1 expired, r2 not_eligible, r3 expired, r4 expired"},
        {"ann", "cup1", NULL, 1, "r1 not_eligible, r2 chosen, r3 not_eligible, r4 not_eligible"},
        {"cid", "box5", NULL, 1, ""},
        {NULL, "box2", NULL, 3, "r3 chosen, r1 not_named, r2 not_named, r4 not_named"},
        {NULL, "box2", NULL, 5, "r3 expired, r1 not_named, r2 not_named, r4 not_named"},
        {NULL, "box5", NULL, 1, ""},
        {"ann", "box5", "r4", 1, "r4 chosen, r1 not_named, r2 not_named, r3 not_named"},
        {"ann", "cup1", "r4", 1, "r4 not_eligible, r1 not_named, r2 not_named, r3 not_named"},
        {NULL, NULL, "r3", 9, "r3 expired, r1 not_named, r2 not_named, r4 not_named"},
        {NULL, NULL, "r5", 9, "r5 chosen"},
        {"bob", "box5", "r1", 1, "r5 not_named"},
        {"eve", "box5", NULL, 1, ""},
        {"ann", "box9", NULL, 1, ""},
        {"ann", "box5", NULL, 91, ""},
        {"ann", "box5", "r9", 1, ""},
    };
    struct world *world = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ledger_command command =
            give_back(cases[i].user, cases[i].asset, cases[i].rental, NOW + cases[i].days * DAY);

        must_tell(world, &command, 0, cases[i].told);
    }
}

static void the_order_is_that_of_the_policy(void **state)
{
    struct world *world = *state;
    struct ledger_command command = give_back("ann", "box3", NULL, NOW + DAY);

    world_return_match(world, RENTBUS_RETURN_MATCH_exact_asset_first);
    must_tell(world, &command, 0, "r4 chosen, r1 behind, r2 not_eligible, r3 behind");
    command.args.scan.occurred_at = NOW + 20 * DAY;
    must_tell(world, &command, 0, "r4 expired, r1 expired, r2 not_eligible, r3 expired");
    command = give_back("ann", "box4", NULL, NOW + DAY);
    must_tell(world, &command, 0, "r1 chosen, r2 not_eligible, r3 behind, r4 behind");
    world_return_match(world, RENTBUS_RETURN_MATCH_soonest_expiry);
    must_tell(world, &command, 0, "r3 chosen, r1 behind, r2 not_eligible, r4 behind");
    command.args.scan.occurred_at = NOW + 8 * DAY;
    must_tell(world, &command, 0, "r3 expired, r1 expired, r2 not_eligible, r4 chosen");
    command = give_back(NULL, "box1", NULL, NOW + DAY);
    must_tell(world, &command, 0, "r1 chosen, r2 not_named, r3 not_named, r4 not_named");
}

static void what_is_late_may_be_chosen(void **state)
{
    struct world *world = *state;
    struct ledger_command command = give_back("ann", "box5", NULL, NOW + 20 * DAY);
    struct ledger_command in_time = give_back("ann", "box5", NULL, NOW + 8 * DAY);

    in_time.args.scan.override = command.args.scan.override = rentbus_text("the boss said so");
    must_tell(world, &command, 0, "r1 chosen, r2 not_eligible, r3 expired, r4 expired");
    must_tell(world, &in_time, 0, "r1 expired, r2 not_eligible, r3 expired, r4 chosen");
    command.args.scan.override = (struct rentbus_text){0};
    world_late_return(world, "flag");
    must_tell(world, &command, 0, "r1 chosen, r2 not_eligible, r3 expired, r4 expired");
    world_late_return(world, "forgive_within:P10D");
    must_tell(world, &command, 0, "r1 expired, r2 not_eligible, r3 expired, r4 chosen");
    world_late_return(world, "forgive_within:P13D");
    must_tell(world, &command, 0, "r1 chosen, r2 not_eligible, r3 expired, r4 behind");
}

static void a_closed_rental_is_no_candidate(void **state)
{
    struct world *world = *state;
    struct ledger_command command = give_back(NULL, NULL, "r1", NOW + DAY);
    static struct rentbus_rental archived;

    world_judge(world, RENTBUS_OP_rental_flag, "r1", "broken");
    must_tell(world, &command, 0, "r2 not_named, r3 not_named, r4 not_named");
    assert_int_equal(world_return(world, NULL, "box3", NULL, NOW + 4 * DAY),
                     RENTBUS_OUTCOME_COMPLETED);
    command = give_back("ann", "box3", NULL, NOW + 4 * DAY);
    must_tell(world, &command, 0, "");
    command = give_back(NULL, NULL, "r4", NOW + 4 * DAY);
    must_tell(world, &command, 0, "");
    world_judge(world, RENTBUS_OP_rental_forgive, "r1", "a gift");
    assert_true(ledger_rental_get(world->ledger, rentbus_text("r1"), &archived));
    ledger_durable(world->ledger, UINT64_MAX);
    ledger_archived(world->ledger, UINT64_MAX);
    world->archived = &archived;
    command = give_back(NULL, NULL, "r1", NOW + 4 * DAY);
    must_tell(world, &command, 0, "r2 not_named, r3 not_named");
}

static void a_visitor_may_stop(void **state)
{
    struct world *world = *state;
    struct ledger_command command = give_back("ann", "box3", NULL, NOW + DAY);

    must_tell(world, &command, 1, "r1 chosen");
    must_tell(world, &command, 2, "r1 chosen, r2 not_eligible");
    world_return_match(world, RENTBUS_RETURN_MATCH_exact_asset_first);
    must_tell(world, &command, 1, "r4 chosen");
    must_tell(world, &command, 2, "r4 chosen, r1 behind");
    world_return_match(world, RENTBUS_RETURN_MATCH_soonest_expiry);
    must_tell(world, &command, 1, "r3 chosen");
    must_tell(world, &command, 3, "r3 chosen, r1 behind, r2 not_eligible");
}

struct order {
    int64_t expires_at;
    int64_t created_at;
    size_t count;
};

static bool check_order(void *context, const struct rentbus_rental *rental,
                        enum rentbus_verdict verdict)
{
    struct order *order = context;

    assert_int_equal(verdict, order->count == 0 ? RENTBUS_VERDICT_chosen : RENTBUS_VERDICT_behind);
    if (order->count++ > 0)
        assert_true(
            rental->expires_at > order->expires_at ||
            (rental->expires_at == order->expires_at && rental->created_at > order->created_at));
    order->expires_at = rental->expires_at;
    order->created_at = rental->created_at;
    return true;
}

/* More than are put in order at a time, many of which end at the same time. */
static void many_are_told_in_order(void **state)
{
    static const unsigned counts[] = {1, 63, 64, 65, 128, 200};
    struct world *world = *state;
    struct ledger_context context = {.now = world->now};
    unsigned made = 0;

    world_return_match(world, RENTBUS_RETURN_MATCH_soonest_expiry);
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        struct ledger_command command = give_back("cid", "box5", NULL, NOW);
        struct order order = {0};

        for (; made < counts[i]; made++) {
            char asset[16];
            char rental[16];

            snprintf(asset, sizeof(asset), "many%u", made);
            snprintf(rental, sizeof(rental), "m%u", made);
            world_asset(world, asset, "box");
            world_import(world, rental, RENTBUS_STATUS_IN_PROGRESS, "cid", asset, "box",
                         NOW + made * 7919 % 211, NOW + DAY + made * 31 % 5 * DAY);
        }
        ledger_candidates(world->ledger, &command.args.scan, &context, check_order, &order);
        assert_int_equal(order.count, counts[i]);
    }
}

/* ---- an explanation and the decision agree ---- */

/* By verdict: how many, and the first. */
struct verdicts {
    unsigned counts[8];
    char first[8][RENTBUS_ID_MAX + 1];
};

static bool count_verdict(void *context, const struct rentbus_rental *rental,
                          enum rentbus_verdict verdict)
{
    struct verdicts *verdicts = context;

    if (verdicts->counts[verdict]++ == 0)
        snprintf(verdicts->first[verdict], RENTBUS_ID_MAX + 1, "%.*s",
                 RENTBUS_TEXT_ARGS(rental->id));
    return true;
}

static void must_agree(const struct world *world, const struct verdicts *verdicts)
{
    const unsigned *counts = verdicts->counts;
    unsigned chosen = counts[RENTBUS_VERDICT_chosen];
    unsigned expired = counts[RENTBUS_VERDICT_expired];

    assert_int_equal(chosen, world->result.outcome == RENTBUS_OUTCOME_COMPLETED);
    if (chosen)
        assert_true(says(world->result.rental.id, verdicts->first[RENTBUS_VERDICT_chosen]));
    else
        assert_int_equal(counts[RENTBUS_VERDICT_behind], 0);
    if (!chosen)
        assert_int_equal(expired > 0, world_reason(world) == RENTBUS_REASON_RENTAL_EXPIRED);
    if (!chosen && expired > 0)
        assert_true(says(world->result.rental.id, verdicts->first[RENTBUS_VERDICT_expired]));
    if (world_reason(world) == RENTBUS_REASON_ASSET_TYPE_NOT_ELIGIBLE)
        assert_in_range(counts[RENTBUS_VERDICT_not_eligible] + counts[RENTBUS_VERDICT_not_named], 1,
                        99);
    if (world_reason(world) == RENTBUS_REASON_NO_OPEN_RENTAL)
        assert_int_equal(counts[RENTBUS_VERDICT_not_eligible], 0);
}

static void every_explanation_agrees_with_the_decision(void **state)
{
    unsigned completed = 0;
    unsigned rejected = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        uint64_t random = seed;
        struct world *world = world_create();

        for (int i = 0; i < 500; i++) {
            struct ledger_command command = ledger_random_command(&random, world);
            struct ledger_context context = {.now = world->now};
            struct verdicts verdicts = {0};

            if (command.op == RENTBUS_OP_rental_return)
                ledger_candidates(world->ledger, &command.args.scan, &context, count_verdict,
                                  &verdicts);
            if (world_run(world, &command) != 0 || command.op != RENTBUS_OP_rental_return ||
                world->result.outcome == RENTBUS_OUTCOME_UNCHANGED)
                continue;
            must_agree(world, &verdicts);
            completed += world->result.outcome == RENTBUS_OUTCOME_COMPLETED;
            rejected += world->result.outcome == RENTBUS_OUTCOME_REJECTED;
        }
        world_destroy(&world);
    }
    assert_in_range(completed, 300, UINT32_MAX);
    assert_in_range(rejected, 300, UINT32_MAX);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_return_chooses_among_all_of_the_user),
        TEST(the_order_is_that_of_the_policy),
        TEST(what_is_late_may_be_chosen),
        TEST(a_closed_rental_is_no_candidate),
        TEST(a_visitor_may_stop),
        TEST(many_are_told_in_order),
        cmocka_unit_test(every_explanation_agrees_with_the_decision),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
