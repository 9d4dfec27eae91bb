/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/lambda_host.h"

#include "cli/handler_keeper.h"
#include "cli/lambda.h"
#include "cli/output.h"
#include "cli/report.h"

#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>

/* Events that are taken before anything else has its turn. */
#define TAKE_MAX 256
#define EXTENSIONS_PER_LEASE 3

void lambda_host_end(struct lambda_host *host, enum cli_exit exit)
{
    if (host->ending)
        return;
    host->ending = true;
    host->exit = exit;
    host->grace_until = lambda_loop_now() + host->settings->grace_ms;
    /* It rings until it is asked for events, which it is not any more. */
    lambda_loop_remove(&host->loop, rentbus_worker_fd(host->worker));
    host->mode->finish(host);
}

/* The newer worker has all events: what runs here would only do the same. */
static void host_fenced(struct lambda_host *host)
{
    if (!host->ending)
        cli_report(host->cli, "CONFLICT", "a newer worker of the same name has taken over");
    host->mode->stop(host, "a newer worker has taken over");
    lambda_host_end(host, CLI_EXIT_REJECTED);
}

void lambda_host_check(struct lambda_host *host, int status)
{
    if (status == 0 || status == -ENOENT || status == -EINTR)
        return;
    if (status == -ESTALE) {
        host_fenced(host);
    } else {
        if (!host->ending && status > 0)
            cli_report_fault(host->cli, rentbus_worker_fault(host->worker));
        else if (!host->ending)
            cli_report_failure(host->cli, status, NULL);
        lambda_host_end(host, cli_exit_of_status(status));
    }
}

void lambda_host_adopt(struct lambda_host *host, struct rentbus_delivery *held,
                       const struct rentbus_delivery *delivery)
{
    /* What is said of a lost lease is how the worker hears that it is. */
    if (held->lease != delivery->lease)
        lambda_host_check(host, rentbus_worker_extend(host->worker, held, 0));
    held->lease = delivery->lease;
}

int64_t lambda_host_extend_ms(const struct lambda_host *host)
{
    int64_t every = host->lease_ms / EXTENSIONS_PER_LEASE;
    return every > 0 ? every : 1;
}

static void child_ended(void *owner, pid_t pid, int status)
{
    struct lambda_host *host = owner;
    host->mode->ended(host, pid, status);
}

static void worker_ready(void *owner, uint32_t events)
{
    struct lambda_host *host = owner;
    (void)events;
    int status = rentbus_worker_process(host->worker);
    lambda_host_check(host, status < 0 ? status : 0);
}

static void host_lose(struct lambda_host *host)
{
    uint64_t lost = rentbus_worker_lost(host->worker);
    if (lost != host->lost)
        host->mode->lose(host);
    host->lost = lost;
}

/* Asks for events even where there is no place for one: what went wrong is told that way, too.
 * Whether there may be more. */
static bool host_take(struct lambda_host *host)
{
    for (int i = 0; i < TAKE_MAX; i++) {
        struct rentbus_delivery delivery;
        host_lose(host);
        if (host->ending || host->mode->blocked(host))
            return false;
        int status = rentbus_worker_next(host->worker, 0, &delivery);
        if (status != 1) {
            lambda_host_check(host, status);
            return false;
        }
        enum cli_exit exit = host->mode->take(host, &delivery);
        if (exit != CLI_EXIT_OK)
            lambda_host_end(host, exit);
    }
    return true;
}

/* Acknowledgements that were gathered go out when the worker is asked for more, or processes. */
static void host_turn(struct lambda_host *host, int64_t *until)
{
    bool more = host_take(host);
    int status = rentbus_worker_process(host->worker);
    lambda_host_check(host, status < 0 ? status : 0);
    *until = host->mode->process(host, lambda_loop_now());
    if (more || (status > 0 && !host->ending && !host->mode->blocked(host)))
        *until = 0;
}

