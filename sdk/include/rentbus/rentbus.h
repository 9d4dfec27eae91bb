/* SPDX-License-Identifier: MPL-2.0 */
/*
 * librentbus: the client library of rentbus, a ledger and event bus for things that are lent and
 * come back. This is the one header to include.
 *
 * Results. A function that returns int gives 0 when it did its work; a negative errno when it could
 * not (-ETIMEDOUT: no answer in time; -ENOMEM; -EINVAL: misuse; -EBADMSG: an answer that makes no
 * sense; -EBUSY: a function that waits, called from a callback); a positive enum rentbus_error_code
 * when the daemon, or the check of the arguments before they are sent, said no:
 * rentbus_client_fault() then names the field and the rule. A scan that a rule rejects is not an
 * error: its result says `outcome` REJECTED and a `reason`.
 *
 * Values. Structs and words come from <rentbus/schema.h>. In a struct, `has` says which fields are
 * present: set fields with RENTBUS_SET, ask with RENTBUS_HAS; start from a zeroed struct. Texts
 * (struct rentbus_text) are not NUL-terminated; rentbus_text("…") makes one. Times are microseconds
 * since 1970 in UTC.
 *
 * Threads. A client, a subscriber or a worker is used by one thread at a time; different ones are
 * independent. None of them survives fork(): open anew in the child. The library starts no thread
 * but libzmq's, and those of rentbus_worker_run().
 */
#ifndef RENTBUS_RENTBUS_H
#define RENTBUS_RENTBUS_H

#include <rentbus/fault.h>
#include <rentbus/schema.h>
#include <rentbus/text.h>
#include <rentbus/time.h>
#include <rentbus/uuid.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RENTBUS_API_DEFAULT "ipc:///run/rentbus/api.sock"
#define RENTBUS_EVENTS_DEFAULT "ipc:///run/rentbus/events.sock"

/* The version of the library, such as "0.1.0". */
RENTBUS_EXPORT const char *rentbus_version(void);

/* ---- the client ---- */

/* A zeroed struct means: defaults everywhere. */
struct rentbus_options {
    const char *api;     /* endpoint; NULL: $RENTBUS_API, else RENTBUS_API_DEFAULT */
    const char *events;  /* endpoint; NULL: $RENTBUS_EVENTS, else RENTBUS_EVENTS_DEFAULT */
    uint32_t timeout_ms; /* for a whole call with its retries; 0: 5000 */
    /* Without an answer for so long, the request is sent again, with the same command id, and over
     * a new connection if the old one brings nothing at all; then after twice as long, up to 8
     * times. 0: 1000. */
    uint32_t retry_ms;
    uint32_t in_flight_max; /* calls started and not completed, at most 1048576; 0: 4096 */
    /* Calls are sent not when they are started but all together, by the next
     * rentbus_client_process() or _wait(), for which the descriptor is readable: for a program that
     * starts many in a turn of its loop. */
    bool gather;
};

struct rentbus_client;

/* Opens a client; connecting goes on by itself in the background, now and whenever the daemon comes
 * back. `options` may be NULL and is copied. -EINVAL for an endpoint that is none. */
RENTBUS_EXPORT int rentbus_client_open(const struct rentbus_options *options,
                                       struct rentbus_client **client)
    __attribute__((warn_unused_result));
/* Closes and frees; calls in flight complete with -ECANCELED first. NULL-safe. */
RENTBUS_EXPORT void rentbus_client_close(struct rentbus_client **client);

/* What the last call that returned a positive code was told; borrowed until the next call. */
RENTBUS_EXPORT const struct rentbus_fault *rentbus_client_fault(
    const struct rentbus_client *client);

/* A fresh command id: UUIDv7, only growing within this client. */
RENTBUS_EXPORT int rentbus_client_command_id(struct rentbus_client *client,
                                             struct rentbus_uuid *command_id)
    __attribute__((warn_unused_result));

