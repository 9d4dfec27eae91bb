/* SPDX-License-Identifier: MPL-2.0 */
/* A handler over history: nothing is remembered of it, and nothing published. */
#include "cli/lambda.h"

#include "cli/event_pages.h"
#include "cli/field.h"
#include "cli/handler_keeper.h"
#include "cli/lambda_attempt.h"
#include "cli/lambda_filter.h"
#include "cli/lambda_loop.h"
#include "cli/output.h"
#include "cli/report.h"

#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>

struct trial {
    struct cli *cli;
    struct cli other; /* for what is asked while a page of events is in use */
    const struct lambda_settings *settings;
    struct lambda_attempt attempt;
    struct lambda_loop loop;
    struct lambda_source output;
    struct lambda_source errors;
    bool ended;
    int status;
    int64_t until; /* events before this time */
    uint64_t left;
    uint64_t counts[HANDLER_FAILED + 1];
};

/* ---- which events ---- */

static bool asset_type_is(struct trial *trial, const char *asset_id)
{
    struct rentbus_id_args args = {0};
    struct rentbus_asset_result result;
    RENTBUS_SET(&args, id_args, id, rentbus_text(asset_id));
    if (!asset_id || cli_connect(&trial->other) != CLI_EXIT_OK ||
        rentbus_asset_get(trial->other.client, NULL, &args, &result))
        return false;
    struct rentbus_text wanted = trial->settings->put.asset_type;
    return result.asset.asset_type.length == wanted.length &&
           memcmp(result.asset.asset_type.data, wanted.data, wanted.length) == 0;
}

static bool subjects_match(struct trial *trial, const struct lambda_subjects *found)
{
    const struct rentbus_consumer_put_args *put = &trial->settings->put;
    if (RENTBUS_HAS(put, consumer_put_args, user_id) && !lambda_id_is(put->user_id, found->user_id))
        return false;
    if (RENTBUS_HAS(put, consumer_put_args, location_id) &&
        !lambda_id_is(put->location_id, found->location_id))
        return false;
    if (!RENTBUS_HAS(put, consumer_put_args, asset_type))
        return true;
    return found->asset_type ? lambda_id_is(put->asset_type, found->asset_type)
                             : asset_type_is(trial, found->asset_id);
}

static bool event_matches(struct trial *trial, const struct rentbus_event *event)
{
    if (!RENTBUS_HAS(&trial->settings->put, consumer_put_args, types) && event->type.length >= 9 &&
        memcmp(event->type.data, "CONSUMER_", 9) == 0)
        return false;
    char *text = rentbus_to_json(&rentbus_event_schema, event);
    json_t *json = text ? json_loads(text, 0, NULL) : NULL;
    struct lambda_subjects found = lambda_subjects_of(event->type, json_object_get(json, "data"));
    bool matches = json && subjects_match(trial, &found);
    json_decref(json);
    rentbus_free(text);
    return matches;
}

/* ---- one event ---- */

static void trial_ended(void *owner, pid_t pid, int status)
{
    struct trial *trial = owner;
    if (pid != trial->attempt.handler.pid)
        return;
    trial->ended = true;
    trial->status = status;
}

static void output_ready(void *owner, uint32_t events)
{
    struct trial *trial = owner;
    (void)events;
    if (!handler_read_output(&trial->attempt.handler))
        lambda_loop_remove(&trial->loop, trial->attempt.handler.output);
}

static void errors_ready(void *owner, uint32_t events)
{
    struct trial *trial = owner;
    (void)events;
    if (!handler_read_errors(&trial->attempt.handler))
        lambda_loop_remove(&trial->loop, trial->attempt.handler.errors);
}

