/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The calls of <rentbus/rentbus.h> that have to do with a worker. One fetch at a time is on its
 * way, for as many events as may still be in hand, when there is none left to give. What is said of
 * events goes out beside it: see errand.c.
 */
#include "sdk/worker.h"
#include "sdk/clock.h"
#include "sdk/options.h"
#include "sdk/protocol/codec.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CREDIT 64
#define CREDIT_MAX 1000
#define WAIT_MS 20000
#define WAIT_MAX_MS 60000
/* After a fetch that failed. */
#define FETCH_PAUSE INT64_C(250000)
/* What is fetched at a time should be handled in this time. */
#define PAGE_TIME INT64_C(1000000)
/* A handler that took longer than this may do so again: what it has done is told before. */
#define SLOW INT64_C(1000)

/* ---- opening ---- */

static bool id_copy(char *out, const char *id)
{
    if (!rentbus_id_valid(rentbus_text(id)))
        return false;
    memcpy(out, id, strlen(id) + 1);
    return true;
}

bool worker_name(const char *given, char *name)
{
    char host[65] = "";
    char made[RENTBUS_ID_MAX + 1];
    if (given)
        return id_copy(name, given);
    if (gethostname(host, sizeof(host) - 1) != 0 || host[0] == '\0')
        snprintf(host, sizeof(host), "worker");
    snprintf(made, sizeof(made), "%s-%ld", host, (long)getpid());
    return id_copy(name, made);
}

static int options_take(struct rentbus_worker *worker, const struct rentbus_worker_options *options)
{
    worker->credit = options->credit > 0 ? options->credit : CREDIT;
    worker->wait_ms = options->wait_ms > 0 ? options->wait_ms : WAIT_MS;
    worker->window = 1;
    worker->timeout = (int64_t)options_choose(options->connection).timeout_ms * 1000;
    bool sound = options->consumer && id_copy(worker->consumer, options->consumer) &&
                 worker_name(options->worker, worker->name) && worker->credit <= CREDIT_MAX &&
                 worker->wait_ms <= WAIT_MAX_MS;
    return sound ? 0 : -EINVAL;
}

/* The next one of this process: a worker that is opened in the moment in which another one of its
 * name is closed is the newer one. */
static int incarnation_next(struct rentbus_uuid *incarnation)
{
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    static struct rentbus_uuid_source source;
    pthread_mutex_lock(&mutex);
    int error = rentbus_uuid_next(&source, clock_wall(), incarnation);
    pthread_mutex_unlock(&mutex);
    return error;
}

static int worker_start(struct rentbus_worker *worker, const struct rentbus_worker_options *options)
{
    int error = options_take(worker, options);
    if (error)
        return error;
    worker->held = calloc(worker->credit, sizeof(*worker->held));
    if (!worker->held)
        return -ENOMEM;
    error = wake_open(&worker->wake);
    if (!error)
        error = rentbus_client_open(options->connection, &worker->client);
    if (!error)
        error = incarnation_next(&worker->incarnation);
    return error ? error : wake_watch(&worker->wake, rentbus_client_fd(worker->client));
}

static void worker_release(struct rentbus_worker *worker)
{
    /* What is in flight ends without an answer, and its errands with it. */
    rentbus_client_close(&worker->client);
    errand_clear(worker);
    wake_close(&worker->wake);
    rentbus_buffer_release(&worker->page_bytes);
    rentbus_buffer_release(&worker->acks);
    free(worker->held);
    free(worker);
}

int rentbus_worker_open(const struct rentbus_worker_options *options,
                        struct rentbus_worker **worker)
{
    if (!options)
        return -EINVAL;
    struct rentbus_worker *fresh = calloc(1, sizeof(*fresh));
    if (!fresh)
        return -ENOMEM;
    fresh->wake = (struct wake){.epoll_fd = -1, .timer_fd = -1, .bell_fd = -1};
    TAILQ_INIT(&fresh->errands);
    fresh->flush_at = CLOCK_NEVER;
    int error = worker_start(fresh, options);
    if (error) {
        worker_release(fresh);
        return error;
    }
    /* The first call of process() begins to fetch. */
    wake_ring(&fresh->wake, true);
    *worker = fresh;
    return 0;
}

