/* SPDX-License-Identifier: MPL-2.0 */
/* How often the histories came upon each rule: what they never reach they do not prove. */
#ifndef RENTBUS_MODEL_COVERAGE_H
#define RENTBUS_MODEL_COVERAGE_H

#include "tests/model/cases.h"

/* What the histories have come upon so far; words by their value. */
struct coverage {
    size_t commands;
    size_t dry_runs;
    size_t events[64];
    size_t moves[32]; /* by the index in model_moves */
    size_t outcomes[RENTBUS_OP_COUNT][8];
    size_t reasons[RENTBUS_OP_COUNT][24]; /* at any place among the reasons */
    size_t many_reasons[RENTBUS_OP_COUNT];
    size_t errors[RENTBUS_OP_COUNT][16];
    /* Returns that ended a rental, by the policy's return_match and enum model_late. */
    size_t policies[4][4];
    size_t matched_by[8];
    size_t closed_by[8];
    size_t verdicts[8];    /* on what a return could choose from */
    size_t late_completed; /* behind expires_at, and in time by the policy */
    size_t reopened_told;  /* opened again with its end told of already */
    size_t slept_through;  /* ends that were told of, and the warnings before them were not */
    size_t conflicts;
    size_t archived_named; /* commands about a rental that had left memory */
    size_t rolled_back;    /* events */
    size_t rolled_back_to; /* events, of those */
    size_t replays;
    size_t snapshots; /* that a replay began with */
    /* Rollbacks to between the two events of a late checkout, and ends of what is durable there. */
    size_t cut_late;
    size_t durable_late;
    size_t cases[CASE_COUNT];
};

/* An event that follows from `before`. */
void coverage_event(struct coverage *coverage, const struct model_state *before,
                    const struct model_event *event);
/* What a command comes to in `state`. */
void coverage_decision(struct coverage *coverage, const struct model_state *state,
                       const struct model_command *command, const struct model_decision *decision);
void coverage_print(const struct coverage *coverage);
/* Prints what was never reached; returns how many things that are. */
size_t coverage_missing(const struct coverage *coverage);

#endif
