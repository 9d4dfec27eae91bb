/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/model/coverage.h"

#include <stdio.h>
#include <string.h>

#include "tests/model/rules.h"

static void cover_move(struct coverage *coverage, const struct model_state *before,
                       const struct model_event *event)
{
    const struct model_rental *rental = &event->rental;
    const struct model_rental *old = model_rental(before, &rental->id);
    const struct model_move *move =
        model_move_find(old ? old->status : RENTBUS_STATUS_NONE, event->type, rental->status);
    if (!move)
        return;
    coverage->moves[move - model_moves]++;
    coverage->reopened_told += event->type == RENTBUS_RENTAL_UNFLAGGED_EVENT &&
                               rental->status == RENTBUS_STATUS_IN_PROGRESS && rental->told_expired;
    coverage->slept_through += event->type == RENTBUS_RENTAL_EXPIRED_EVENT &&
                               rental->due_soon_at.given && !rental->told_due_soon;
    coverage->late_completed += rental->closed_by == RENTBUS_CLOSED_BY_return_scan &&
                                rental->status == RENTBUS_STATUS_COMPLETED &&
                                rental->returned_at.value > rental->expires_at;
}

void coverage_event(struct coverage *coverage, const struct model_state *before,
                    const struct model_event *event)
{
    coverage->events[event->type]++;
    coverage->matched_by[event->matched_by]++;
    coverage->conflicts += event->conflict_rental_id.given;
    if (event->reasons.count == 0 && event->rental.id.given) {
        coverage->closed_by[event->rental.closed_by]++;
        cover_move(coverage, before, event);
    }
}

void coverage_decision(struct coverage *coverage, const struct model_state *state,
                       const struct model_command *command, const struct model_decision *decision)
{
    int64_t grace;
    enum rentbus_op op = command->op;
    const struct model_policy *policy = &state->policy;
    coverage->commands++;
    coverage->errors[op][decision->error]++;
    model_cases_count(state, command, decision, coverage->cases);
    if (decision->error != RENTBUS_ERROR_NONE)
        return;
    struct model_result result;
    model_outcome(decision, &result);
    coverage->outcomes[op][result.outcome]++;
    if (op == RENTBUS_OP_rental_return && result.outcome == RENTBUS_OUTCOME_COMPLETED)
        coverage->policies[policy->return_match][model_late_return(&policy->late_return, &grace)]++;
    coverage->many_reasons[op] += result.reasons.count > 1;
    for (size_t i = 0; i < result.reasons.count; i++)
        coverage->reasons[op][result.reasons.items[i]]++;
}

/* ---- printing ---- */

static void print_words(const char *what, const struct rentbus_words *words, const size_t *counts)
{
    const char *separator = "";
    for (size_t i = 1; i < words->count; i++) {
        if (counts[i] == 0)
            continue;
        if (!*separator)
            printf("%s:", what);
        separator = " ";
        printf(" %s %zu", rentbus_word_text(words, (int)i), counts[i]);
    }
    if (*separator)
        printf("\n");
}

static void print_op(const struct coverage *coverage, enum rentbus_op op)
{
    char what[64];
    const char *wire = rentbus_op_rows[op].wire;
    print_words(wire, &rentbus_outcome_words, coverage->outcomes[op]);
    snprintf(what, sizeof what, "  %s, errors", wire);
    print_words(what, &rentbus_error_code_words, coverage->errors[op]);
    snprintf(what, sizeof what, "  %s, reasons (%zu with more than one)", wire,
             coverage->many_reasons[op]);
    print_words(what, &rentbus_reason_words, coverage->reasons[op]);
}

static void print_move(const struct model_move *move, size_t count)
{
    const char *from = rentbus_word_text(&rentbus_status_words, (int)move->from);
    printf("  %s -> %s by %s %zu\n", *from ? from : "nothing",
           rentbus_word_text(&rentbus_status_words, (int)move->to),
           rentbus_word_text(&rentbus_event_type_words, (int)move->event), count);
}