/* ---- what is in hand ---- */

size_t worker_find(const struct rentbus_worker *worker, struct rentbus_lease_ref lease)
{
    size_t i = 0;
    while (i < worker->held_count &&
           (worker->held[i].seq != lease.seq || worker->held[i].lease != lease.lease))
        i++;
    return i;
}

void worker_forget(struct rentbus_worker *worker, size_t place)
{
    struct rentbus_lease_ref *held = worker->held;
    memmove(&held[place], &held[place + 1], (worker->held_count - place - 1) * sizeof(*held));
    worker->held_count--;
}

static struct rentbus_lease_ref lease_of(const struct rentbus_delivery *delivery)
{
    struct rentbus_lease_ref lease = {0};
    RENTBUS_SET(&lease, lease_ref, seq, delivery->event.seq);
    RENTBUS_SET(&lease, lease_ref, lease, delivery->lease);
    return lease;
}

/* ---- what goes wrong ---- */

bool worker_fenced(int status, const struct rentbus_fault *fault)
{
    return status == RENTBUS_ERROR_CONFLICT && strcmp(fault->field, "incarnation") == 0;
}

void worker_fail(struct rentbus_worker *worker, int status, const struct rentbus_fault *fault)
{
    if (worker->stale)
        return;
    if (status > 0 && fault)
        worker->fault = *fault;
    worker->stale = status > 0 && worker_fenced(status, &worker->fault);
    worker->status = worker->stale ? -ESTALE : status;
    /* 1 says that there is an event; and a request of ours is not malformed. */
    if (worker->status == RENTBUS_ERROR_MALFORMED)
        worker->status = -EBADMSG;
}

/* What failed and was not told yet. */
static int status_take(struct rentbus_worker *worker)
{
    int status = worker->status;
    if (!worker->stale)
        worker->status = 0;
    return status;
}

/* ---- fetching ---- */

static int page_keep(struct rentbus_worker *worker, const struct rentbus_completion *completion)
{
    struct rentbus_fetch_result result;
    struct rentbus_fault unused;
    struct rentbus_buffer *bytes = &worker->page_bytes;
    rentbus_buffer_clear(bytes);
    rentbus_buffer_append(bytes, completion->encoded.data, completion->encoded.length);
    if (bytes->failed)
        return -ENOMEM;
    struct rentbus_bytes copy = {bytes->data, bytes->length};
    if (rentbus_decode(&rentbus_fetch_result_schema, copy, RENTBUS_LENIENT, &result, &unused) ||
        result.deliveries.count > worker->credit)
        return -EBADMSG;
    worker->page = result.deliveries;
    worker->page_position = 0;
    worker->page_left = result.deliveries.count;
    worker->page_at = clock_monotonic();
    return 0;
}

/* What cannot be given back now goes back when its lease ends. */
static void lease_return(struct rentbus_worker *worker, struct rentbus_lease_ref lease,
                         bool untried)
{
    struct errand *errand = errand_create_single(worker, RENTBUS_OP_consumer_nack, lease);
    if (!errand)
        return;
    errand->untried = untried;
    if (!untried)
        errand->delay_ms = 0;
    int ignored = errand_add(worker, errand);
    (void)ignored;
}

static void deliveries_return(struct rentbus_worker *worker, const struct rentbus_list *deliveries,
                              size_t position)
{
    struct rentbus_delivery delivery;
    while (rentbus_list_next(deliveries, &rentbus_delivery_schema, &position, &delivery) == 1)
        lease_return(worker, lease_of(&delivery), true);
}

static void fetch_done(void *context, const struct rentbus_completion *completion)
{
    struct rentbus_worker *worker = context;
    int status = completion->status;
    worker->fetching--;
    if (worker->closing) {
        const struct rentbus_fetch_result *result = completion->result;
        if (result)
            deliveries_return(worker, &result->deliveries, 0);
        return;
    }
    if (status == 0)
        status = page_keep(worker, completion);
    if (status == 0)
        return;
    worker->fetch_after = clock_monotonic() + FETCH_PAUSE;
    bool passes = status == -ETIMEDOUT || status == -ECANCELED || status == RENTBUS_ERROR_BUSY ||
                  status == RENTBUS_ERROR_UNAVAILABLE;
    if (!passes)
        worker_fail(worker, status, completion->fault);
}

