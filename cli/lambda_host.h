/* SPDX-License-Identifier: MPL-2.0 */
/* What the two ways to run handlers, a process for each event or long-lived ones, have in common:
 * the worker, the loop and the end. One thread. */
#ifndef CLI_LAMBDA_HOST_H
#define CLI_LAMBDA_HOST_H

#include "cli/lambda_loop.h"
#include "cli/lambda_settings.h"

struct lambda_host;

/* How events are handled. The host is at `self` of each call. */
struct lambda_mode {
    /* Whether no event can be taken now. Otherwise there is a place for as many as the worker has
     * credit for. */
    bool (*blocked)(const struct lambda_host *host);
    /* The leases of some events were lost: those that the worker does not hold any more. */
    void (*lose)(struct lambda_host *host);
    /* Takes an event, which is borrowed for the time of the call. */
    enum cli_exit (*take)(struct lambda_host *host, const struct rentbus_delivery *delivery);
    /* Does what is due, and says when it wants to be called next. */
    int64_t (*process)(struct lambda_host *host, int64_t now);
    /* A child has ended. */
    void (*ended)(struct lambda_host *host, pid_t pid, int status);
    /* Whether something is being handled. */
    bool (*busy)(const struct lambda_host *host);
    /* No event comes any more. */
    void (*finish)(struct lambda_host *host);
    /* Kills whatever runs. */
    void (*stop)(struct lambda_host *host, const char *why);
    /* Gives back what was not begun, at the very end. NULL: there is no such thing. */
    void (*leave)(struct lambda_host *host);
};

struct lambda_host {
    struct cli *cli;
    const struct lambda_settings *settings;
    const struct lambda_mode *mode;
    void *state; /* the mode's own */
    struct rentbus_worker *worker;
    struct lambda_loop loop;
    struct lambda_source source; /* of the worker */
    uint32_t lease_ms;
    uint64_t lost;      /* leases, as far as the mode was told */
    enum cli_exit exit; /* what it ends with */
    bool ending;        /* no more events are taken */
    int64_t grace_until;
};

/* Puts the consumer, opens the worker with that credit, and runs until a signal, an error that
 * trying again does not mend, or a newer worker of the same name. */
enum cli_exit lambda_host_run(struct lambda_host *host, uint32_t credit)
    __attribute__((warn_unused_result));

/* Ends with that, unless something else was the reason before. */
void lambda_host_end(struct lambda_host *host, enum cli_exit exit);
/* Looks at what a function of the worker came to: anything but 0 and -ENOENT, which a lost lease
 * is, ends the host. */
void lambda_host_check(struct lambda_host *host, int status);
/* An event came again that is being handled under `held`, whose lease was lost without our knowing:
 * the handler goes on under the new lease, which is put there. */
void lambda_host_adopt(struct lambda_host *host, struct rentbus_delivery *held,
                       const struct rentbus_delivery *delivery);
/* How often a lease is made longer. */
int64_t lambda_host_extend_ms(const struct lambda_host *host);

/* Handlers that are processes of an event each, and long-lived ones. */
enum cli_exit lambda_processes_run(struct cli *cli, const struct lambda_settings *settings)
    __attribute__((warn_unused_result));
enum cli_exit lambda_stream_run(struct cli *cli, const struct lambda_settings *settings)
    __attribute__((warn_unused_result));

#endif
