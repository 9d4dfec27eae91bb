/* SPDX-License-Identifier: MPL-2.0 */
/* A drill of a handler: what was done to it, and what came of it. */
#ifndef CLI_LAMBDA_DRILL_H
#define CLI_LAMBDA_DRILL_H

#include "cli/drill_bench.h"
#include "cli/drill_plan.h"
#include "cli/lambda_history.h"

/* Events that a drill takes, at most, and unless said. */
#define DRILL_EVENTS_MAX 10000
#define DRILL_EVENTS_DEFAULT 20

/* Of a phase. */
struct drill_result {
    enum drill_phase phase;
    uint64_t runs;
    uint64_t faults;
    uint64_t handled;
    uint64_t failed;
    uint64_t hung;
    uint64_t left;                      /* runs that left processes behind */
    uint64_t differing;                 /* runs that printed something else than without faults */
    char why[HANDLER_ERROR_SIZE + 256]; /* it did not hold; "" when it did */
};

/* A run of the handler in a phase. */
struct drill_telling {
    enum drill_phase phase;
    const struct drill_step *step;
    const struct drill_event *event;
    const struct drill_report *report;
    bool left;
    bool differs;
};

/* Whether the event was not handled, and should have been. */
bool drill_run_failed(const struct drill_telling *telling);

/* ---- the events ---- */

struct drill_events {
    struct drill_event *items;
    size_t count;
};

/* Reads those that --last or --since, --until and --limit choose, and says so when they are none,
 * or too many. */
enum cli_exit drill_events_read(struct drill_events *events, struct cli *cli,
                                const struct cli_line *line, struct lambda_history *history)
    __attribute__((warn_unused_result));
void drill_events_release(struct drill_events *events);

/* ---- what is told ---- */

/* With --json, each run; else those that are as they should not be, on standard error. */
enum cli_exit drill_tell_run(const struct cli *cli, struct rentbus_text name,
                             const struct drill_telling *telling)
    __attribute__((warn_unused_result));
/* A line before the first phase, and a line for each, below a heading. */
enum cli_exit drill_tell_begin(const struct cli *cli, struct rentbus_text name, size_t events,
                               uint64_t seed) __attribute__((warn_unused_result));
enum cli_exit drill_tell_result(const struct cli *cli, const struct drill_result *result)
    __attribute__((warn_unused_result));
/* The verdict. `state` is where the state directories were kept; NULL: they were not. */
enum cli_exit drill_tell_end(const struct cli *cli, struct rentbus_text name, uint64_t seed,
                             bool held, const char *state) __attribute__((warn_unused_result));

#endif
