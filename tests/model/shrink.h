/* SPDX-License-Identifier: MPL-2.0 */
/* From a history that fails to a short one that fails. */
#ifndef RENTBUS_MODEL_SHRINK_H
#define RENTBUS_MODEL_SHRINK_H

#include "tests/model/run.h"

/* Runs the steps; the index of the one that fails, with *report, or `count` when all is well. */
size_t shrink_run(const struct history_step *steps, size_t count, struct coverage *coverage,
                  FILE *trace, struct check_report *report);

/* Drops steps, in place, for as long as the rest still fails, and returns how many are left. The
 * failure at the end may be another than the one at the start. */
size_t shrink_steps(struct history_step *steps, size_t count);

#endif
