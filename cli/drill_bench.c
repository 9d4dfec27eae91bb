/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/drill_bench.h"

#include "cli/handler_keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What is killed is gone in much less. */
#define KILLED_MS 60000

static bool run_exists(const struct drill_run *run)
{
    return run->attempt.handler.pid > 0;
}

/* Whether it answers in lines, and gets more than one event. */
static bool run_streams(const struct drill_run *run)
{
    return run->bench->settings->stream && !run->shell;
}

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void run_settle(struct drill_run *run, enum drill_outcome outcome, const char *error)
{
    if (run->settled)
        return;
    run->settled = true;
    run->settled_us = now_us();
    run->outcome = outcome;
    snprintf(run->error, sizeof(run->error), "%s", error);
}

/* ---- what was printed ---- */

static int text_hash(const struct handler *handler, uint8_t hash[DRILL_HASH_SIZE])
{
    return crypto_generichash(hash, DRILL_HASH_SIZE,
                              (const uint8_t *)(handler->text ? handler->text : ""),
                              handler->text_length, NULL, 0);
}

/* Of events to publish counts what they say: neither blanks nor the order of members. */
static bool publication_hash(const struct handler *handler, uint8_t hash[DRILL_HASH_SIZE])
{
    crypto_generichash_state state;
    const char *text = handler->text;
    size_t left = handler->text_length;
    bool good = true;
    crypto_generichash_init(&state, NULL, 0, DRILL_HASH_SIZE);
    while (good && left > 0) {
        const char *end = memchr(text, '\n', left);
        size_t length = end ? (size_t)(end - text) + 1 : left;
        json_t *json = json_loadb(text, length, 0, NULL);
        char *plain = json ? json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
        if (plain)
            crypto_generichash_update(&state, (const uint8_t *)plain, strlen(plain) + 1);
        good = plain != NULL || !json;
        free(plain);
        json_decref(json);
        text += length;
        left -= length;
    }
    crypto_generichash_final(&state, hash, DRILL_HASH_SIZE);
    return good;
}

/* As it would be published; what cannot be is a failure. */
static enum drill_outcome output_check(struct drill_run *run, char error[HANDLER_ERROR_SIZE])
{
    const struct handler *handler = &run->attempt.handler;
    struct rentbus_text output = {handler->text, handler->text_length};
    struct handler_publication publication;
    if (!run->bench->settings->publish || run->shell) {
        text_hash(handler, run->printed);
        return DRILL_DONE;
    }
    int status = handler_publication_parse(output, &publication, error);
    if (status == 0)
        handler_publication_release(&publication);
    if (status < 0 || (status == 0 && !publication_hash(handler, run->printed)))
        snprintf(error, HANDLER_ERROR_SIZE, "there is no memory for what it printed");
    else if (status == 0)
        return DRILL_DONE;
    return DRILL_FAILED;
}

/* ---- the streams of a process ---- */

static void input_close(struct drill_run *run)
{
    if (run->input == -1)
        return;
    lambda_loop_remove(&run->bench->loop, run->input);
    close(run->input);
    run->input = -1;
}

/* One that does not read any more has ended, or is about to: its end is what tells. */
static void input_flush(struct drill_run *run)
{
    while (run->input != -1 && run->pending_length > 0) {
        ssize_t written = write(run->input, run->pending, run->pending_length);
        if (written < 0 && errno == EAGAIN)
            break;
        if (written < 0 && errno != EINTR) {
            input_close(run);
        } else if (written > 0) {
            run->pending += written;
            run->pending_length -= (size_t)written;
        }
    }
    if (run->input != -1)
        lambda_loop_change(&run->bench->loop, run->input, run->pending_length > 0 ? EPOLLOUT : 0,
                           &run->input_source);
}

static void input_ready(void *owner, uint32_t events)
{
    struct drill_run *run = owner;
    if (events & (EPOLLERR | EPOLLHUP))
        input_close(run);
    else
        input_flush(run);
}

/* An answer about another event is one that came too late. */
static void answer_take(void *owner, struct rentbus_text line)
{
    struct drill_run *run = owner;
    static const enum drill_outcome outcomes[] = {
        [HANDLER_ACK] = DRILL_DONE, [HANDLER_RETRY] = DRILL_NOT_NOW, [HANDLER_FAIL] = DRILL_FAILED};
    struct handler_answer answer;
    struct handler_tail words = {0};
    char error[HANDLER_ERROR_SIZE];
    if (!handler_answer_parse(line, &answer)) {
        handler_tail_add(&run->attempt.handler.tail, line.data, line.length);
        handler_stop(&run->attempt.handler,
                     "its answer is none of ack SEQ, retry SEQ [MS], fail SEQ TEXT");
        return;
    }
    run->answers++;
    handler_tail_add(&words, answer.text.data ? answer.text.data : "", answer.text.length);
    handler_error(answer.word == HANDLER_FAIL ? "failed" : "not now", &words, error);
    if (answer.seq == run->attempt.seq)
        run_settle(run, outcomes[answer.word], answer.word == HANDLER_ACK ? "" : error);
}