/* Calls an operation and waits for its answer. `args` and `result` are the structs that schema.h
 * names for `op`; `result` may be NULL. Texts in *result are borrowed from the client until its
 * next call. `command_id` is the idempotency key of a command: give the same again and the daemon
 * answers with the first outcome; NULL: a fresh one. (It is no such key for a query, nor for a
 * batch, whose commands have their own.) -EALREADY: it is that of a call in flight.
 * BUSY and UNAVAILABLE are tried again until the timeout, and returned when there is no time for
 * another try. `args` may be NULL: nothing is present. */
RENTBUS_EXPORT int rentbus_call(struct rentbus_client *client, enum rentbus_op op,
                                const struct rentbus_uuid *command_id, const void *args,
                                void *result) __attribute__((warn_unused_result));

/* The typed calls, one for each row of RENTBUS_OPS, all of this form:
 *   int rentbus_rental_return(struct rentbus_client *client, const struct rentbus_uuid *command_id,
 *                             const struct rentbus_return_args *args,
 *                             struct rentbus_command_result *result);
 * `args` may be NULL where nothing is required.
 *
 * Scans of a device: `device_id` and `device_seq` (from 1) say which of its scans it is, and
 * `clock_offset_ms` how far its clock is ahead. A device that keeps scans while the daemon is away
 * keeps the command id beside each, and sends them in any order, as often as it likes.
 * rentbus_device_get() tells what is still missing.
 * An op of RENTBUS_MODE_READ can be asked of the past, with `at` or `at_seq`. The daemon may have
 * to read a long journal for that: such calls want a longer timeout.
 * rentbus_consumer_fetch() with `wait_ms` may take so much longer than other calls.
 * PERMISSION_DENIED: the role that rentbus_hello() tells is not enough. */
#define RENTBUS_DECLARE_CALL(name, wire, args_struct, result_struct, mode)                         \
    RENTBUS_EXPORT int rentbus_##name(                                                             \
        struct rentbus_client *client, const struct rentbus_uuid *command_id,                      \
        const struct rentbus_##args_struct *args, struct rentbus_##result_struct *result)          \
        __attribute__((warn_unused_result));
RENTBUS_OPS(RENTBUS_DECLARE_CALL)

/* ---- batches ----
 * Many commands in one request, which is much faster than one by one, and on request all or
 * nothing: rentbus_batch_add(builder, RENTBUS_OP_rental_return, &command_id, &return_args);  (and
 * so on) RENTBUS_SET(&args, batch_args, commands, rentbus_batch_commands(builder));
 *   rentbus_batch(client, NULL, &args, &result);
 *   while (rentbus_list_next(&result.replies, &rentbus_batch_reply_schema, &position, &reply) == 1)
 * Replies stand in the order of the commands. When it is not known whether a batch arrived
 * (-ETIMEDOUT), send it again as it is: each command is done once, by its own id. */

/* Collects the commands of a batch. Used by the thread of its client. */
struct rentbus_batch_builder;

/* 0, or -ENOMEM. Close it before the client. */
RENTBUS_EXPORT int rentbus_batch_open(struct rentbus_client *client,
                                      struct rentbus_batch_builder **builder)
    __attribute__((warn_unused_result));
/* NULL-safe. */
RENTBUS_EXPORT void rentbus_batch_close(struct rentbus_batch_builder **builder);
/* Adds a command behind the others. `args` is the struct that schema.h names for `op`, copied, and
 * checked as rentbus_call() does; NULL: nothing is present. `command_id` is its idempotency key,
 * NULL: a fresh one; the daemon refuses a batch that has one twice. TOO_LARGE: there are
 * RENTBUS_BATCH_MAX commands; send them, clear the batch, and add this one again. -EINVAL: `op` is
 * no command. Unless it returns 0, the batch is as it was. */
RENTBUS_EXPORT int rentbus_batch_add(struct rentbus_batch_builder *builder, enum rentbus_op op,
                                     const struct rentbus_uuid *command_id, const void *args)
    __attribute__((warn_unused_result));
