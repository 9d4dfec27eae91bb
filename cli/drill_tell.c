/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/lambda_drill.h"

#include "cli/output.h"
#include "cli/report.h"
#include "cli/text.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define SHOWN_SIZE (4 * RENTBUS_ID_MAX + 1)

/* Prints the object, which it takes; NULL: there was no memory for it. */
static enum cli_exit json_print(const struct cli *cli, json_t *json)
{
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    json_decref(json);
    if (!text) {
        cli_report_failure(cli, -ENOMEM, NULL);
        return CLI_EXIT_INTERNAL;
    }
    puts(text);
    free(text);
    return cli_output_flush();
}

static const char *verdict(bool held)
{
    return held ? "HELD" : "NOT_HELD";
}

/* ---- a run ---- */

static enum cli_exit run_json(const struct cli *cli, const struct drill_telling *telling)
{
    const struct drill_report *report = telling->report;
    const struct drill_event *event = telling->event;
    json_t *json = json_pack(
        "{s:s, s:I, s:s%, s:s, s:I, s:s, s:I, s:s*, s:o*, s:o*}", "phase",
        drill_phase_text(telling->phase), "seq", (json_int_t)event->event.seq, "type",
        event->event.type.data, event->event.type.length, "fault",
        drill_fault_text(telling->step->fault), "attempt", (json_int_t)telling->step->attempt,
        "outcome", drill_outcome_text(report->outcome), "ms", (json_int_t)(report->us / 1000),
        "error", report->error[0] ? report->error : NULL, "left",
        telling->left ? json_true() : NULL, "differs", telling->differs ? json_true() : NULL);
    return json_print(cli, json);
}

bool drill_run_failed(const struct drill_telling *telling)
{
    enum drill_fault fault = telling->step->fault;
    /* One that we were about to end gets the event again anyway. */
    bool ending = fault == DRILL_KILL || fault == DRILL_STOP;
    return telling->report->outcome == DRILL_FAILED ||
           (telling->report->outcome == DRILL_NOT_NOW && !ending);
}

/* What was to be expected is not told. */
static bool run_is_fine(const struct drill_telling *telling)
{
    return !drill_run_failed(telling) && telling->report->outcome != DRILL_HUNG && !telling->left &&
           !telling->differs;
}

enum cli_exit drill_tell_run(const struct cli *cli, struct rentbus_text name,
                             const struct drill_telling *telling)
{
    static const char *const words[] = {
        [DRILL_DONE] = "handled", [DRILL_NOT_NOW] = "not now", [DRILL_FAILED] = "failed",
        [DRILL_HUNG] = "hung",    [DRILL_ENDED] = "ended",
    };
    char clean[SHOWN_SIZE];
    char type[SHOWN_SIZE];
    char error[4 * HANDLER_ERROR_SIZE];
    const struct drill_report *report = telling->report;
    if (cli->json)
        return run_json(cli, telling);
    if (run_is_fine(telling))
        return CLI_EXIT_OK;
    cli_text_clean(rentbus_text(report->error), error, sizeof(error));
    fprintf(stderr, "rentbus: %s: %s: event %" PRIu64 " (%s), %s: %s%s%s%s%s\n",
            cli_text_clean(name, clean, sizeof(clean)), drill_phase_text(telling->phase),
            telling->event->event.seq,
            cli_text_clean(telling->event->event.type, type, sizeof(type)),
            drill_fault_text(telling->step->fault), words[report->outcome], error[0] ? ": " : "",
            error, telling->left ? ", left processes behind" : "",
            telling->differs ? ", printed something else than without faults" : "");
    return CLI_EXIT_OK;
}

/* ---- a phase, and all of them ---- */

enum cli_exit drill_tell_begin(const struct cli *cli, struct rentbus_text name, size_t events,
                               uint64_t seed)
{
    if (cli->json)
        return json_print(cli, json_pack("{s:s%, s:I, s:I}", "lambda", name.data, name.length,
                                         "events", (json_int_t)events, "seed", (json_int_t)seed));
    printf("%zu events, --seed %" PRIu64 "\n", events, seed);
    printf("%-10s %6s %6s %7s %6s %4s %4s %6s  %s\n", "PHASE", "RUNS", "FAULTS", "HANDLED",
           "FAILED", "HUNG", "LEFT", "DIFFER", "VERDICT");
    return cli_output_flush();
}

static json_t *result_json(const struct drill_result *result)
{
    bool held = result->why[0] == '\0';
    return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:s*}", "phase",
                     drill_phase_text(result->phase), "runs", (json_int_t)result->runs, "faults",
                     (json_int_t)result->faults, "handled", (json_int_t)result->handled, "failed",
                     (json_int_t)result->failed, "hung", (json_int_t)result->hung, "left",
                     (json_int_t)result->left, "differing", (json_int_t)result->differing,
                     "verdict", verdict(held), "why", held ? NULL : result->why);
}

enum cli_exit drill_tell_result(const struct cli *cli, const struct drill_result *result)
{
    char why[4 * sizeof(result->why)];
    bool held = result->why[0] == '\0';
    if (cli->json)
        return json_print(cli, result_json(result));
    printf("%-10s %6" PRIu64 " %6" PRIu64 " %7" PRIu64 " %6" PRIu64 " %4" PRIu64 " %4" PRIu64
           " %6" PRIu64 "  %s%s\n",
           drill_phase_text(result->phase), result->runs, result->faults, result->handled,
           result->failed, result->hung, result->left, result->differing,
           held ? "held" : "NOT held: ",
           held ? "" : cli_text_clean(rentbus_text(result->why), why, sizeof(why)));
    return cli_output_flush();
}

enum cli_exit drill_tell_end(const struct cli *cli, struct rentbus_text name, uint64_t seed,
                             bool held, const char *state)
{
    char clean[SHOWN_SIZE];
    if (cli->json)
        return json_print(cli, json_pack("{s:s%, s:I, s:s, s:s*}", "lambda", name.data, name.length,
                                         "seed", (json_int_t)seed, "verdict", verdict(held),
                                         "state", state));
    printf("%s %s\n", cli_text_clean(name, clean, sizeof(clean)), held ? "held" : "did NOT hold");
    if (state)
        printf("What it left in each phase is kept in %s\n", state);
    return cli_output_flush();
}
