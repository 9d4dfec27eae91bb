/* SPDX-License-Identifier: MPL-2.0 */
/* A handler over history that is hurt on the way. What it has made of the events in the end must
 * be what it makes of them when nothing happens. The daemon is only read. */
#include "cli/lambda_drill.h"

#include "cli/lambda.h"
#include "cli/report.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* How often an event is given to a handler that says "not now". */
#define TRIES_MAX 4
/* A handler that stands still goes on after ten times what the slowest run takes, and a bit. */
#define HOLD_TIMES 10
#define HOLD_MORE_MS 200
#define IGNORED_MAX 64

struct drill {
    struct cli *cli;
    const struct cli_line *line;
    struct lambda_settings settings;
    struct drill_bench bench;
    struct drill_events events;
    struct drill_plan plan;
    struct drill_state baseline;
    int64_t slowest_us; /* run without faults */
    uint64_t seed;
    bool held;
    char *check; /* NULL: none */
    const char *ignored[IGNORED_MAX];
    size_t ignored_count;
    char scratch[PATH_MAX]; /* "": none was made */
    char directory[PATH_MAX + 16];
    char variables[3][PATH_MAX + 64];
    char *list[3];
};

/* ---- a step ---- */

static int64_t moment_us(const struct drill_event *event, const struct drill_step *step)
{
    return event->us * step->moment / 1000;
}

static int step_run(struct drill *drill, const struct drill_step *step, struct drill_event *event,
                    struct drill_report *report)
{
    struct drill_bench *bench = &drill->bench;
    int64_t hold = drill->slowest_us / 1000 * HOLD_TIMES + HOLD_MORE_MS;
    int error = 0;
    if (step->fault == DRILL_KILL)
        return drill_kill(bench, event, step->attempt, moment_us(event, step), report);
    if (step->fault == DRILL_STOP)
        return drill_stop(bench, event, step->attempt, moment_us(event, step), report);
    if (step->fault == DRILL_OVERLAP)
        error = drill_overlap(bench, event, step->attempt, moment_us(event, step), hold, report);
    else
        error = drill_give(bench, event, step->attempt, report);
    /* That it would not while another had the event is its right. */
    if (step->fault == DRILL_OVERLAP && report->outcome == DRILL_FAILED)
        report->outcome = DRILL_NOT_NOW;
    for (unsigned i = 1; error == 0 && report->outcome == DRILL_NOT_NOW && i < TRIES_MAX; i++)
        error = drill_give(bench, event, step->attempt + i, report);
    return error;
}

