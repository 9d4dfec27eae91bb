/* SPDX-License-Identifier: MPL-2.0 */
/* A request to an endpoint for each event. */
#include "cli/lambda_host.h"

#include "cli/lambda.h"
#include "cli/lambda_attempt.h"
#include "cli/report.h"
#include "cli/text.h"
#include "cli/webhook_client.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

/* A place for an event under way. */
struct slot {
    struct webhook *webhook;
    struct webhook_request *request;
    struct rentbus_delivery delivery; /* its numbers alone */
    struct lambda_attempt attempt;
    bool busy;
    int64_t extend_at;
};

struct webhook {
    struct lambda_host *host;
    const struct webhook_settings *settings;
    struct webhook_client *client;
    struct lambda_source source; /* of the client */
    bool watched;
    bool gone; /* the endpoint wants no more events */
    size_t count;
    size_t busy;
    struct slot slots[];
};

static bool webhook_blocked(const struct lambda_host *host)
{
    (void)host;
    return false;
}

static bool webhook_busy(const struct lambda_host *host)
{
    return ((const struct webhook *)host->state)->busy > 0;
}

static void slot_release(struct slot *slot)
{
    slot->busy = false;
    slot->webhook->busy--;
}

static void slot_cancel(struct slot *slot)
{
    webhook_request_cancel(slot->request);
    slot_release(slot);
}

/* Somebody else sends those now. */
static void webhook_lose(struct lambda_host *host)
{
    struct webhook *webhook = host->state;
    for (size_t i = 0; i < webhook->count; i++) {
        struct slot *slot = &webhook->slots[i];
        if (slot->busy && !rentbus_worker_holds(host->worker, &slot->delivery))
            slot_cancel(slot);
    }
}

static bool slot_adopts(struct webhook *webhook, const struct rentbus_delivery *delivery)
{
    for (size_t i = 0; i < webhook->count; i++) {
        struct slot *slot = &webhook->slots[i];
        if (slot->busy && slot->attempt.seq == delivery->event.seq) {
            lambda_host_adopt(webhook->host, &slot->delivery, delivery);
            return true;
        }
    }
    return false;
}

/* As many as the worker has credit for; but it may have heard only now that it lost some. */
static struct slot *slot_free(struct webhook *webhook)
{
    if (webhook->busy == webhook->count)
        webhook_lose(webhook->host);
    for (size_t i = 0; i < webhook->count; i++)
        if (!webhook->slots[i].busy)
            return &webhook->slots[i];
    return NULL;
}

/* libcurl's own sockets have to wait until the host has opened its loop. */
static int webhook_watch(struct webhook *webhook)
{
    if (webhook->watched)
        return 0;
    webhook->watched = true;
    return lambda_loop_add(&webhook->host->loop, webhook_client_fd(webhook->client), EPOLLIN,
                           &webhook->source);
}

static int slot_start(struct slot *slot, const struct rentbus_event *event)
{
    char *json = rentbus_to_json(&rentbus_event_schema, event);
    if (!json)
        return -ENOMEM;
    return webhook_request_start(slot->request, event->id, json, cli_now() / RENTBUS_SECOND);
}

static enum cli_exit webhook_take(struct lambda_host *host, const struct rentbus_delivery *delivery)
{
    struct webhook *webhook = host->state;
    const struct rentbus_event *event = &delivery->event;
    int64_t now = lambda_loop_now();
    if (slot_adopts(webhook, delivery))
        return CLI_EXIT_OK;
    struct slot *slot = slot_free(webhook);
    int error = slot ? webhook_watch(webhook) : -EBUSY;
    if (error == 0)
        error = slot_start(slot, event);
    if (error) {
        /* It goes back untouched when the worker is closed. */
        cli_report_failure(host->cli, error, NULL);
        return CLI_EXIT_INTERNAL;
    }
    slot->delivery = *delivery;
    slot->extend_at = now + lambda_host_extend_ms(host);
    lambda_attempt_note(&slot->attempt, event, delivery->attempt, now);
    slot->busy = true;
    webhook->busy++;
    return CLI_EXIT_OK;
}

/* ---- what comes of them ---- */

/* That an endpoint is gone says nothing of the event: it counts as no attempt. */
static int verdict_tell(struct slot *slot, const struct webhook_verdict *verdict)
{
    struct rentbus_worker *worker = slot->webhook->host->worker;
    if (verdict->gone)
        return rentbus_worker_return(worker, &slot->delivery);
    if (verdict->outcome == HANDLER_DONE)
        return rentbus_worker_ack(worker, &slot->delivery);
    return rentbus_worker_nack(worker, &slot->delivery, verdict->error, verdict->delay_ms, false);
}

static void slot_settle(struct slot *slot)
{
    struct webhook *webhook = slot->webhook;
    struct lambda_host *host = webhook->host;
    struct webhook_verdict verdict;
    webhook_judge(webhook_request_answer(slot->request), cli_now() / RENTBUS_SECOND, &verdict);
    lambda_host_check(host, verdict_tell(slot, &verdict));
    enum cli_exit exit = lambda_attempt_print(host->cli, host->settings->put.id, &slot->attempt,
                                              verdict.outcome, verdict.error, lambda_loop_now());
    slot_release(slot);
    webhook->gone = webhook->gone || verdict.gone;
    if (exit != CLI_EXIT_OK)
        lambda_host_end(host, exit);
    else if (webhook->gone)
        lambda_host_end(host, CLI_EXIT_GONE);
}

