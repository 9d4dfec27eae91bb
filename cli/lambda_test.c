/* SPDX-License-Identifier: MPL-2.0 */
/* A handler over history: nothing is remembered of it, and nothing published. */
#include "cli/lambda.h"

#include "cli/handler_keeper.h"
#include "cli/lambda_attempt.h"
#include "cli/lambda_history.h"
#include "cli/lambda_loop.h"
#include "cli/output.h"
#include "cli/report.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>

struct trial {
    struct cli *cli;
    const struct lambda_settings *settings;
    struct lambda_attempt attempt;
    struct lambda_loop loop;
    struct lambda_source output;
    struct lambda_source errors;
    bool ended;
    int status;
    uint64_t left;
    uint64_t counts[HANDLER_FAILED + 1];
};

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
    if (trial->left == 0 || trial->loop.stops > 0)
        return CLI_EXIT_REJECTED;
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

static enum cli_exit trial_run(struct trial *trial, struct lambda_history *history)
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
    enum cli_exit exit = lambda_history_read(history, trial_event, trial);
    lambda_loop_close(&trial->loop);
    /* Rejected: that was the last one. */
    return exit == CLI_EXIT_OK || exit == CLI_EXIT_REJECTED ? trial_summarize(trial) : exit;
}

static enum cli_exit trial_choose(const struct cli_line *line, struct trial *trial,
                                  struct lambda_history *history)
{
    enum cli_exit exit = lambda_history_choose(history, line);
    if (exit == CLI_EXIT_OK)
        exit = cli_line_number(trial->cli, line, "limit", &trial->left);
    if (exit == CLI_EXIT_OK && !cli_line_has(line, "since"))
        exit = cli_report_usage(trial->cli, "lambda test: --since is missing");
    return exit;
}

enum cli_exit lambda_test(struct cli *cli, const struct cli_line *line)
{
    struct lambda_settings settings;
    struct lambda_history history = LAMBDA_HISTORY(cli, &settings.put);
    struct trial trial = {.cli = cli, .settings = &settings, .left = UINT64_MAX};
    trial.attempt.handler = HANDLER_NONE;
    enum cli_exit exit = lambda_settings_read(cli, line, &settings);
    if (exit != CLI_EXIT_OK)
        return exit;
    exit = lambda_settings_command(cli, line, &settings);
    if (exit == CLI_EXIT_OK)
        exit = trial_choose(line, &trial, &history);
    if (exit == CLI_EXIT_OK)
        exit = trial_run(&trial, &history);
    lambda_settings_release(&settings);
    lambda_history_close(&history);
    return exit;
}