/* The commands so far, for `commands` of struct rentbus_batch_args. Borrowed until the next call
 * with this builder; rentbus_call_start() is done with them when it returns. */
RENTBUS_EXPORT struct rentbus_list rentbus_batch_commands(
    const struct rentbus_batch_builder *builder);
/* Takes every command out. */
RENTBUS_EXPORT void rentbus_batch_clear(struct rentbus_batch_builder *builder);

/* ---- many calls at once, and other event loops ---- */

/* How a call ended. Everything is borrowed for the time of the callback. */
struct rentbus_completion {
    enum rentbus_op op;
    struct rentbus_uuid command_id;
    int status;                        /* as rentbus_call() returns it */
    const void *result;                /* the result's struct when status is 0, else NULL */
    struct rentbus_bytes encoded;      /* the result as the daemon encoded it, when status is 0 */
    const struct rentbus_fault *fault; /* when status is positive, else NULL */
};

/* Runs inside rentbus_client_process(), rentbus_client_wait(), rentbus_call() or
 * rentbus_client_close(), in their thread; may start further calls, but not close the client or
 * wait. */
typedef void rentbus_completed(void *context, const struct rentbus_completion *completion);

/* Starts a call; `done` runs exactly once if this returns 0. -EAGAIN: in_flight_max calls are in
 * flight; process some first. `args` is encoded before this returns. */
RENTBUS_EXPORT int rentbus_call_start(struct rentbus_client *client, enum rentbus_op op,
                                      const struct rentbus_uuid *command_id, const void *args,
                                      rentbus_completed *done, void *context)
    __attribute__((warn_unused_result));
RENTBUS_EXPORT size_t rentbus_client_in_flight(const struct rentbus_client *client);

/* A file descriptor that polls readable (level-triggered) whenever rentbus_client_process() has
 * something to do: answers, timeouts, retries. Owned by the client. */
RENTBUS_EXPORT int rentbus_client_fd(const struct rentbus_client *client);
/* Does what is due without waiting. The number of calls completed, or a negative errno. */
RENTBUS_EXPORT int rentbus_client_process(struct rentbus_client *client);
/* Waits until a call completes or `timeout_ms` has passed (-1: no limit), and processes; does not
 * wait when no call is in flight. The number of calls completed, or a negative errno (-EINTR: a
 * signal came). */
RENTBUS_EXPORT int rentbus_client_wait(struct rentbus_client *client, int timeout_ms);

/* ---- events ---- */

enum rentbus_start {
    RENTBUS_START_NOW,  /* events behind the daemon's head when it first answers */
    RENTBUS_START_SEQ,  /* from `seq` on, that one included */
    RENTBUS_START_TIME, /* from the first event recorded at or after `time` */
};

struct rentbus_subscription {
    enum rentbus_start start;
    uint64_t seq;
    int64_t time;
    /* Exact event types; none: every type. Borrowed until rentbus_subscriber_open() returns. */
    const char *const *types;
    size_t type_count;
    /* A plain subscriber takes what the PUB socket brings from now on: no history, and an event
     * that was dropped on the way is missed, which shows as a gap in `seq`. Types then match by
     * prefix. */
    bool plain;
};

struct rentbus_subscriber;

/* A catch-up subscriber (unless `plain`): first history, by query, then live, each event once and
 * in the order of seq, through reconnects, restarts of the daemon and messages that the socket
 * dropped. `options` may be NULL. Does not wait for the daemon. */
RENTBUS_EXPORT int rentbus_subscriber_open(const struct rentbus_options *options,
                                           const struct rentbus_subscription *subscription,
                                           struct rentbus_subscriber **subscriber)
    __attribute__((warn_unused_result));
RENTBUS_EXPORT void rentbus_subscriber_close(struct rentbus_subscriber **subscriber);