void coverage_print(const struct coverage *coverage)
{
    printf("commands %zu, dry runs %zu, rolled back events %zu (to a seq %zu), replays %zu, from "
           "snapshots %zu\n",
           coverage->commands, coverage->dry_runs, coverage->rolled_back, coverage->rolled_back_to,
           coverage->replays, coverage->snapshots);
    printf("conflicts %zu, about archived %zu, late and in time %zu, opened again and told %zu, "
           "slept through %zu\n",
           coverage->conflicts, coverage->archived_named, coverage->late_completed,
           coverage->reopened_told, coverage->slept_through);
    print_words("events", &rentbus_event_type_words, coverage->events);
    print_words("matched by", &rentbus_matched_by_words, coverage->matched_by);
    print_words("closed by", &rentbus_closed_by_words, coverage->closed_by);
    print_words("verdicts", &rentbus_verdict_words, coverage->verdicts);
    for (size_t i = 0; i < CASE_COUNT; i++)
        printf("%6zu  %s\n", coverage->cases[i], model_case_rows[i].text);
    for (size_t i = 0; i < RENTBUS_OP_COUNT; i++)
        print_op(coverage, (enum rentbus_op)i);
    for (size_t i = 0; i < model_move_count; i++)
        print_move(&model_moves[i], coverage->moves[i]);
}

/* ---- what must have been reached ---- */

#define WORDS_MAX 8

/* Behind the last word is 0. */
struct expectation {
    enum rentbus_op op;
    enum rentbus_outcome outcomes[WORDS_MAX];
    enum rentbus_reason reasons[WORDS_MAX];
    enum rentbus_error_code errors[WORDS_MAX];
};

#define OP(name) RENTBUS_OP_##name
#define CREATED RENTBUS_OUTCOME_CREATED
#define COMPLETED RENTBUS_OUTCOME_COMPLETED
#define UPDATED RENTBUS_OUTCOME_UPDATED
#define UNCHANGED RENTBUS_OUTCOME_UNCHANGED
#define ALREADY_OUT RENTBUS_OUTCOME_ALREADY_OUT
#define REJECTED RENTBUS_OUTCOME_REJECTED
#define REASON(name) RENTBUS_REASON_##name
#define INVALID RENTBUS_ERROR_INVALID_ARGUMENT
#define NOT_FOUND RENTBUS_ERROR_NOT_FOUND
#define CONFLICT RENTBUS_ERROR_CONFLICT

static const struct expectation expectations[] = {
    {OP(rental_return),
     {COMPLETED, REJECTED},
     {REASON(ASSET_UNKNOWN), REASON(USER_UNKNOWN), REASON(NO_OPEN_RENTAL), REASON(RENTAL_EXPIRED),
      REASON(ASSET_TYPE_NOT_ELIGIBLE), REASON(ALREADY_RETURNED), REASON(CLOCK_SKEW)},
     {NOT_FOUND}},
    {OP(rental_checkout),
     {CREATED, ALREADY_OUT, REJECTED},
     {REASON(USER_UNKNOWN), REASON(ASSET_UNKNOWN), REASON(USER_BLOCKED), REASON(USER_LIMIT),
      REASON(TYPE_LIMIT)},
     {INVALID}},
    {OP(rental_renew),
     {UPDATED, REJECTED},
     {REASON(RENTAL_CLOSED), REASON(RENTAL_EXPIRED), REASON(RENEWAL_LIMIT), REASON(NOT_LATER)},
     {NOT_FOUND, INVALID}},
    {OP(rental_forgive), {UPDATED, REJECTED}, {REASON(RENTAL_CLOSED)}, {NOT_FOUND}},
    {OP(rental_flag), {UPDATED, REJECTED}, {REASON(RENTAL_CLOSED)}, {NOT_FOUND}},
    {OP(rental_unflag), {UPDATED, REJECTED}, {REASON(NOT_FLAGGED), REASON(ASSET_OUT)}, {NOT_FOUND}},
    {OP(user_put), {CREATED, UPDATED, UNCHANGED}, {0}, {0}},
    {OP(user_block), {UPDATED, UNCHANGED}, {0}, {NOT_FOUND}},
    {OP(user_unblock), {UPDATED, UNCHANGED}, {0}, {NOT_FOUND}},
    {OP(asset_put), {CREATED, UPDATED, UNCHANGED}, {0}, {0}},
    {OP(asset_type_put), {CREATED, UPDATED, UNCHANGED}, {0}, {INVALID}},
    {OP(location_put), {CREATED, UPDATED, UNCHANGED}, {0}, {0}},
    {OP(policy_put), {UPDATED, UNCHANGED}, {0}, {INVALID}},
    {OP(admin_import), {CREATED, UNCHANGED}, {0}, {INVALID, NOT_FOUND, CONFLICT}},
    {OP(admin_import_device), {CREATED, UNCHANGED}, {0}, {INVALID}},
};

/* 1 when it was never reached. */
static size_t never(size_t count, const char *what, const char *word)
{
    if (count > 0)
        return 0;
    fprintf(stderr, "never reached: %s %s\n", what, word);
    return 1;
}