static void output_ready(void *owner, uint32_t events)
{
    struct drill_run *run = owner;
    (void)events;
    if (!handler_read_output(&run->attempt.handler))
        lambda_loop_remove(&run->bench->loop, run->attempt.handler.output);
    if (run_streams(run))
        handler_take_lines(&run->attempt.handler, answer_take, run);
}

static void errors_ready(void *owner, uint32_t events)
{
    struct drill_run *run = owner;
    (void)events;
    if (!handler_read_errors(&run->attempt.handler))
        lambda_loop_remove(&run->bench->loop, run->attempt.handler.errors);
}

static int run_watch(struct drill_run *run)
{
    struct lambda_loop *loop = &run->bench->loop;
    int error = lambda_loop_add(loop, run->attempt.handler.output, EPOLLIN, &run->output_source);
    /* What it complains of is told with what it failed at. */
    run->attempt.handler.forward = false;
    if (error == 0)
        error = lambda_loop_add(loop, run->attempt.handler.errors, EPOLLIN, &run->errors_source);
    if (error == 0 && run->input != -1)
        error = lambda_loop_add(loop, run->input, 0, &run->input_source);
    return error;
}

/* ---- ends ---- */

static int run_owns(const void *context, pid_t pid)
{
    const struct drill_bench *bench = context;
    return bench->runs[0].attempt.handler.pid == pid || bench->runs[1].attempt.handler.pid == pid;
}

static void run_end(struct drill_run *run, int status)
{
    char error[HANDLER_ERROR_SIZE];
    struct handler *handler = &run->attempt.handler;
    enum handler_outcome ended = handler_finish(handler, status, error);
    if (run_streams(run))
        handler_take_lines(&run->attempt.handler, answer_take, run);
    input_close(run);
    run->bench->left += handler->left_some && !run->asked && !handler->stopped;
    if (ended == HANDLER_DONE && !run_streams(run))
        run_settle(run, output_check(run, error), error);
    else if (ended == HANDLER_DONE)
        /* One that has had enough behind some answers leaves the event to the next one. */
        run_settle(run, run->answers > 0 ? DRILL_NOT_NOW : DRILL_FAILED,
                   "exit 0 without an answer");
    else
        run_settle(run, ended == HANDLER_LATER ? DRILL_NOT_NOW : DRILL_FAILED, error);
    handler_release(handler);
}

static void child_ended(void *owner, pid_t pid, int status)
{
    struct drill_bench *bench = owner;
    /* A keeper that was itself killed has left what it kept to us. */
    if (WIFSIGNALED(status))
        handler_keeper_sweep(run_owns, bench);
    for (size_t i = 0; i < 2; i++)
        if (bench->runs[i].attempt.handler.pid == pid) {
            run_end(&bench->runs[i], status);
            return;
        }
}

/* ---- waiting ---- */

static int bench_wait(struct drill_bench *bench, int64_t until)
{
    int error = lambda_loop_wait(&bench->loop, until);
    return error == 0 && bench->loop.stops > 0 ? -ECANCELED : error;
}

/* Until its event came to something, or that time. */
static int settled_wait(struct drill_run *run, int64_t until)
{
    int error = 0;
    while (error == 0 && !run->settled && lambda_loop_now() < until)
        error = bench_wait(run->bench, until);
    return error;
}

static void timer_ready(void *owner, uint32_t events)
{
    struct drill_bench *bench = owner;
    uint64_t times;
    (void)events;
    if (read(bench->timer, &times, sizeof(times)) == (ssize_t)sizeof(times))
        bench->due = true;
}

/* Until its event came to something, or that time behind its beginning. Milliseconds would be too
 * rough: many a handler takes less than one. */