/* Waits for the next event, at most `timeout_ms` (-1: no limit, 0: do not wait). 1 with *event,
 * borrowed until the next call; 0 when the time has passed; a negative errno; a positive error code
 * that the daemon gave (PERMISSION_DENIED and such, which trying again does not mend). While the
 * daemon is away it waits: rentbus_subscriber_connected() tells. -EINTR: a signal came. -ESTALE,
 * and from then on always: the daemon's ledger is another one, or has fewer events, than were seen;
 * which event comes next is a question for the program. */
RENTBUS_EXPORT int rentbus_subscriber_next(struct rentbus_subscriber *subscriber, int timeout_ms,
                                           struct rentbus_event *event)
    __attribute__((warn_unused_result));
/* What the daemon said with the error code that rentbus_subscriber_next() returned last; with
 * TRIMMED it names the first event that there is. Good until that is called again. */
RENTBUS_EXPORT const struct rentbus_fault *rentbus_subscriber_fault(
    const struct rentbus_subscriber *subscriber);
/* Whether the daemon answered the last time it was asked; a plain subscriber does not ask: whether
 * an event came yet. */
RENTBUS_EXPORT bool rentbus_subscriber_connected(const struct rentbus_subscriber *subscriber);
/* Polls readable (level-triggered) when rentbus_subscriber_next(…, 0, …) may have something to do.
 */
RENTBUS_EXPORT int rentbus_subscriber_fd(const struct rentbus_subscriber *subscriber);
/* The seq of the event that next() gave last. */
RENTBUS_EXPORT uint64_t rentbus_subscriber_seq(const struct rentbus_subscriber *subscriber);

/* Decodes an event's data by the schema of its type (rentbus_event_rows). 0, or -EBADMSG. */
RENTBUS_EXPORT int rentbus_event_data(const struct rentbus_event *event,
                                      const struct rentbus_schema *schema, void *data)
    __attribute__((warn_unused_result));

/* ---- workers ----
 * A worker handles the events of a durable consumer (rentbus_consumer_put() makes one), beside any
 * number of others: each event at least once, and what has one subject in its order. A loop of ten
 * lines:
 *   while ((got = rentbus_worker_next(worker, -1, &delivery)) == 1)
 *       if (handle(&delivery.event))
 *           got = rentbus_worker_ack(worker, &delivery);
 *       else
 *           got = rentbus_worker_nack(worker, &delivery, "why", RENTBUS_DELAY_DEFAULT, false);
 * An event is in hand from next() until it is acknowledged or given back, or its lease ends: then
 * somebody else gets it. That is no error: rentbus_worker_lost() counts such events.
 * A handler may meet an event a second time: after a crash, or a lost lease. */

struct rentbus_worker_options {
    const struct rentbus_options *connection; /* NULL: defaults */
    const char *consumer;
    /* Its name, an id. A process that opens a name which another one has takes over what that has
     * in hand, and the other one gets -ESTALE. NULL: of the host and the process id. */
    const char *worker;
    /* Events in hand at most, up to 1000; 0: 64. No more are fetched at a time than the program has
     * shown to handle in about a second. */
    uint32_t credit;
    uint32_t wait_ms; /* how long a fetch waits at the daemon, up to 60000; 0: 20000 */
    /* Of rentbus_worker_run() alone: threads, up to 256, 0: 1; and where it puts what the daemon
     * said when it returns a positive code, NULL: nowhere. */
    uint32_t threads;
    struct rentbus_fault *fault;
};

struct rentbus_worker;

/* Opens a worker with a client of its own. Does not wait for the daemon. `options` is copied.
 * -EINVAL: an id or a number that is none. */
RENTBUS_EXPORT int rentbus_worker_open(const struct rentbus_worker_options *options,
                                       struct rentbus_worker **worker)
    __attribute__((warn_unused_result));
/* Sends the acknowledgements and gives back what is in hand, for others to take at once: what
 * next() has given as failed attempts without an error, the rest as if it had not been fetched;
 * waits for the daemon to confirm it, but no longer than timeout_ms of the connection. NULL-safe.
 */
