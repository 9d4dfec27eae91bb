/* SPDX-License-Identifier: MPL-2.0 */
/* A process for each event. */
#include "cli/lambda_host.h"

#include "cli/handler_keeper.h"
#include "cli/lambda_attempt.h"
#include "cli/report.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/wait.h>

/* A place for an event being handled; free when its handler does not run. */
struct slot {
    struct processes *processes;
    struct lambda_attempt attempt;
    struct rentbus_delivery delivery; /* its numbers alone */
    bool lost;                        /* somebody else has the event now */
    int64_t deadline;
    int64_t extend_at;
    struct lambda_source output;
    struct lambda_source errors;
};

struct processes {
    struct lambda_host *host;
    size_t count;
    size_t running;
    size_t lost; /* of those */
    struct slot slots[LAMBDA_CONCURRENCY_MAX];
};

static bool slot_runs(const struct slot *slot)
{
    return slot->attempt.handler.pid > 0;
}

static void output_ready(void *owner, uint32_t events)
{
    struct slot *slot = owner;
    (void)events;
    if (!handler_read_output(&slot->attempt.handler))
        lambda_loop_remove(&slot->processes->host->loop, slot->attempt.handler.output);
}

static void errors_ready(void *owner, uint32_t events)
{
    struct slot *slot = owner;
    (void)events;
    if (!handler_read_errors(&slot->attempt.handler))
        lambda_loop_remove(&slot->processes->host->loop, slot->attempt.handler.errors);
}

/* While a handler runs whose event is somebody else's, nothing new begins: it might be the same
 * event, or the next one of its subject. */
static bool processes_blocked(const struct lambda_host *host)
{
    return ((const struct processes *)host->state)->lost > 0;
}

static void slot_lose(struct slot *slot)
{
    slot->lost = true;
    slot->processes->lost++;
    handler_stop(&slot->attempt.handler, "somebody else handles the event now");
}

static void processes_lose(struct lambda_host *host)
{
    struct processes *processes = host->state;
    for (size_t i = 0; i < processes->count; i++) {
        struct slot *slot = &processes->slots[i];
        if (slot_runs(slot) && !slot->lost && !rentbus_worker_holds(host->worker, &slot->delivery))
            slot_lose(slot);
    }
}

static bool processes_busy(const struct lambda_host *host)
{
    return ((const struct processes *)host->state)->running > 0;
}

static int slot_watch(struct slot *slot)
{
    struct lambda_loop *loop = &slot->processes->host->loop;
    slot->output = (struct lambda_source){output_ready, slot};
    slot->errors = (struct lambda_source){errors_ready, slot};
    int error = lambda_loop_add(loop, slot->attempt.handler.output, EPOLLIN, &slot->output);
    return error ? error
                 : lambda_loop_add(loop, slot->attempt.handler.errors, EPOLLIN, &slot->errors);
}

static bool slot_adopts(struct processes *processes, const struct rentbus_delivery *delivery)
{
    for (size_t i = 0; i < processes->count; i++) {
        struct slot *slot = &processes->slots[i];
        if (slot_runs(slot) && slot->attempt.seq == delivery->event.seq) {
            lambda_host_adopt(processes->host, &slot->delivery, delivery);
            return true;
        }
    }
    return false;
}

static struct slot *slot_free(struct processes *processes)
{
    struct slot *slot = processes->slots;
    while (slot_runs(slot))
        slot++;
    return slot;
}

static enum cli_exit processes_take(struct lambda_host *host,
                                    const struct rentbus_delivery *delivery)
{
    struct processes *processes = host->state;
    int64_t now = lambda_loop_now();
    if (slot_adopts(processes, delivery))
        return CLI_EXIT_OK;
    struct slot *slot = slot_free(processes);
    slot->delivery = *delivery;
    slot->lost = false;
    slot->deadline = now + host->settings->timeout_ms;
    slot->extend_at = now + lambda_host_extend_ms(host);
    int error = lambda_attempt_start(&slot->attempt, host->cli, host->settings, &delivery->event,
                                     delivery->attempt, now);
    if (error) {
        /* It goes back untouched when the worker is closed. */
        cli_report(host->cli, "INTERNAL", "no handler can be started: %s", strerror(-error));
        return CLI_EXIT_INTERNAL;
    }
    processes->running++;
    error = slot_watch(slot);
    if (error) {
        cli_report_failure(host->cli, error, NULL);
        handler_stop(&slot->attempt.handler, "its output cannot be read");
    }
    return CLI_EXIT_OK;
}

static void slot_due(struct slot *slot, int64_t now)
{
    struct lambda_host *host = slot->processes->host;
    if (now >= slot->deadline && !slot->attempt.handler.stopped)
        handler_stop(&slot->attempt.handler, "took too long");
    if (now < slot->extend_at || slot->lost)
        return;
    slot->extend_at = now + lambda_host_extend_ms(host);
    int status = rentbus_worker_extend(host->worker, &slot->delivery, 0);
    lambda_host_check(host, status);
    if (status == -ENOENT)
        slot_lose(slot);
}