static int fetch_start(struct rentbus_worker *worker, uint64_t credit, uint64_t wait_ms)
{
    struct rentbus_fetch_args args = {0};
    RENTBUS_SET(&args, fetch_args, id, rentbus_text(worker->consumer));
    RENTBUS_SET(&args, fetch_args, credit, credit);
    RENTBUS_SET(&args, fetch_args, worker, rentbus_text(worker->name));
    if (wait_ms > 0)
        RENTBUS_SET(&args, fetch_args, wait_ms, wait_ms);
    RENTBUS_SET(&args, fetch_args, incarnation, worker->incarnation);
    int error = rentbus_call_start(worker->client, RENTBUS_OP_consumer_fetch, NULL, &args,
                                   fetch_done, worker);
    worker->fetching += error == 0;
    return error;
}

/* Events that may still be fetched. Those with something to be published count until that is done,
 * so that no more of them pile up than the daemon can take. */
static size_t credit_left(const struct rentbus_worker *worker)
{
    size_t used = worker->held_count + worker->publishing;
    return used < worker->credit ? worker->credit - used : 0;
}

static bool fetch_wanted(const struct rentbus_worker *worker)
{
    return worker->fetching == 0 && worker->page_left == 0 && !worker->status && !worker->closing &&
           credit_left(worker) > 0;
}

/* Leases of events that wait here for their turn run, too: no more are fetched at a time than are
 * handled in about a second. It begins with one. */
static void window_adapt(struct rentbus_worker *worker, int64_t now)
{
    int64_t taken = now - worker->page_at;
    uint64_t count = worker->page.count;
    if (count >= worker->window && taken < PAGE_TIME / 4)
        worker->window *= 2;
    else if (count > 0 && taken > PAGE_TIME)
        worker->window = (uint32_t)(count * (uint64_t)PAGE_TIME / (uint64_t)taken);
    if (worker->window > worker->credit)
        worker->window = worker->credit;
    if (worker->window == 0)
        worker->window = 1;
    worker->page.count = 0;
}

static void fetch_if_due(struct rentbus_worker *worker, int64_t now)
{
    if (!fetch_wanted(worker) || now < worker->fetch_after)
        return;
    window_adapt(worker, now);
    size_t left = credit_left(worker);
    int error = fetch_start(worker, left < worker->window ? left : worker->window, worker->wait_ms);
    if (error)
        worker_fail(worker, error, rentbus_client_fault(worker->client));
}

/* ---- giving ---- */

static int page_give(struct rentbus_worker *worker, struct rentbus_delivery *delivery)
{
    struct rentbus_delivery found;
    int got =
        rentbus_list_next(&worker->page, &rentbus_delivery_schema, &worker->page_position, &found);
    if (got != 1 || worker->held_count == worker->credit) {
        worker->page_left = 0;
        return -EBADMSG;
    }
    worker->page_left--;
    worker->held[worker->held_count++] = lease_of(&found);
    *delivery = found;
    return 1;
}

/* What is here already is handled before the end, for as long as that may take: then nobody else
 * has to fetch it. */
static int worker_stop_step(struct rentbus_worker *worker, struct rentbus_delivery *delivery,
                            int64_t now)
{
    if (worker->stop_at == 0)
        worker->stop_at = now + PAGE_TIME;
    return worker->page_left > 0 && now < worker->stop_at ? page_give(worker, delivery)
                                                          : -ECANCELED;
}

/* Goes on without waiting: 1 with *delivery, 0, or an error as of rentbus_worker_next(). */
static int worker_step(struct rentbus_worker *worker, struct rentbus_delivery *delivery)
{
    int64_t now = clock_monotonic();
    if (worker->run_failed && atomic_load(worker->run_failed))
        return -ECANCELED;
    if (worker->stop_wanted && atomic_load(worker->stop_wanted))
        return worker_stop_step(worker, delivery, now);
    bool slow = now - worker->given_at > SLOW;
    if (worker->page_left == 0 || slow) {
        int processed = rentbus_client_process(worker->client);
        if (processed < 0)
            return processed;
    }
    errand_send(worker, worker->page_left == 0 || slow, now);
    fetch_if_due(worker, now);
    if (worker->status)
        return status_take(worker);
    return worker->page_left > 0 ? page_give(worker, delivery) : 0;
}

