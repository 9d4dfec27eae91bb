/* SPDX-License-Identifier: MPL-2.0 */
/* Handlers that live long: a line of JSON in for each event, a line out for each answer. */
#include "cli/lambda_host.h"

#include "cli/handler_keeper.h"
#include "cli/lambda_attempt.h"
#include "cli/lambda_window.h"
#include "cli/report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

/* Events in hand at most, of all processes: what a worker may have. */
#define CREDIT_MAX 1000
#define BACKOFF_FIRST_MS 100
#define BACKOFF_MAX_MS 30000

struct process {
    struct stream *stream;
    struct handler handler;
    int input;          /* -1: closed */
    bool input_watched; /* it is full */
    char *pending;      /* what is to be written to it, from pending_first to pending_length */
    size_t pending_first;
    size_t pending_length;
    size_t pending_capacity;
    struct lambda_window window;
    bool begun;          /* it ended over the first of these, with its host */
    uint64_t answers;    /* since it was started */
    int64_t progress_at; /* when it answered last, or got something to do */
    int64_t extend_at;
    int64_t start_at; /* not earlier */
    int64_t backoff_ms;
    struct lambda_source input_source;
    struct lambda_source output_source;
    struct lambda_source errors_source;
};

struct stream {
    struct lambda_host *host;
    size_t count;
    size_t window; /* events of a process at most */
    struct process processes[];
};

static bool process_runs(const struct process *process)
{
    return process->handler.pid > 0;
}

/* ---- what goes in ---- */

static void input_close(struct process *process)
{
    if (process->input == -1)
        return;
    lambda_loop_remove(&process->stream->host->loop, process->input);
    close(process->input);
    process->input = -1;
}

static bool pending_add(struct process *process, const char *line, size_t length)
{
    if (process->pending_first == process->pending_length)
        process->pending_first = process->pending_length = 0;
    size_t wanted = process->pending_length + length;
    if (wanted > process->pending_capacity) {
        char *grown = realloc(process->pending, 2 * wanted);
        if (!grown)
            return false;
        process->pending = grown;
        process->pending_capacity = 2 * wanted;
    }
    memcpy(process->pending + process->pending_length, line, length);
    process->pending_length = wanted;
    return true;
}

/* One that does not read any more has ended, or is about to: its end is what tells. */
static void input_flush(struct process *process)
{
    struct lambda_loop *loop = &process->stream->host->loop;
    while (process->input != -1 && process->pending_first < process->pending_length) {
        ssize_t written = write(process->input, process->pending + process->pending_first,
                                process->pending_length - process->pending_first);
        if (written < 0 && errno == EAGAIN)
            break;
        if (written < 0 && errno != EINTR)
            input_close(process);
        else if (written > 0)
            process->pending_first += (size_t)written;
    }
    bool full = process->pending_first < process->pending_length;
    if (process->input != -1 && full != process->input_watched)
        lambda_loop_change(loop, process->input, full ? EPOLLOUT : 0, &process->input_source);
    process->input_watched = full;
    if (!full && process->stream->host->ending)
        input_close(process);
}

/* ---- what comes out ---- */

static void item_settle(struct process *process, struct lambda_item *item,
                        enum handler_outcome outcome, const char *error, int64_t delay_ms)
{
    struct lambda_host *host = process->stream->host;
    int64_t now = lambda_loop_now();
    enum cli_exit exit = CLI_EXIT_OK;
    int status = outcome == HANDLER_DONE
                     ? rentbus_worker_ack(host->worker, &item->delivery)
                     : rentbus_worker_nack(host->worker, &item->delivery, error, delay_ms, false);
    lambda_host_check(host, status);
    if (outcome != HANDLER_DONE || host->cli->json) {
        struct lambda_attempt attempt = {.seq = item->delivery.event.seq,
                                         .number = item->delivery.attempt,
                                         .started = item->taken_at};
        snprintf(attempt.type, sizeof(attempt.type), "%s", item->type);
        exit =
            lambda_attempt_print(host->cli, host->settings->put.id, &attempt, outcome, error, now);
    }
    lambda_window_remove(&process->window, item);
    process->progress_at = now;
    if (exit != CLI_EXIT_OK)
        lambda_host_end(host, exit);
}