static void host_loop(struct lambda_host *host)
{
    bool stopped = false;
    while (!host->ending || host->mode->busy(host)) {
        int64_t until;
        host_turn(host, &until);
        if (host->ending && !host->mode->busy(host))
            break;
        if (host->ending && until > host->grace_until && !stopped)
            until = host->grace_until;
        int error = lambda_loop_wait(&host->loop, until);
        if (error)
            lambda_host_check(host, error);
        if (host->loop.stops > 0)
            lambda_host_end(host, CLI_EXIT_OK);
        /* Who asks twice does not want to wait. */
        if (host->loop.stops > 1)
            host->grace_until = 0;
        if (host->ending && !stopped && lambda_loop_now() >= host->grace_until) {
            host->mode->stop(host, "stopped with its host");
            stopped = true;
        }
    }
}

static enum cli_exit host_put(struct lambda_host *host)
{
    struct rentbus_command_result result;
    struct rentbus_consumer_status status;
    struct cli *cli = host->cli;
    char name[RENTBUS_ID_MAX + 1];
    struct rentbus_text id = host->settings->put.id;
    enum cli_exit exit =
        cli_call(cli, RENTBUS_OP_consumer_put, NULL, &host->settings->put, &result);
    snprintf(name, sizeof(name), "%.*s", RENTBUS_TEXT_ARGS(id));
    if (exit == CLI_EXIT_OK)
        exit = lambda_status(cli, name, &status);
    if (exit == CLI_EXIT_OK)
        host->lease_ms = (uint32_t)status.consumer.lease_ms;
    return exit;
}

static enum cli_exit host_open(struct lambda_host *host, uint32_t credit)
{
    char name[RENTBUS_ID_MAX + 1];
    struct cli *cli = host->cli;
    struct rentbus_worker_options options = {.connection = &cli->options,
                                             .consumer = name,
                                             .worker = host->settings->worker,
                                             .credit = credit};
    snprintf(name, sizeof(name), "%.*s", RENTBUS_TEXT_ARGS(host->settings->put.id));
    int error = rentbus_worker_open(&options, &host->worker);
    if (error == -EINVAL) {
        cli_report(cli, "INVALID_ARGUMENT", "--worker: must be an id");
        return CLI_EXIT_BAD_DATA;
    }
    host->source = (struct lambda_source){worker_ready, host};
    if (error == 0)
        error =
            lambda_loop_add(&host->loop, rentbus_worker_fd(host->worker), EPOLLIN, &host->source);
    if (error == 0)
        error = handler_keeper_adopt();
    if (error)
        cli_report_failure(cli, error, NULL);
    return cli_exit_of_status(error);
}

enum cli_exit lambda_host_run(struct lambda_host *host, uint32_t credit)
{
    enum cli_exit exit = host_put(host);
    if (exit != CLI_EXIT_OK)
        return exit;
    /* The worker has a client of its own. */
    cli_release(host->cli);
    int error = lambda_loop_open(&host->loop, child_ended, host);
    if (error) {
        cli_report_failure(host->cli, error, NULL);
        return CLI_EXIT_INTERNAL;
    }
    exit = host_open(host, credit);
    if (exit == CLI_EXIT_OK) {
        host_loop(host);
        if (host->mode->leave)
            host->mode->leave(host);
        exit = host->exit;
    }
    rentbus_worker_close(&host->worker);
    lambda_loop_close(&host->loop);
    return exit;
}

enum cli_exit lambda_run(struct cli *cli, const struct cli_line *line)
{
    struct lambda_settings settings;
    enum cli_exit exit = lambda_settings_read(cli, line, &settings);
    if (exit != CLI_EXIT_OK)
        return exit;
    exit = lambda_settings_command(cli, line, &settings);
    if (exit == CLI_EXIT_OK)
        exit = settings.stream ? lambda_stream_run(cli, &settings)
                               : lambda_processes_run(cli, &settings);
    lambda_settings_release(&settings);
    return exit;
}