/* ---- time ---- */

static int64_t worker_due(const struct rentbus_worker *worker)
{
    int64_t due = worker->stale ? CLOCK_NEVER : errand_due(worker);
    if (fetch_wanted(worker) && worker->fetch_after < due)
        due = worker->fetch_after;
    return due;
}

static int worker_wait(const struct rentbus_worker *worker, int64_t limit)
{
    int64_t due = worker_due(worker);
    int timeout = clock_poll_timeout(due < limit ? due : limit, clock_monotonic());
    struct pollfd poll_fd = {.fd = worker->wake.epoll_fd, .events = POLLIN};
    return poll(&poll_fd, 1, timeout) < 0 ? -errno : 0;
}

/* Tells the descriptor what is left to do: before each wait, and each return to the user. */
static void worker_settle(struct rentbus_worker *worker)
{
    int64_t due = worker_due(worker);
    wake_clear(&worker->wake, clock_monotonic());
    if (due != CLOCK_NEVER)
        wake_at(&worker->wake, due);
    wake_ring(&worker->wake, worker->page_left > 0 || (worker->status && !worker->closing));
}

static int64_t limit_of(int timeout_ms)
{
    if (timeout_ms < 0)
        return CLOCK_NEVER;
    return timeout_ms > 0 ? clock_monotonic() + (int64_t)timeout_ms * 1000 : 0;
}

int rentbus_worker_next(struct rentbus_worker *worker, int timeout_ms,
                        struct rentbus_delivery *delivery)
{
    int64_t limit = limit_of(timeout_ms);
    int got = worker_step(worker, delivery);
    while (got == 0 && limit > 0 && clock_monotonic() < limit) {
        worker_settle(worker);
        got = worker_wait(worker, limit);
        if (got == 0)
            got = worker_step(worker, delivery);
    }
    if (got != 1 || worker->page_left == 0)
        worker_settle(worker);
    if (got == 1)
        worker->given_at = clock_monotonic();
    return got;
}

int rentbus_worker_process(struct rentbus_worker *worker)
{
    int processed = rentbus_client_process(worker->client);
    int64_t now = clock_monotonic();
    errand_send(worker, false, now);
    fetch_if_due(worker, now);
    worker_settle(worker);
    return processed < 0 ? processed : (int)worker->page_left;
}

/* ---- what is said of events ---- */

int rentbus_worker_ack(struct rentbus_worker *worker, const struct rentbus_delivery *delivery)
{
    int error = errand_gather(worker, lease_of(delivery), clock_monotonic());
    if (worker->flush_at != CLOCK_NEVER)
        wake_at(&worker->wake, worker->flush_at);
    return error;
}

/* Takes the event out of hand when the errand is on its way. */
static int hand_over(struct rentbus_worker *worker, const struct rentbus_delivery *delivery,
                     struct errand *errand)
{
    int error = errand_add(worker, errand);
    size_t place = worker_find(worker, lease_of(delivery));
    if (!error && place < worker->held_count)
        worker_forget(worker, place);
    worker_settle(worker);
    return error;
}

/* An errand about an event in hand: 0, -ENOENT or -ENOMEM. */
static int errand_begin(struct rentbus_worker *worker, const struct rentbus_delivery *delivery,
                        enum rentbus_op op, struct errand **errand)
{
    struct rentbus_lease_ref lease = lease_of(delivery);
    if (worker_find(worker, lease) == worker->held_count)
        return -ENOENT;
    *errand = errand_create_single(worker, op, lease);
    return *errand ? 0 : -ENOMEM;
}