/* An answer about an event that it does not have is about one whose lease was lost. */
static void answer_take(void *owner, struct rentbus_text line)
{
    struct process *process = owner;
    static const enum handler_outcome outcomes[] = {
        [HANDLER_ACK] = HANDLER_DONE,
        [HANDLER_RETRY] = HANDLER_LATER,
        [HANDLER_FAIL] = HANDLER_FAILED,
    };
    struct handler_answer answer;
    struct handler_tail words = {0};
    char error[HANDLER_ERROR_SIZE];
    if (!handler_answer_parse(line, &answer)) {
        handler_tail_add(&process->handler.tail, line.data, line.length);
        handler_stop(&process->handler,
                     "its answer is none of ack SEQ, retry SEQ [MS], fail SEQ TEXT");
        return;
    }
    struct lambda_item *item = lambda_window_find(&process->window, answer.seq);
    process->answers++;
    process->backoff_ms = BACKOFF_FIRST_MS;
    if (!item)
        return;
    handler_tail_add(&words, answer.text.data ? answer.text.data : "", answer.text.length);
    handler_error(answer.word == HANDLER_FAIL ? "failed" : "not now", &words, error);
    item_settle(process, item, outcomes[answer.word], answer.word == HANDLER_ACK ? "" : error,
                answer.delay_ms);
}

static void input_ready(void *owner, uint32_t events)
{
    struct process *process = owner;
    if (events & (EPOLLERR | EPOLLHUP))
        input_close(process);
    else
        input_flush(process);
}

static void output_ready(void *owner, uint32_t events)
{
    struct process *process = owner;
    (void)events;
    if (!handler_read_output(&process->handler))
        lambda_loop_remove(&process->stream->host->loop, process->handler.output);
    handler_take_lines(&process->handler, answer_take, process);
}

static void errors_ready(void *owner, uint32_t events)
{
    struct process *process = owner;
    (void)events;
    if (!handler_read_errors(&process->handler))
        lambda_loop_remove(&process->stream->host->loop, process->handler.errors);
}

/* ---- starts and ends ---- */

static int process_watch(struct process *process)
{
    struct lambda_loop *loop = &process->stream->host->loop;
    process->input_source = (struct lambda_source){input_ready, process};
    process->output_source = (struct lambda_source){output_ready, process};
    process->errors_source = (struct lambda_source){errors_ready, process};
    int error = lambda_loop_add(loop, process->input, 0, &process->input_source);
    if (error == 0)
        error = lambda_loop_add(loop, process->handler.output, EPOLLIN, &process->output_source);
    if (error == 0)
        error = lambda_loop_add(loop, process->handler.errors, EPOLLIN, &process->errors_source);
    return error;
}

/* Starts it with everything that it has not answered yet. */
static int process_start(struct process *process, int64_t now)
{
    const struct lambda_host *host = process->stream->host;
    int error = lambda_attempt_spawn(&process->handler, host->cli, host->settings, &process->input);
    if (error == 0)
        error = process_watch(process);
    process->answers = 0;
    process->progress_at = now;
    process->pending_first = process->pending_length = 0;
    process->input_watched = false;
    for (size_t i = 0; i < process->window.count && error == 0; i++) {
        const struct lambda_item *item = &process->window.items[process->window.first + i];
        if (!pending_add(process, item->line, item->line_length))
            error = -ENOMEM;
    }
    return error;
}

/* The first event that it did not answer is what it ended over, unless it said that it was done and
 * did answer some; the others go to the next one. */