RENTBUS_EXPORT void rentbus_worker_close(struct rentbus_worker **worker);

/* Waits for the next event, at most `timeout_ms` (-1: no limit, 0: do not wait). 1 with *delivery:
 * its texts are borrowed until the next call of this function, its numbers are good for ack() and
 * such as long as it is in hand. 0 when the time has passed; it does so, too, while `credit` events
 * are in hand. A positive code that the daemon gave (NOT_FOUND: there is no such consumer;
 * PERMISSION_DENIED): rentbus_worker_fault() says more, and calling again tries again. While the
 * daemon is away it waits. -EINTR: a signal came. -ESTALE, and from then on always: a newer worker
 * of the same name has taken over. */
RENTBUS_EXPORT int rentbus_worker_next(struct rentbus_worker *worker, int timeout_ms,
                                       struct rentbus_delivery *delivery)
    __attribute__((warn_unused_result));

/* The six below name an event in hand; -ENOENT: it is not, its lease was lost or it was finished
 * before. They do not wait; what becomes of them is taken care of: requests are sent again until
 * they are answered. */

/* The event is done. Acknowledgements are gathered: they go out when next() has nothing to give or
 * the handler was slow, when there are many, and after a few milliseconds. */
RENTBUS_EXPORT int rentbus_worker_ack(struct rentbus_worker *worker,
                                      const struct rentbus_delivery *delivery)
    __attribute__((warn_unused_result));
/* The event is done, and these are recorded with that, both or neither, and once even if the answer
 * is lost; at most RENTBUS_PUBLISH_MAX, at least 1. A positive code (with rentbus_worker_fault())
 * when the events are not well-formed: the event stays in hand. What the daemon refuses is given
 * back as a failed attempt, with the reason as its error. */
RENTBUS_EXPORT int rentbus_worker_ack_publish(struct rentbus_worker *worker,
                                              const struct rentbus_delivery *delivery,
                                              const struct rentbus_new_event *events, size_t count)
    __attribute__((warn_unused_result));
#define RENTBUS_DELAY_DEFAULT INT64_C(-1)
/* The attempt failed. `error` is kept with it, NULL: nothing is; it is cut at RENTBUS_TEXT_MAX
 * bytes. The next attempt comes after `delay_ms` (RENTBUS_DELAY_DEFAULT: as the consumer has it);
 * `fatal`: there is none, the event is parked. */
RENTBUS_EXPORT int rentbus_worker_nack(struct rentbus_worker *worker,
                                       const struct rentbus_delivery *delivery, const char *error,
                                       int64_t delay_ms, bool fatal)
    __attribute__((warn_unused_result));
/* The event was not begun, and others may take it: no attempt is counted. */
RENTBUS_EXPORT int rentbus_worker_return(struct rentbus_worker *worker,
                                         const struct rentbus_delivery *delivery)
    __attribute__((warn_unused_result));
/* More time, from now on: `lease_ms`, 0: as the consumer has it. */
RENTBUS_EXPORT int rentbus_worker_extend(struct rentbus_worker *worker,
                                         const struct rentbus_delivery *delivery, uint32_t lease_ms)
    __attribute__((warn_unused_result));
/* False when it is finished, or when its lease is known to be lost. */
RENTBUS_EXPORT bool rentbus_worker_holds(const struct rentbus_worker *worker,
                                         const struct rentbus_delivery *delivery);

/* Sends what is gathered and waits until all is answered: 0, -ETIMEDOUT, -EINTR or -ESTALE. */
RENTBUS_EXPORT int rentbus_worker_flush(struct rentbus_worker *worker, int timeout_ms)
    __attribute__((warn_unused_result));
/* Events whose lease was lost before they were acknowledged or given back, since the opening. */
RENTBUS_EXPORT uint64_t rentbus_worker_lost(const struct rentbus_worker *worker);
/* What the daemon said last when it refused something; borrowed until the next call. */
RENTBUS_EXPORT const struct rentbus_fault *rentbus_worker_fault(
    const struct rentbus_worker *worker);