static int attempt_wait(struct trial *trial)
{
    struct handler *handler = &trial->attempt.handler;
    int64_t deadline = trial->attempt.started + trial->settings->timeout_ms;
    int error = lambda_loop_add(&trial->loop, handler->output, EPOLLIN, &trial->output);
    if (error == 0)
        error = lambda_loop_add(&trial->loop, handler->errors, EPOLLIN, &trial->errors);
    while (error == 0 && !trial->ended) {
        error = lambda_loop_wait(&trial->loop, handler->stopped ? INT64_MAX : deadline);
        if (trial->loop.stops > 0)
            handler_stop(handler, "stopped with its host");
        else if (lambda_loop_now() >= deadline)
            handler_stop(handler, "took too long");
    }
    return error;
}

static enum cli_exit attempt_tell(struct trial *trial)
{
    char error[HANDLER_ERROR_SIZE];
    struct lambda_attempt *attempt = &trial->attempt;
    const struct cli *cli = trial->cli;
    struct handler_publication publication;
    enum handler_outcome outcome = handler_finish(&attempt->handler, trial->status, error);
    struct rentbus_text output = {attempt->handler.text, attempt->handler.text_length};
    if (outcome == HANDLER_DONE && trial->settings->publish) {
        if (handler_publication_parse(output, &publication, error) == 0)
            handler_publication_release(&publication);
        else
            outcome = HANDLER_FAILED;
    }
    int64_t now = lambda_loop_now();
    trial->counts[outcome]++;
    enum cli_exit exit =
        lambda_attempt_print(cli, trial->settings->put.id, attempt, outcome, error, now);
    if (!cli->json)
        printf("event %llu (%s): %s, %lld ms\n", (unsigned long long)attempt->seq, attempt->type,
               lambda_outcome_text(outcome), (long long)(now - attempt->started));
    return exit == CLI_EXIT_OK ? cli_output_flush() : exit;
}

static enum cli_exit trial_event(void *context, const struct rentbus_event *event)
{
    struct trial *trial = context;
    if (event->time >= trial->until || trial->left == 0 || trial->loop.stops > 0)
        return CLI_EXIT_REJECTED;
    if (!event_matches(trial, event))
        return CLI_EXIT_OK;
    trial->left--;
    trial->ended = false;
    int error = lambda_attempt_start(&trial->attempt, trial->cli, trial->settings, event, 1,
                                     lambda_loop_now());
    if (error == 0)
        error = attempt_wait(trial);
    enum cli_exit exit = CLI_EXIT_INTERNAL;
    if (error)
        cli_report_failure(trial->cli, error, NULL);
    else
        exit = attempt_tell(trial);
    handler_release(&trial->attempt.handler);
    return exit;
}

/* ---- all of them ---- */

/* The filter of the consumer, where the command line has none. */
static enum cli_exit filter_take(struct cli *cli, const char *name,
                                 struct rentbus_consumer_status *status,
                                 struct rentbus_consumer_put_args *put)
{
    enum cli_exit exit = lambda_status(cli, name, status);
    const struct rentbus_consumer *wants = &status->consumer;
    if (exit != CLI_EXIT_OK)
        return exit;
    if (RENTBUS_HAS(wants, consumer, types))
        RENTBUS_SET(put, consumer_put_args, types, wants->types);
    if (RENTBUS_HAS(wants, consumer, user_id))
        RENTBUS_SET(put, consumer_put_args, user_id, wants->user_id);
    if (RENTBUS_HAS(wants, consumer, asset_type))
        RENTBUS_SET(put, consumer_put_args, asset_type, wants->asset_type);
    if (RENTBUS_HAS(wants, consumer, location_id))
        RENTBUS_SET(put, consumer_put_args, location_id, wants->location_id);
    return CLI_EXIT_OK;
}

/* A seq, or a time. */
static enum cli_exit place_read(const struct cli *cli, const struct cli_line *line,
                                const char *option, uint64_t *seq, int64_t *time)
{
    const char *given = cli_line_value(line, option);
    if (!given || cli_number_parse(rentbus_text(given), seq) ||
        rentbus_time_parse(rentbus_text(given), time))
        return CLI_EXIT_OK;
    return cli_report_usage(cli, "--%s: %s is no seq and no time", option, given);
}