static size_t missing_of_op(const struct coverage *coverage, const struct expectation *expectation)
{
    enum rentbus_op op = expectation->op;
    const char *wire = rentbus_op_rows[op].wire;
    size_t missing = 0;
    for (size_t i = 0; i < WORDS_MAX; i++) {
        enum rentbus_outcome outcome = expectation->outcomes[i];
        enum rentbus_reason reason = expectation->reasons[i];
        enum rentbus_error_code error = expectation->errors[i];
        if (outcome != RENTBUS_OUTCOME_NONE)
            missing += never(coverage->outcomes[op][outcome], wire,
                             rentbus_word_text(&rentbus_outcome_words, (int)outcome));
        if (reason != RENTBUS_REASON_NONE)
            missing += never(coverage->reasons[op][reason], wire,
                             rentbus_word_text(&rentbus_reason_words, (int)reason));
        if (error != RENTBUS_ERROR_NONE)
            missing += never(coverage->errors[op][error], wire,
                             rentbus_word_text(&rentbus_error_code_words, (int)error));
    }
    return missing;
}

static size_t missing_policies(const struct coverage *coverage)
{
    static const char *const lates[] = {"", "reject", "flag", "forgive_within"};
    size_t missing = 0;
    for (size_t i = 1; i < rentbus_return_match_words.count; i++)
        for (size_t j = MODEL_LATE_REJECT; j <= MODEL_LATE_FORGIVE; j++)
            missing += never(coverage->policies[i][j],
                             rentbus_word_text(&rentbus_return_match_words, (int)i), lates[j]);
    return missing;
}

static size_t missing_words(const size_t *counts, const struct rentbus_words *words)
{
    size_t missing = 0;
    for (size_t i = 1; i < words->count; i++)
        missing += never(counts[i], words->name, rentbus_word_text(words, (int)i));
    return missing;
}

/* Those of the bus are no business of the ledger. */
static size_t missing_events(const struct coverage *coverage)
{
    size_t missing = 0;
    for (size_t i = 1; i < rentbus_event_type_words.count; i++) {
        const char *type = rentbus_word_text(&rentbus_event_type_words, (int)i);
        if (strncmp(type, "CONSUMER_", strlen("CONSUMER_")) != 0)
            missing += never(coverage->events[i], "event_type", type);
    }
    return missing;
}

static size_t missing_cases(const struct coverage *coverage)
{
    size_t missing = 0;
    for (size_t i = 0; i < CASE_COUNT; i++) {
        const struct model_case_row *row = &model_case_rows[i];
        if (coverage->cases[i] >= row->least)
            continue;
        fprintf(stderr, "reached %zu times and not %zu: %s\n", coverage->cases[i], row->least,
                row->text);
        missing++;
    }
    return missing;
}

size_t coverage_missing(const struct coverage *coverage)
{
    size_t missing = missing_policies(coverage) + missing_cases(coverage) +
                     missing_events(coverage) +
                     missing_words(coverage->matched_by, &rentbus_matched_by_words) +
                     missing_words(coverage->closed_by, &rentbus_closed_by_words) +
                     missing_words(coverage->verdicts, &rentbus_verdict_words);
    for (size_t i = 0; i < sizeof expectations / sizeof expectations[0]; i++)
        missing += missing_of_op(coverage, &expectations[i]);
    for (size_t i = 0; i < model_move_count; i++)
        missing += never(coverage->moves[i],
                         rentbus_word_text(&rentbus_status_words, (int)model_moves[i].from),
                         rentbus_word_text(&rentbus_event_type_words, (int)model_moves[i].event));
    missing += never(coverage->many_reasons[RENTBUS_OP_rental_return], "return", "many reasons");
    missing +=
        never(coverage->many_reasons[RENTBUS_OP_rental_checkout], "checkout", "many reasons");
    missing += never(coverage->many_reasons[RENTBUS_OP_rental_renew], "renew", "many reasons");
    missing += never(coverage->conflicts, "a conflict", "");
    missing += never(coverage->archived_named, "a rental that had left memory", "");
    missing += never(coverage->dry_runs, "a dry run", "");
    missing += never(coverage->late_completed, "a late return in time", "");
    missing += never(coverage->reopened_told, "a rental opened again behind its end", "");
    missing += never(coverage->slept_through, "a warning slept through", "");
    missing += never(coverage->cut_late, "rollback within a late checkout", "");
    missing += never(coverage->durable_late, "half a late checkout that is durable", "");
    missing += never(coverage->rolled_back, "rollback", "");
    missing += never(coverage->rolled_back_to, "rollback to a seq", "");
    missing += never(coverage->replays, "replay", "");
    return missing + never(coverage->snapshots, "snapshot", "");
}