static void why_set(struct drill_result *result, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The first reason counts. */
static void why_set(struct drill_result *result, const char *format, ...)
{
    va_list arguments;
    if (result->why[0])
        return;
    va_start(arguments, format);
    vsnprintf(result->why, sizeof(result->why), format, arguments);
    va_end(arguments);
}

static void step_count(struct drill_result *result, const struct drill_telling *telling)
{
    const struct drill_report *report = telling->report;
    enum drill_fault fault = telling->step->fault;
    uint64_t seq = telling->event->event.seq;
    result->faults += fault != DRILL_PLAIN;
    result->left += telling->left;
    result->differing += telling->differs;
    result->handled += report->outcome == DRILL_DONE;
    result->hung += report->outcome == DRILL_HUNG;
    if (report->outcome == DRILL_HUNG)
        why_set(result, "it hung over event %" PRIu64 ": %s", seq, report->error);
    if (drill_run_failed(telling)) {
        result->failed++;
        why_set(result, "event %" PRIu64 "%s: %s", seq,
                fault == DRILL_PLAIN ? "" : " was not handled again", report->error);
    }
}

/* Without faults it shows what is right. */
static void baseline_note(struct drill *drill, struct drill_event *event,
                          const struct drill_report *report)
{
    event->us = report->us;
    if (drill->slowest_us < report->us)
        drill->slowest_us = report->us;
    memcpy(event->output, report->output, sizeof(event->output));
}

static enum cli_exit step_take(struct drill *drill, const struct drill_step *step,
                               struct drill_result *result, int *error)
{
    struct drill_event *event = &drill->events.items[step->event];
    struct drill_report report;
    struct drill_telling telling = {result->phase, step, event, &report, false, false};
    uint64_t left = drill->bench.left;
    *error = step_run(drill, step, event, &report);
    if (*error)
        return CLI_EXIT_OK;
    telling.left = drill->bench.left > left;
    if (result->phase == DRILL_BASELINE)
        baseline_note(drill, event, &report);
    else
        telling.differs = report.outcome == DRILL_DONE &&
                          memcmp(report.output, event->output, DRILL_HASH_SIZE) != 0;
    if (telling.differs && drill->settings.publish)
        why_set(result, "event %" PRIu64 " publishes something else than without faults",
                event->event.seq);
    step_count(result, &telling);
    return drill_tell_run(drill->cli, drill->settings.put.id, &telling);
}

/* ---- what is left behind a phase ---- */

static int finish_take(struct drill *drill, struct drill_result *result)
{
    struct drill_report report;
    uint64_t left = drill->bench.left;
    int error = drill_finish(&drill->bench, &report);
    result->left += drill->bench.left > left;
    result->hung += report.outcome == DRILL_HUNG;
    if (report.outcome == DRILL_HUNG)
        why_set(result, "it did not end when there was no more");
    if (result->left > 0)
        why_set(result, "it left processes behind, which a host kills");
    return error;
}

static int check_take(struct drill *drill, struct drill_result *result)
{
    struct drill_report report;
    if (!drill->check)
        return 0;
    int error = drill_shell(&drill->bench, drill->check, &report);
    if (error == 0 && report.outcome != DRILL_DONE)
        why_set(result, "the check failed: %s", report.error);
    return error;
}

static int state_compare(struct drill *drill, struct drill_result *result)
{
    struct drill_state state = {0};
    struct drill_ignored ignored = {drill->ignored, drill->ignored_count};
    const char *how;
    int error = drill_state_read(&state, drill->directory, ignored);
    const char *path = error == 0 ? drill_state_differs(&drill->baseline, &state, &how) : NULL;
    if (path)
        why_set(result, "the result depends on how often%s an event came: %s %s",
                result->phase == DRILL_DELAYS ? " or when" : "", path, how);
    drill_state_release(&state);
    return error;
}

static int state_take(struct drill *drill, struct drill_result *result)
{
    struct drill_ignored ignored = {drill->ignored, drill->ignored_count};
    return result->phase == DRILL_BASELINE
               ? drill_state_read(&drill->baseline, drill->directory, ignored)
               : state_compare(drill, result);
}

/* ---- a phase ---- */

static int directory_make(struct drill *drill, enum drill_phase phase)
{
    const char *name = drill_phase_text(phase);
    snprintf(drill->directory, sizeof(drill->directory), "%s/%s", drill->scratch, name);
    snprintf(drill->variables[0], sizeof(drill->variables[0]), "RENTBUS_DRILL=1");
    snprintf(drill->variables[1], sizeof(drill->variables[1]), "RENTBUS_DRILL_PHASE=%s", name);
    snprintf(drill->variables[2], sizeof(drill->variables[2]), "RENTBUS_STATE_DIR=%s",
             drill->directory);
    for (size_t i = 0; i < 3; i++)
        drill->list[i] = drill->variables[i];
    drill->settings.variables = drill->list;
    drill->settings.variable_count = 3;
    return mkdir(drill->directory, 0700) == 0 ? 0 : -errno;
}

static int plan_make(struct drill *drill, enum drill_phase phase)
{
    size_t count = drill->events.count;
    size_t *lanes = malloc(count * sizeof(*lanes));
    if (!lanes)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        lanes[i] = drill->events.items[i].lane;
    int error = drill_plan_make(&drill->plan, phase, lanes, count, drill->seed);
    free(lanes);
    return error;
}

/* One that hangs would take up its time with each event; one that fails without faults shows
 * nothing with them. */
static bool phase_goes_on(const struct drill_result *result)
{
    return result->hung == 0 && (result->phase != DRILL_BASELINE || result->failed == 0);
}

static enum cli_exit phase_run(struct drill *drill, struct drill_result *result, int *error)
{
    uint64_t started = drill->bench.started;
    enum cli_exit exit = CLI_EXIT_OK;
    *error = directory_make(drill, result->phase);
    if (*error == 0)
        *error = plan_make(drill, result->phase);
    for (size_t i = 0; i < drill->plan.count && *error == 0 && exit == CLI_EXIT_OK; i++)
        if (phase_goes_on(result))
            exit = step_take(drill, &drill->plan.steps[i], result, error);
    result->runs = drill->bench.started - started;
    if (*error == 0 && exit == CLI_EXIT_OK)
        *error = finish_take(drill, result);
    if (*error == 0 && exit == CLI_EXIT_OK && phase_goes_on(result))
        *error = state_take(drill, result);
    if (*error == 0 && exit == CLI_EXIT_OK && phase_goes_on(result))
        *error = check_take(drill, result);
    return exit;
}

static enum cli_exit failure_report(const struct drill *drill, int error)
{
    if (error == -ECANCELED) {
        cli_report(drill->cli, "TRY_AGAIN", "the drill was stopped");
        return CLI_EXIT_TRY_AGAIN;
    }
    cli_report_failure(drill->cli, error, NULL);
    return CLI_EXIT_INTERNAL;
}

static enum cli_exit phases_run(struct drill *drill)
{
    enum cli_exit exit =
        drill_tell_begin(drill->cli, drill->settings.put.id, drill->events.count, drill->seed);
    bool go_on = true;
    drill->held = true;
    for (int phase = 0; phase < DRILL_PHASE_COUNT && go_on && exit == CLI_EXIT_OK; phase++) {
        struct drill_result result = {.phase = (enum drill_phase)phase};
        int error = 0;
        exit = phase_run(drill, &result, &error);
        if (error)
            exit = failure_report(drill, error);
        if (exit == CLI_EXIT_OK)
            exit = drill_tell_result(drill->cli, &result);
        drill->held &= result.why[0] == '\0';
        go_on = phase > 0 || phase_goes_on(&result);
    }
    return exit;
}

/* ---- the whole ---- */

static int scratch_make(struct drill *drill)
{
    const char *place = getenv("TMPDIR");
    int length = snprintf(drill->scratch, sizeof(drill->scratch), "%s/rentbus-drill-XXXXXX",
                          place && *place ? place : "/tmp");
    if (length < 0 || (size_t)length >= sizeof(drill->scratch))
        return -ENAMETOOLONG;
    if (mkdtemp(drill->scratch))
        return 0;
    int error = -errno;
    drill->scratch[0] = '\0';
    return error;
}

static enum cli_exit drill_run(struct drill *drill)
{
    struct rentbus_text name = drill->settings.put.id;
    int error = scratch_make(drill);
    if (error) {
        cli_report(drill->cli, "INTERNAL", "no directory can be made for the drill: %s",
                   strerror(-error));
        return CLI_EXIT_INTERNAL;
    }
    error = drill_bench_open(&drill->bench, drill->cli, &drill->settings);
    enum cli_exit exit = error ? failure_report(drill, error) : phases_run(drill);
    drill_bench_close(&drill->bench);
    bool keep = exit == CLI_EXIT_OK && !drill->held;
    if (!keep)
        drill_state_remove(drill->scratch);
    if (exit == CLI_EXIT_OK)
        exit = drill_tell_end(drill->cli, name, drill->seed, drill->held,
                              keep ? drill->scratch : NULL);
    return exit == CLI_EXIT_OK && !drill->held ? CLI_EXIT_NOT_HELD : exit;
}

/* What the line says besides what it says of the handler. */
static enum cli_exit drill_choose(struct drill *drill)
{
    const struct cli_line *line = drill->line;
    randombytes_buf(&drill->seed, sizeof(drill->seed));
    drill->seed >>= 32; /* short enough to be typed */
    for (size_t i = 0; i < line->given_count; i++) {
        const struct cli_given *given = &line->given[i];
        if (strcmp(given->option->name, "ignore") != 0)
            continue;
        if (drill->ignored_count == IGNORED_MAX)
            return cli_report_usage(drill->cli, "--ignore: at most %d", IGNORED_MAX);
        drill->ignored[drill->ignored_count++] = given->value;
    }
    enum cli_exit exit = cli_line_number(drill->cli, line, "seed", &drill->seed);
    if (exit == CLI_EXIT_OK && drill->seed > INT64_MAX)
        return cli_report_usage(drill->cli, "--seed: must be at most %lld", (long long)INT64_MAX);
    if (exit != CLI_EXIT_OK || !cli_line_has(line, "check"))
        return exit;
    drill->check = strdup(cli_line_value(line, "check"));
    if (drill->check)
        return CLI_EXIT_OK;
    cli_report_failure(drill->cli, -ENOMEM, NULL);
    return CLI_EXIT_INTERNAL;
}

enum cli_exit lambda_drill(struct cli *cli, const struct cli_line *line)
{
    struct drill *drill = calloc(1, sizeof(*drill));
    if (!drill) {
        cli_report_failure(cli, -ENOMEM, NULL);
        return CLI_EXIT_INTERNAL;
    }
    struct lambda_history history = LAMBDA_HISTORY(cli, &drill->settings.put);
    drill->cli = cli;
    drill->line = line;
    enum cli_exit exit = lambda_settings_read(cli, line, &drill->settings);
    if (exit == CLI_EXIT_OK)
        exit = lambda_settings_command(cli, line, &drill->settings);
    if (exit == CLI_EXIT_OK)
        exit = drill_choose(drill);
    if (exit == CLI_EXIT_OK)
        exit = drill_events_read(&drill->events, cli, line, &history);
    if (exit == CLI_EXIT_OK)
        exit = drill_run(drill);
    lambda_settings_release(&drill->settings);
    lambda_history_close(&history);
    drill_events_release(&drill->events);
    drill_plan_release(&drill->plan);
    drill_state_release(&drill->baseline);
    free(drill->check);
    free(drill);
    return exit;
}