static void process_settle(struct process *process, int status)
{
    char error[HANDLER_ERROR_SIZE];
    bool done = handler_finish(&process->handler, status, error) == HANDLER_DONE;
    handler_take_lines(&process->handler, answer_take, process);
    process->begun = process->stream->host->ending;
    if (process->window.count > 0 && !process->stream->host->ending &&
        !(done && process->answers > 0))
        item_settle(process, &process->window.items[process->window.first], HANDLER_FAILED,
                    done ? "exit 0 without an answer" : error, RENTBUS_DELAY_DEFAULT);
    process->start_at = lambda_loop_now() + process->backoff_ms;
    process->backoff_ms =
        2 * process->backoff_ms < BACKOFF_MAX_MS ? 2 * process->backoff_ms : BACKOFF_MAX_MS;
    input_close(process);
    handler_release(&process->handler);
}

/* ---- the mode ---- */

static bool stream_blocked(const struct lambda_host *host)
{
    (void)host;
    return false;
}

/* What the handler says of such events does not count any more. */
static void stream_lose(struct lambda_host *host)
{
    struct stream *stream = host->state;
    for (size_t i = 0; i < stream->count; i++) {
        struct lambda_window *window = &stream->processes[i].window;
        for (size_t n = window->count; n-- > 0;) {
            struct lambda_item *item = &window->items[window->first + n];
            if (!rentbus_worker_holds(host->worker, &item->delivery))
                lambda_window_remove(window, item);
        }
    }
}

static bool stream_busy(const struct lambda_host *host)
{
    const struct stream *stream = host->state;
    for (size_t i = 0; i < stream->count; i++)
        if (process_runs(&stream->processes[i]))
            return true;
    return false;
}

static bool stream_adopts(struct stream *stream, const struct rentbus_delivery *delivery)
{
    for (size_t i = 0; i < stream->count; i++) {
        struct lambda_item *item =
            lambda_window_find(&stream->processes[i].window, delivery->event.seq);
        if (item) {
            lambda_host_adopt(stream->host, &item->delivery, delivery);
            return true;
        }
    }
    return false;
}

static struct process *stream_idlest(struct stream *stream)
{
    struct process *idlest = stream->processes;
    for (size_t i = 1; i < stream->count; i++)
        if (stream->processes[i].window.count < idlest->window.count)
            idlest = &stream->processes[i];
    return idlest;
}

static enum cli_exit stream_take(struct lambda_host *host, const struct rentbus_delivery *delivery)
{
    struct stream *stream = host->state;
    int64_t now = lambda_loop_now();
    if (stream_adopts(stream, delivery))
        return CLI_EXIT_OK;
    struct process *process = stream_idlest(stream);
    if (process->window.count == 0)
        process->progress_at = now;
    struct lambda_item *item = lambda_window_add(&process->window, delivery, now);
    if (item && (!process_runs(process) || pending_add(process, item->line, item->line_length)))
        return CLI_EXIT_OK;
    cli_report_failure(host->cli, -ENOMEM, NULL);
    return CLI_EXIT_INTERNAL;
}

/* Events that take long are held for longer; one that is lost is somebody else's. */
static void process_extend(struct process *process, int64_t now)
{
    struct lambda_host *host = process->stream->host;
    int64_t every = lambda_host_extend_ms(host);
    if (now < process->extend_at)
        return;
    process->extend_at = now + every / 2;
    for (size_t i = process->window.count; i-- > 0;) {
        struct lambda_item *item = &process->window.items[process->window.first + i];
        if (now - item->taken_at < every / 2)
            continue;
        int status = rentbus_worker_extend(host->worker, &item->delivery, 0);
        lambda_host_check(host, status);
        if (status == -ENOENT)
            lambda_window_remove(&process->window, item);
    }
}

static int64_t process_due(struct process *process, int64_t now)
{
    struct lambda_host *host = process->stream->host;
    if (process->window.count == 0)
        return INT64_MAX;
    process_extend(process, now);
    if (!process_runs(process) && host->ending)
        return INT64_MAX;
    if (!process_runs(process) && now < process->start_at)
        return process->start_at;
    if (!process_runs(process)) {
        int error = process_start(process, now);
        if (error) {
            cli_report(host->cli, "INTERNAL", "no handler can be started: %s", strerror(-error));
            lambda_host_end(host, CLI_EXIT_INTERNAL);
        }
    }
    int64_t deadline = process->progress_at + host->settings->timeout_ms;
    if (now >= deadline)
        handler_stop(&process->handler, "did not answer in time");
    return deadline > now && deadline < process->extend_at ? deadline : process->extend_at;
}