int rentbus_worker_ack_publish(struct rentbus_worker *worker,
                               const struct rentbus_delivery *delivery,
                               const struct rentbus_new_event *events, size_t count)
{
    struct errand *errand;
    if (count == 0 || count > RENTBUS_PUBLISH_MAX)
        return -EINVAL;
    int error = errand_begin(worker, delivery, RENTBUS_OP_consumer_ack, &errand);
    if (error)
        return error;
    error = errand_publish(errand, events, count);
    if (error) {
        errand_drop(errand);
        return error;
    }
    return hand_over(worker, delivery, errand);
}

int rentbus_worker_nack(struct rentbus_worker *worker, const struct rentbus_delivery *delivery,
                        const char *error, int64_t delay_ms, bool fatal)
{
    struct errand *errand;
    int status = errand_begin(worker, delivery, RENTBUS_OP_consumer_nack, &errand);
    if (status)
        return status;
    errand_explain(errand, error);
    errand->delay_ms = delay_ms;
    errand->fatal = fatal;
    return hand_over(worker, delivery, errand);
}

int rentbus_worker_return(struct rentbus_worker *worker, const struct rentbus_delivery *delivery)
{
    struct errand *errand;
    int error = errand_begin(worker, delivery, RENTBUS_OP_consumer_nack, &errand);
    if (error)
        return error;
    errand->untried = true;
    return hand_over(worker, delivery, errand);
}

int rentbus_worker_extend(struct rentbus_worker *worker, const struct rentbus_delivery *delivery,
                          uint32_t lease_ms)
{
    struct errand *errand;
    int error = errand_begin(worker, delivery, RENTBUS_OP_consumer_extend, &errand);
    if (error)
        return error;
    errand->lease_ms = lease_ms;
    error = errand_add(worker, errand);
    worker_settle(worker);
    return error;
}

bool rentbus_worker_holds(const struct rentbus_worker *worker,
                          const struct rentbus_delivery *delivery)
{
    return worker_find(worker, lease_of(delivery)) < worker->held_count;
}

uint64_t rentbus_worker_lost(const struct rentbus_worker *worker)
{
    return worker->lost;
}

const struct rentbus_fault *rentbus_worker_fault(const struct rentbus_worker *worker)
{
    return &worker->fault;
}

int rentbus_worker_fd(const struct rentbus_worker *worker)
{
    return worker->wake.epoll_fd;
}

/* ---- the end ---- */

/* Until there is nothing more to wait for, or until `limit`. */
static int errands_wait(struct rentbus_worker *worker, int64_t limit)
{
    int error = 0;
    for (;;) {
        int processed = rentbus_client_process(worker->client);
        errand_send(worker, true, clock_monotonic());
        if (worker->stale)
            return -ESTALE;
        if (processed < 0 || error)
            return processed < 0 ? processed : error;
        if (worker->errand_count == 0 && !(worker->handing_back && worker->fetching > 0))
            return 0;
        if (clock_monotonic() >= limit)
            return -ETIMEDOUT;
        worker_settle(worker);
        error = worker_wait(worker, limit);
        if (error == -EINTR && worker->closing)
            error = 0;
    }
}

int rentbus_worker_flush(struct rentbus_worker *worker, int timeout_ms)
{
    int error = errands_wait(worker, limit_of(timeout_ms));
    worker_settle(worker);
    return error;
}

/* What is in hand goes back at once. A fetch that waits at the daemon would be given events that
 * nobody handles: another one ends it. */
static int hand_back(struct rentbus_worker *worker, int64_t limit)
{
    int error = worker->fetching > 0 ? fetch_start(worker, 1, 0) : 0;
    worker->handing_back = true;
    if (worker->page_left > 0)
        deliveries_return(worker, &worker->page, worker->page_position);
    for (size_t i = 0; i < worker->held_count; i++)
        lease_return(worker, worker->held[i], false);
    worker->page_left = 0;
    worker->held_count = 0;
    return error ? error : errands_wait(worker, limit);
}

void rentbus_worker_close(struct rentbus_worker **worker)
{
    if (!worker || !*worker)
        return;
    struct rentbus_worker *closed = *worker;
    int64_t limit = clock_monotonic() + closed->timeout;
    closed->closing = true;
    int error = errands_wait(closed, limit);
    if (!error)
        error = hand_back(closed, limit);
    (void)error;
    worker_release(closed);
    *worker = NULL;
}