static int moment_wait(struct drill_run *run, int64_t delay_us)
{
    struct drill_bench *bench = run->bench;
    int64_t left = run->begun_us + delay_us - now_us();
    struct itimerspec at = {
        .it_value = {.tv_sec = left / 1000000, .tv_nsec = left % 1000000 * 1000}};
    bench->due = left <= 0;
    if (!bench->due && timerfd_settime(bench->timer, 0, &at, NULL) != 0)
        return -errno;
    int error = bench_wait(bench, 0);
    while (error == 0 && !run->settled && !bench->due)
        error = bench_wait(bench, INT64_MAX);
    at = (struct itimerspec){0};
    timerfd_settime(bench->timer, 0, &at, NULL);
    return error;
}

/* Until the process is gone, or that time. */
static int gone_wait(struct drill_run *run, int64_t until)
{
    int error = 0;
    while (error == 0 && run_exists(run) && lambda_loop_now() < until)
        error = bench_wait(run->bench, until);
    return error;
}

static int run_kill(struct drill_run *run, enum drill_outcome outcome, const char *why)
{
    run_settle(run, outcome, why);
    handler_stop(&run->attempt.handler, why);
    return gone_wait(run, lambda_loop_now() + KILLED_MS);
}

/* What takes longer than it may is killed. */
static int settled_demand(struct drill_run *run)
{
    int error = settled_wait(run, lambda_loop_now() + run->bench->settings->timeout_ms);
    if (error == 0 && !run->settled)
        error = run_kill(run, DRILL_HUNG, "took too long");
    return error;
}

static int gone_demand(struct drill_run *run)
{
    int error = gone_wait(run, lambda_loop_now() + run->bench->settings->timeout_ms);
    if (error == 0 && run_exists(run)) {
        run->settled = false;
        error = run_kill(run, DRILL_HUNG, "did not end");
    }
    return error;
}

static void run_report(const struct drill_run *run, struct drill_report *report)
{
    report->outcome = run->outcome;
    report->us = run->settled_us - run->begun_us;
    memcpy(report->output, run->printed, sizeof(report->output));
    snprintf(report->error, sizeof(report->error), "%s", run->error);
}

/* ---- an event, and what befalls its handler ---- */

/* A handler that lives long gets it behind the others, if it runs. */
static int run_give(struct drill_run *run, const struct drill_event *event, unsigned attempt)
{
    struct drill_bench *bench = run->bench;
    const struct lambda_settings *settings = bench->settings;
    int64_t now = lambda_loop_now();
    int error = 0;
    bool watch = !run_exists(run);
    run->settled = false;
    run->outcome = DRILL_ENDED;
    run->error[0] = '\0';
    run->begun_us = now_us();
    run->settled_us = run->begun_us;
    run->asked = false;
    if (watch)
        run->answers = 0;
    bench->started++;
    memset(run->printed, 0, sizeof(run->printed));
    if (!settings->stream)
        error =
            lambda_attempt_start(&run->attempt, bench->cli, settings, &event->event, attempt, now);
    else if (watch)
        error = lambda_attempt_spawn(&run->attempt.handler, bench->cli, settings, &run->input);
    lambda_attempt_note(&run->attempt, &event->event, attempt, now);
    if (error == 0 && watch)
        error = run_watch(run);
    run->pending = event->line;
    run->pending_length = settings->stream ? event->line_length : 0;
    input_flush(run);
    return error;
}

int drill_give(struct drill_bench *bench, const struct drill_event *event, unsigned attempt,
               struct drill_report *report)
{
    struct drill_run *run = &bench->runs[0];
    int error = run_give(run, event, attempt);
    if (error == 0)
        error = settled_demand(run);
    run_report(run, report);
    return error;
}

int drill_kill(struct drill_bench *bench, const struct drill_event *event, unsigned attempt,
               int64_t delay_us, struct drill_report *report)
{
    struct drill_run *run = &bench->runs[0];
    int error = run_give(run, event, attempt);
    if (error == 0)
        error = moment_wait(run, delay_us);
    if (error == 0)
        error = run_kill(run, DRILL_ENDED, "killed");
    run_report(run, report);
    return error;
}

int drill_stop(struct drill_bench *bench, const struct drill_event *event, unsigned attempt,
               int64_t delay_us, struct drill_report *report)
{
    struct drill_run *run = &bench->runs[0];
    int error = run_give(run, event, attempt);
    if (error == 0)
        error = moment_wait(run, delay_us);
    bool before = run->settled;
    run->asked = true;
    handler_tell(&run->attempt.handler, HANDLER_KEEPER_END);
    input_close(run);
    if (error == 0)
        error = gone_demand(run);
    if (!before && run->outcome != DRILL_HUNG && run->outcome != DRILL_DONE)
        run->outcome = DRILL_ENDED;
    run_report(run, report);
    return error;
}

