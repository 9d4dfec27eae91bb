/* SPDX-License-Identifier: MPL-2.0 */
/* What the ledger shows against what the model knows, and what must hold of either. */
#ifndef RENTBUS_MODEL_CHECK_H
#define RENTBUS_MODEL_CHECK_H

#include "daemon/ledger/decide.h"
#include "tests/model/history.h"
#include "tests/model/view.h"

/* The first difference, in words. */
struct check_report {
    char text[4096];
};

/* Returns false, for `return check_fail(...)`. */
bool check_fail(struct check_report *report, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Compares two structs of a schema; `what` names them in the report. */
bool check_same(struct check_report *report, const char *what, const struct rentbus_schema *schema,
                const void *expected, const void *actual);

bool check_same_device(struct check_report *report, const struct model_device *expected,
                       const struct ledger_device_view *actual);

/* The part of check_state() that is about lists. */
bool check_lists(struct check_report *report, const struct ledger *ledger,
                 const struct model_state *state, int64_t now, struct history_random *random,
                 bool thorough);
/* Two events; two refusals of a command, of which one may be none; two decisions. */
bool check_event(struct check_report *report, const struct ledger_event *expected,
                 const struct ledger_event *actual);
bool check_refusal(const struct model_decision *expected, int code,
                   const struct rentbus_fault *fault, struct check_report *report);
bool check_decision(const struct model_decision *expected, const struct ledger_decision *actual,
                    struct check_report *report);
/* The candidates of a return, before it. */
bool check_candidates(struct check_report *report, const struct ledger *ledger,
                      const struct ledger_scan *scan, const struct ledger_context *context,
                      const struct model_candidate *expected, size_t count);
/* Compares everything that the ledger's read functions show: counts, each thing by id, the lists
 * with some random filters, or with every combination of filters when `thorough`. */
bool check_state(struct check_report *report, const struct ledger *ledger,
                 const struct model_state *state, int64_t now, struct history_random *random,
                 bool thorough);
/* What an export says of the state and of the rentals that left it makes, imported into an empty
 * ledger, the same rentals and assets there. Those that are out go first or last, by `now`. */
bool check_move(struct check_report *report, const struct model_state *state,
                const struct model_rental *archive, size_t archive_count, int64_t now);
/* Rules that hold of every state: no two open rentals of one asset, fields that fit the status. */
bool check_invariants(struct check_report *report, const struct model_state *state);
/* Whether the event leaves something that the rules can see. */
bool check_has_effect(const struct model_state *before, const struct model_event *event);
/* Rules about how one state follows from another: status moves along model_moves, rev grows by one,
 * no rental gets shorter. */
bool check_step(struct check_report *report, const struct model_state *before,
                const struct model_event *event);

#endif