static void slot_extend(struct slot *slot, int64_t now)
{
    struct lambda_host *host = slot->webhook->host;
    if (now < slot->extend_at)
        return;
    slot->extend_at = now + lambda_host_extend_ms(host);
    int status = rentbus_worker_extend(host->worker, &slot->delivery, 0);
    lambda_host_check(host, status);
    if (status == -ENOENT)
        slot_cancel(slot);
}

static void client_ready(void *owner, uint32_t events)
{
    struct webhook *webhook = owner;
    (void)events;
    lambda_host_check(webhook->host, webhook_client_ready(webhook->client));
}

static int64_t webhook_process(struct lambda_host *host, int64_t now)
{
    struct webhook *webhook = host->state;
    struct slot *slot;
    bool settled = false;
    lambda_host_check(host, webhook_client_expire(webhook->client, now));
    while ((slot = webhook_client_finished(webhook->client))) {
        slot_settle(slot);
        settled = true;
    }
    /* There is room for others now. */
    if (settled)
        return 0;
    int64_t next = webhook_client_due(webhook->client);
    for (size_t i = 0; i < webhook->count; i++) {
        slot = &webhook->slots[i];
        if (slot->busy)
            slot_extend(slot, now);
        if (slot->busy && slot->extend_at < next)
            next = slot->extend_at;
    }
    return next;
}

/* ---- the end ---- */

static void webhook_ended(struct lambda_host *host, pid_t pid, int status)
{
    (void)host;
    (void)pid;
    (void)status;
}

static void webhook_finish(struct lambda_host *host)
{
    (void)host;
}

static void webhook_stop(struct lambda_host *host, const char *why)
{
    struct webhook *webhook = host->state;
    (void)why;
    for (size_t i = 0; i < webhook->count; i++)
        if (webhook->slots[i].busy)
            slot_cancel(&webhook->slots[i]);
}

static const struct lambda_mode mode = {
    .blocked = webhook_blocked,
    .lose = webhook_lose,
    .take = webhook_take,
    .process = webhook_process,
    .ended = webhook_ended,
    .busy = webhook_busy,
    .finish = webhook_finish,
    .stop = webhook_stop,
};

/* Nothing is sent any more, from here or from elsewhere, until somebody says so. */
static enum cli_exit consumer_pause(struct cli *cli, const struct lambda_settings *settings)
{
    struct rentbus_consumer_args args = {0};
    struct rentbus_command_result result;
    char name[4 * RENTBUS_ID_MAX + 1];
    RENTBUS_SET(&args, consumer_args, id, settings->put.id);
    enum cli_exit exit = cli_call(cli, RENTBUS_OP_consumer_pause, NULL, &args, &result);
    if (exit != CLI_EXIT_OK)
        return exit;
    cli_text_clean(settings->put.id, name, sizeof(name));
    cli_report(cli, "GONE",
               "the endpoint wants no more events (HTTP 410): %s is paused. To go on: "
               "rentbus lambda resume %s, and start it again",
               name, name);
    return CLI_EXIT_GONE;
}

static int webhook_open(struct webhook *webhook)
{
    const struct lambda_settings *settings = webhook->host->settings;
    int error = webhook_client_open(webhook->settings, settings->timeout_ms, &webhook->client);
    webhook->source = (struct lambda_source){client_ready, webhook};
    for (size_t i = 0; i < webhook->count && error == 0; i++) {
        webhook->slots[i].webhook = webhook;
        error =
            webhook_request_create(webhook->client, &webhook->slots[i], &webhook->slots[i].request);
    }
    return error;
}

static void webhook_close(struct webhook *webhook)
{
    for (size_t i = 0; i < webhook->count; i++)
        webhook_request_destroy(&webhook->slots[i].request);
    webhook_client_destroy(&webhook->client);
    free(webhook);
}

static enum cli_exit webhook_run(struct cli *cli, const struct lambda_settings *settings,
                                 const struct webhook_settings *endpoint)
{
    struct webhook *webhook =
        calloc(1, sizeof(*webhook) + settings->concurrency * sizeof(webhook->slots[0]));
    struct lambda_host host = {.cli = cli, .settings = settings, .mode = &mode, .state = webhook};
    if (!webhook) {
        cli_report_failure(cli, -ENOMEM, NULL);
        return CLI_EXIT_INTERNAL;
    }
    webhook->host = &host;
    webhook->settings = endpoint;
    webhook->count = settings->concurrency;
    enum cli_exit exit = CLI_EXIT_INTERNAL;
    int error = webhook_open(webhook);
    if (error)
        cli_report_failure(cli, error, NULL);
    else
        exit = lambda_host_run(&host, (uint32_t)settings->concurrency);
    bool gone = webhook->gone;
    webhook_close(webhook);
    return gone ? consumer_pause(cli, settings) : exit;
}

enum cli_exit lambda_webhook(struct cli *cli, const struct cli_line *line)
{
    struct lambda_settings settings;
    struct webhook_settings endpoint;
    enum cli_exit exit = lambda_settings_read(cli, line, &settings);
    if (exit == CLI_EXIT_OK)
        exit = webhook_settings_read(cli, line, &endpoint);
    if (exit != CLI_EXIT_OK)
        return exit;
    if (!cli_line_has(line, "timeout"))
        settings.timeout_ms = WEBHOOK_TIMEOUT_DEFAULT_MS;
    if (!cli_line_has(line, "grace"))
        settings.grace_ms = settings.timeout_ms;
    exit = webhook_run(cli, &settings, &endpoint);
    webhook_settings_release(&endpoint);
    return exit;
}