/* For another event loop: polls readable (level-triggered) when rentbus_worker_process() has
 * something to do. Owned by the worker. */
RENTBUS_EXPORT int rentbus_worker_fd(const struct rentbus_worker *worker);
/* Does what is due without waiting. How many events next() can give now, or a negative errno; what
 * went wrong otherwise is told by next(). */
RENTBUS_EXPORT int rentbus_worker_process(struct rentbus_worker *worker)
    __attribute__((warn_unused_result));

/* What a handler says of its event. */
enum rentbus_handled {
    RENTBUS_HANDLED, /* done */
    RENTBUS_RETRY,   /* not now: again after delay_ms */
    RENTBUS_FAILED,  /* a failed attempt, with its error; again after delay_ms, unless `fatal` */
};

/* An event in the hands of a handler. */
struct rentbus_handling {
    const struct rentbus_event *event; /* borrowed until the handler returns */
    uint64_t attempt;                  /* from 1 */
    const struct rentbus_delivery *delivery;
    struct rentbus_worker *worker; /* of this thread, for rentbus_worker_extend() */
    /* What the handler may set: see rentbus_worker_nack() and rentbus_worker_ack_publish(). All of
     * it is read when the handler has returned, and so must last longer than it does. */
    const char *error;
    int64_t delay_ms; /* RENTBUS_DELAY_DEFAULT at first */
    bool fatal;
    const struct rentbus_new_event *events; /* of RENTBUS_HANDLED: published with it */
    size_t event_count;
};

typedef enum rentbus_handled rentbus_handler(void *context, struct rentbus_handling *handling);

/* Handles events in `threads` threads, as workers "<worker>-1" and so on, until
 * rentbus_worker_stop() or an error; then gives back what is in hand. The handler runs in those
 * threads, in several at once, and signals go to none of them. 0 when it was stopped; -ESTALE; a
 * positive code, as of rentbus_worker_next(); or another negative errno. */
RENTBUS_EXPORT int rentbus_worker_run(const struct rentbus_worker_options *options,
                                      rentbus_handler *handler, void *context)
    __attribute__((warn_unused_result));
/* Ends every rentbus_worker_run() of the process: what was fetched is handled first, for a second
 * at most, and handlers at work finish. From any thread, a handler or a signal handler. When none
 * is running, it ends the next one. */
RENTBUS_EXPORT void rentbus_worker_stop(void);

/* ---- JSON ---- */

/* A struct of schema.h as compact JSON: NUL-terminated, to be given to rentbus_free(); NULL when
 * out of memory. */
RENTBUS_EXPORT char *rentbus_to_json(const struct rentbus_schema *schema, const void *value);
/* Reads a struct from JSON, refusing unknown and duplicate fields. *storage holds what the texts of
 * *value point into: give it to rentbus_free() when done. 0, an error code with *fault, or -ENOMEM.
 */
RENTBUS_EXPORT int rentbus_from_json(const struct rentbus_schema *schema, const char *json,
                                     size_t length, void *value, void **storage,
                                     struct rentbus_fault *fault)
    __attribute__((warn_unused_result));
/* The struct as deterministic CBOR, *bytes to be given to rentbus_free(). 0, or -ENOMEM. */
RENTBUS_EXPORT int rentbus_to_cbor(const struct rentbus_schema *schema, const void *value,
                                   uint8_t **bytes, size_t *length)
    __attribute__((warn_unused_result));
/* Reads a struct from one CBOR item, as rentbus_from_json() does from JSON. */
RENTBUS_EXPORT int rentbus_from_cbor(const struct rentbus_schema *schema, const uint8_t *bytes,
                                     size_t length, void *value, void **storage,
                                     struct rentbus_fault *fault)
    __attribute__((warn_unused_result));
/* Frees what this library allocated for the caller. NULL-safe. */
RENTBUS_EXPORT void rentbus_free(void *memory);

#ifdef __cplusplus
}
#endif

#endif