static enum cli_exit pages_choose(const struct cli *cli, const struct cli_line *line,
                                  struct trial *trial, struct cli_event_pages *pages)
{
    int64_t since = INT64_MIN;
    uint64_t from = 1;
    enum cli_exit exit = place_read(cli, line, "since", &from, &since);
    if (exit == CLI_EXIT_OK)
        exit = place_read(cli, line, "until", &pages->last, &trial->until);
    if (exit == CLI_EXIT_OK)
        exit = cli_line_number(cli, line, "limit", &trial->left);
    if (exit == CLI_EXIT_OK && !cli_line_has(line, "since"))
        exit = cli_report_usage(cli, "lambda test: --since is missing");
    if (since > INT64_MIN)
        RENTBUS_SET(&pages->args, events_read_args, since, since);
    else
        RENTBUS_SET(&pages->args, events_read_args, from_seq, from > 0 ? from : 1);
    const struct rentbus_consumer_put_args *put = &trial->settings->put;
    if (RENTBUS_HAS(put, consumer_put_args, types))
        RENTBUS_SET(&pages->args, events_read_args, types, put->types);
    return exit;
}

static enum cli_exit trial_summarize(const struct trial *trial)
{
    const uint64_t *counts = trial->counts;
    unsigned long long done = counts[HANDLER_DONE];
    unsigned long long later = counts[HANDLER_LATER];
    unsigned long long failed = counts[HANDLER_FAILED];
    printf(trial->cli->json ? "{\"events\":%llu,\"done\":%llu,\"later\":%llu,\"failed\":%llu}\n"
                            : "%llu events: %llu done, %llu not now, %llu failed\n",
           done + later + failed, done, later, failed);
    enum cli_exit exit = cli_output_flush();
    return exit == CLI_EXIT_OK && later + failed > 0 ? CLI_EXIT_REJECTED : exit;
}

static enum cli_exit trial_run(struct trial *trial, struct cli_event_pages *pages)
{
    trial->output = (struct lambda_source){output_ready, trial};
    trial->errors = (struct lambda_source){errors_ready, trial};
    int error = lambda_loop_open(&trial->loop, trial_ended, trial);
    if (error == 0)
        error = handler_keeper_adopt();
    if (error) {
        cli_report_failure(trial->cli, error, NULL);
        return CLI_EXIT_INTERNAL;
    }
    enum cli_exit exit = cli_event_pages_read(pages, trial_event, trial);
    lambda_loop_close(&trial->loop);
    /* Rejected: that was the last one. */
    return exit == CLI_EXIT_OK || exit == CLI_EXIT_REJECTED ? trial_summarize(trial) : exit;
}

enum cli_exit lambda_test(struct cli *cli, const struct cli_line *line)
{
    struct lambda_settings settings;
    struct rentbus_consumer_status status;
    struct cli known = *cli; /* keeps what the filter borrows */
    struct cli_event_pages pages = CLI_EVENT_PAGES(cli);
    struct trial trial = {
        .cli = cli, .other = *cli, .settings = &settings, .until = INT64_MAX, .left = UINT64_MAX};
    trial.attempt.handler = (struct handler){.output = -1, .errors = -1};
    enum cli_exit exit = lambda_settings_read(cli, line, &settings);
    if (exit != CLI_EXIT_OK)
        return exit;
    exit = lambda_settings_command(cli, line, &settings);
    if (exit == CLI_EXIT_OK && !cli_line_has(line, "on") && !cli_line_has(line, "where"))
        exit = filter_take(&known, line->words[1], &status, &settings.put);
    if (exit == CLI_EXIT_OK)
        exit = pages_choose(cli, line, &trial, &pages);
    if (exit == CLI_EXIT_OK)
        exit = trial_run(&trial, &pages);
    lambda_settings_release(&settings);
    cli_release(&trial.other);
    cli_release(&known);
    return exit;
}