static int64_t processes_process(struct lambda_host *host, int64_t now)
{
    struct processes *processes = host->state;
    int64_t next = INT64_MAX;
    for (size_t i = 0; i < processes->count; i++) {
        struct slot *slot = &processes->slots[i];
        if (!slot_runs(slot))
            continue;
        slot_due(slot, now);
        if (slot->extend_at < next && !slot->lost)
            next = slot->extend_at;
        if (slot->deadline < next && !slot->attempt.handler.stopped)
            next = slot->deadline;
    }
    return next;
}

/* Acknowledges, with what is to be published. An output that is none makes the attempt a failure.
 */
static enum handler_outcome slot_publish(struct slot *slot, char error[HANDLER_ERROR_SIZE])
{
    struct lambda_host *host = slot->processes->host;
    const struct handler *handler = &slot->attempt.handler;
    struct handler_publication publication;
    struct rentbus_text output = {handler->text, handler->text_length};
    int status = handler_publication_parse(output, &publication, error);
    if (status < 0)
        snprintf(error, HANDLER_ERROR_SIZE, "there is no memory for what it printed");
    if (status)
        return HANDLER_FAILED;
    if (publication.count == 0)
        status = rentbus_worker_ack(host->worker, &slot->delivery);
    else
        status = rentbus_worker_ack_publish(host->worker, &slot->delivery, publication.events,
                                            publication.count);
    handler_publication_release(&publication);
    if (status <= 0) {
        lambda_host_check(host, status);
        return HANDLER_DONE;
    }
    const struct rentbus_fault *fault = rentbus_worker_fault(host->worker);
    snprintf(error, HANDLER_ERROR_SIZE, "%s%s%s", fault->field, fault->field[0] ? " " : "",
             fault->message);
    return HANDLER_FAILED;
}

/* What a handler came to is told to the daemon, unless it was killed for another reason than its
 * own: then the event goes back when the worker is closed. */
static void slot_settle(struct slot *slot, int exit_status)
{
    struct lambda_host *host = slot->processes->host;
    char error[HANDLER_ERROR_SIZE];
    int status = 0;
    enum handler_outcome outcome = handler_finish(&slot->attempt.handler, exit_status, error);
    if (slot->lost ||
        (host->ending && slot->attempt.handler.stopped && lambda_loop_now() < slot->deadline))
        return;
    if (outcome == HANDLER_DONE && host->settings->publish)
        outcome = slot_publish(slot, error);
    else if (outcome == HANDLER_DONE)
        status = rentbus_worker_ack(host->worker, &slot->delivery);
    if (outcome != HANDLER_DONE)
        status =
            rentbus_worker_nack(host->worker, &slot->delivery, error, RENTBUS_DELAY_DEFAULT, false);
    lambda_host_check(host, status);
    if (host->settings->publish && outcome == HANDLER_DONE && !host->cli->json)
        slot->attempt.handler.text_length = 0;
    enum cli_exit exit = lambda_attempt_print(host->cli, host->settings->put.id, &slot->attempt,
                                              outcome, error, lambda_loop_now());
    if (exit != CLI_EXIT_OK)
        lambda_host_end(host, exit);
}

static int slot_owns(const void *context, pid_t pid)
{
    const struct processes *processes = context;
    for (size_t i = 0; i < processes->count; i++)
        if (processes->slots[i].attempt.handler.pid == pid)
            return 1;
    return 0;
}

static void processes_ended(struct lambda_host *host, pid_t pid, int status)
{
    struct processes *processes = host->state;
    /* A keeper that was itself killed has left what it kept to us. */
    if (WIFSIGNALED(status))
        handler_keeper_sweep(slot_owns, processes);
    for (size_t i = 0; i < processes->count; i++) {
        struct slot *slot = &processes->slots[i];
        if (slot->attempt.handler.pid != pid)
            continue;
        slot_settle(slot, status);
        processes->running--;
        processes->lost -= slot->lost;
        slot->lost = false;
        handler_release(&slot->attempt.handler);
        return;
    }
}

static void processes_finish(struct lambda_host *host)
{
    (void)host;
}

static void processes_stop(struct lambda_host *host, const char *why)
{
    struct processes *processes = host->state;
    for (size_t i = 0; i < processes->count; i++)
        if (slot_runs(&processes->slots[i]))
            handler_stop(&processes->slots[i].attempt.handler, why);
}

static const struct lambda_mode mode = {
    .blocked = processes_blocked,
    .lose = processes_lose,
    .take = processes_take,
    .process = processes_process,
    .ended = processes_ended,
    .busy = processes_busy,
    .finish = processes_finish,
    .stop = processes_stop,
};

enum cli_exit lambda_processes_run(struct cli *cli, const struct lambda_settings *settings)
{
    struct processes *processes = calloc(1, sizeof(*processes));
    struct lambda_host host = {.cli = cli, .settings = settings, .mode = &mode, .state = processes};
    if (!processes) {
        cli_report_failure(cli, -ENOMEM, NULL);
        return CLI_EXIT_INTERNAL;
    }
    processes->host = &host;
    processes->count = settings->concurrency;
    for (size_t i = 0; i < processes->count; i++) {
        processes->slots[i].processes = processes;
        processes->slots[i].attempt.handler = HANDLER_NONE;
    }
    enum cli_exit exit = lambda_host_run(&host, (uint32_t)settings->concurrency);
    for (size_t i = 0; i < processes->count; i++)
        handler_release(&processes->slots[i].attempt.handler);
    free(processes);
    return exit;
}
