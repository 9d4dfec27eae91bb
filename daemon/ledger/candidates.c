/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/ledger/returning.h"
#include "daemon/ledger/view.h"

/* How many rentals are put in order at a time: each time costs a look at all of the user's. */
#define BATCH_MAX 64

struct telling {
    const struct ledger_returning *returning;
    ledger_candidate_visitor *visit;
    void *context;
};

static bool tell(const struct telling *telling, const struct ledger_rental *rental)
{
    struct rentbus_rental view;

    ledger_rental_view(rental, &view);
    return telling->visit(telling->context, &view,
                          ledger_returning_verdict(telling->returning, rental));
}

/* Passes over the one that was told first. */
static bool tell_other(void *context, struct ledger_rental *rental)
{
    const struct telling *telling = context;

    return rental == telling->returning->only || tell(telling, rental);
}

/* The next rentals in the order in which they end, those that end at the same time by age. */
struct batch {
    const struct ledger_rental *behind; /* the last one of the batch before, or NULL */
    bool passed;                        /* that one was visited */
    size_t count;
    const struct ledger_rental *rentals[BATCH_MAX];
};

static bool batch_visit(void *context, struct ledger_rental *rental)
{
    struct batch *batch = context;
    int64_t expires_at = rental->state.expires_at;
    int64_t told = batch->behind ? batch->behind->state.expires_at : 0;
    bool passed = batch->passed;
    size_t at = batch->count;

    if (rental == batch->behind)
        batch->passed = true;
    if (batch->behind && (expires_at < told || (expires_at == told && !passed)))
        return true;
    while (at > 0 && batch->rentals[at - 1]->state.expires_at > expires_at)
        at--;
    if (at == BATCH_MAX)
        return true;
    if (batch->count < BATCH_MAX)
        batch->count++;
    memmove(&batch->rentals[at + 1], &batch->rentals[at],
            (batch->count - 1 - at) * sizeof(batch->rentals[0]));
    batch->rentals[at] = rental;
    return true;
}

static void tell_by_expiry(const struct telling *telling, struct ledger_rental *open)
{
    struct batch batch = {.count = BATCH_MAX};

    while (batch.count == BATCH_MAX) {
        batch.count = 0;
        batch.passed = false;
        ledger_tree_walk(open, LEDGER_BY_AGE, batch_visit, &batch);
        for (size_t i = 0; i < batch.count; i++)
            if (!tell(telling, batch.rentals[i]))
                return;
        if (batch.count > 0)
            batch.behind = batch.rentals[batch.count - 1];
    }
}

void ledger_candidates(const struct ledger *ledger, const struct ledger_scan *scan,
                       const struct ledger_context *context, ledger_candidate_visitor *visit,
                       void *visit_context)
{
    struct ledger_returning returning;
    struct telling telling = {&returning, visit, visit_context};

    if (!ledger_returning_search(ledger, scan, context, &returning) || !returning.matched ||
        !returning.whose)
        return;
    if (returning.only && !tell(&telling, returning.only))
        return;
    if (!returning.narrow && ledger->policy.return_match == RENTBUS_RETURN_MATCH_soonest_expiry)
        tell_by_expiry(&telling, returning.whose->open);
    else
        ledger_tree_walk(returning.whose->open, LEDGER_BY_AGE, tell_other, &telling);
}