/* A handler that lives long and has lost its event to another gets no more of them. */
static void runs_swap(struct drill_bench *bench)
{
    struct drill_run *first = &bench->runs[0];
    input_close(first);
    if (run_exists(first))
        handler_tell(&first->attempt.handler, HANDLER_KEEPER_GO_ON);
}

int drill_overlap(struct drill_bench *bench, const struct drill_event *event, unsigned attempt,
                  int64_t delay_us, int64_t hold_ms, struct drill_report *report)
{
    struct drill_run *first = &bench->runs[0];
    struct drill_run *second = &bench->runs[1];
    int error = run_give(first, event, attempt);
    if (error == 0)
        error = moment_wait(first, delay_us);
    handler_tell(&first->attempt.handler, HANDLER_KEEPER_HOLD);
    if (error == 0)
        error = run_give(second, event, attempt + 1);
    if (error == 0)
        error = settled_wait(second, second->attempt.started + hold_ms);
    runs_swap(bench);
    if (error == 0)
        error = settled_demand(second);
    run_report(second, report);
    input_close(second);
    if (error == 0)
        error = gone_demand(second);
    if (error == 0)
        error = gone_demand(first);
    /* That one of them hangs is told of, whichever it is. */
    if (first->outcome == DRILL_HUNG || second->outcome == DRILL_HUNG)
        run_report(first->outcome == DRILL_HUNG ? first : second, report);
    return error;
}

int drill_finish(struct drill_bench *bench, struct drill_report *report)
{
    struct drill_run *run = &bench->runs[0];
    run->outcome = DRILL_DONE;
    run->settled = true;
    input_close(run);
    int error = gone_demand(run);
    run_report(run, report);
    return error;
}

int drill_shell(struct drill_bench *bench, char *command, struct drill_report *report)
{
    const struct lambda_settings *settings = bench->settings;
    struct drill_run *run = &bench->runs[0];
    char shell[] = "/bin/sh";
    char option[] = "-c";
    char *const argv[] = {shell, option, command, NULL};
    char **environment = handler_environment(settings->variables, settings->variable_count);
    int input = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int error = !environment ? -ENOMEM : input == -1 ? -errno : 0;
    run->settled = false;
    run->asked = false;
    run->shell = true;
    run->begun_us = now_us();
    run->attempt.handler.output_max = settings->output_max;
    if (error == 0)
        error = handler_start(&run->attempt.handler, shell, argv, environment, input);
    free(environment);
    if (input != -1)
        close(input);
    if (error == 0)
        error = run_watch(run);
    if (error == 0)
        error = settled_demand(run);
    run->shell = false;
    run_report(run, report);
    return error;
}

/* ---- the whole ---- */

int drill_bench_open(struct drill_bench *bench, struct cli *cli,
                     const struct lambda_settings *settings)
{
    *bench = (struct drill_bench){.cli = cli, .settings = settings, .timer = -1};
    bench->timer_source = (struct lambda_source){timer_ready, bench};
    for (size_t i = 0; i < 2; i++) {
        struct drill_run *run = &bench->runs[i];
        run->bench = bench;
        run->input = -1;
        run->attempt.handler = HANDLER_NONE;
        run->input_source = (struct lambda_source){input_ready, run};
        run->output_source = (struct lambda_source){output_ready, run};
        run->errors_source = (struct lambda_source){errors_ready, run};
    }
    int error = lambda_loop_open(&bench->loop, child_ended, bench);
    if (error == 0)
        bench->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (error == 0 && bench->timer == -1)
        error = -errno;
    if (error == 0)
        error = lambda_loop_add(&bench->loop, bench->timer, EPOLLIN, &bench->timer_source);
    return error == 0 ? handler_keeper_adopt() : error;
}

void drill_bench_close(struct drill_bench *bench)
{
    int64_t until = lambda_loop_now() + KILLED_MS;
    for (size_t i = 0; i < 2; i++) {
        struct drill_run *run = &bench->runs[i];
        handler_stop(&run->attempt.handler, "stopped with its host");
        while (run_exists(run) && lambda_loop_now() < until &&
               lambda_loop_wait(&bench->loop, until) == 0)
            continue;
        input_close(run);
        handler_release(&run->attempt.handler);
    }
    lambda_loop_close(&bench->loop);
    if (bench->timer != -1)
        close(bench->timer);
}

const char *drill_outcome_text(enum drill_outcome outcome)
{
    static const char *const texts[] = {"DONE", "NOT_NOW", "FAILED", "HUNG", "ENDED"};
    return texts[outcome];
}