static int64_t stream_process(struct lambda_host *host, int64_t now)
{
    struct stream *stream = host->state;
    int64_t next = INT64_MAX;
    for (size_t i = 0; i < stream->count; i++) {
        int64_t due = process_due(&stream->processes[i], now);
        input_flush(&stream->processes[i]);
        if (due < next)
            next = due;
    }
    return next;
}

static int process_owns(const void *context, pid_t pid)
{
    const struct stream *stream = context;
    for (size_t i = 0; i < stream->count; i++)
        if (stream->processes[i].handler.pid == pid)
            return 1;
    return 0;
}

static void stream_ended(struct lambda_host *host, pid_t pid, int status)
{
    struct stream *stream = host->state;
    if (WIFSIGNALED(status))
        handler_keeper_sweep(process_owns, stream);
    for (size_t i = 0; i < stream->count; i++)
        if (stream->processes[i].handler.pid == pid) {
            process_settle(&stream->processes[i], status);
            return;
        }
}

/* The end of their input tells them that there is no more. */
static void stream_finish(struct lambda_host *host)
{
    struct stream *stream = host->state;
    for (size_t i = 0; i < stream->count; i++)
        input_flush(&stream->processes[i]);
}

static void stream_stop(struct lambda_host *host, const char *why)
{
    struct stream *stream = host->state;
    for (size_t i = 0; i < stream->count; i++)
        if (process_runs(&stream->processes[i]))
            handler_stop(&stream->processes[i].handler, why);
}

/* A handler takes one line after the other: it has begun the first, and none of the others. */
static void stream_leave(struct lambda_host *host)
{
    struct stream *stream = host->state;
    for (size_t i = 0; i < stream->count; i++) {
        struct lambda_window *window = &stream->processes[i].window;
        for (size_t n = stream->processes[i].begun; n < window->count; n++) {
            const struct lambda_item *item = &window->items[window->first + n];
            int ignored = rentbus_worker_return(host->worker, &item->delivery);
            (void)ignored;
        }
    }
}

static const struct lambda_mode mode = {
    .blocked = stream_blocked,
    .lose = stream_lose,
    .take = stream_take,
    .process = stream_process,
    .ended = stream_ended,
    .busy = stream_busy,
    .finish = stream_finish,
    .stop = stream_stop,
    .leave = stream_leave,
};

static void stream_init(struct stream *stream, struct lambda_host *host)
{
    stream->host = host;
    stream->count = host->settings->concurrency;
    stream->window = CREDIT_MAX / stream->count;
    if (stream->window > LAMBDA_WINDOW_MAX)
        stream->window = LAMBDA_WINDOW_MAX;
    for (size_t i = 0; i < stream->count; i++) {
        stream->processes[i].stream = stream;
        stream->processes[i].input = -1;
        stream->processes[i].backoff_ms = BACKOFF_FIRST_MS;
        stream->processes[i].handler = HANDLER_NONE;
    }
}

enum cli_exit lambda_stream_run(struct cli *cli, const struct lambda_settings *settings)
{
    struct stream *stream =
        calloc(1, sizeof(*stream) + settings->concurrency * sizeof(stream->processes[0]));
    struct lambda_host host = {.cli = cli, .settings = settings, .mode = &mode, .state = stream};
    if (!stream) {
        cli_report_failure(cli, -ENOMEM, NULL);
        return CLI_EXIT_INTERNAL;
    }
    stream_init(stream, &host);
    enum cli_exit exit = lambda_host_run(&host, (uint32_t)(stream->window * stream->count));
    for (size_t i = 0; i < stream->count; i++) {
        lambda_window_clear(&stream->processes[i].window);
        handler_release(&stream->processes[i].handler);
        free(stream->processes[i].pending);
    }
    free(stream);
    return exit;
}
