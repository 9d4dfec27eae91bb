/* SPDX-License-Identifier: MPL-2.0 */
/*
 * One history, run through a ledger and through the model at once. Beside the ledger stands a
 * second one, the shadow, that reads every durable event from its encoded form, as a restart would.
 */
#ifndef RENTBUS_MODEL_RUN_H
#define RENTBUS_MODEL_RUN_H

#include "tests/model/check.h"
#include "tests/model/coverage.h"

struct run;

/* `trace`: where each step and its events are printed, or NULL. Aborts when out of memory. */
struct run *run_create(struct coverage *coverage, FILE *trace);
void run_destroy(struct run **run);

/* Takes one step and compares. False at the first difference, which *report then tells; the run is
 * good for nothing but run_destroy() from there on. */
bool run_step(struct run *run, const struct history_step *step, struct check_report *report)
    __attribute__((warn_unused_result));
struct history_view run_view(const struct run *run);

#endif
