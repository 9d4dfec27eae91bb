/* SPDX-License-Identifier: MPL-2.0 */
/*
 * What a worker says of events that were in its hands. An errand lasts until the daemon has
 * answered it, over as many calls as that takes: all of them are safe to repeat, for a lease counts
 * once, and what is published is known by the id of its request.
 */
#include "sdk/client.h"
#include "sdk/clock.h"
#include "sdk/protocol/cbor.h"
#include "sdk/protocol/codec.h"
#include "sdk/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Acknowledgements wait so long for others. */
#define GATHER_TIME INT64_C(2000)
/* After a call that came to nothing. */
#define ERRAND_PAUSE INT64_C(250000)

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* ---- errands ---- */

static struct errand *errand_create(struct rentbus_worker *worker, enum rentbus_op op)
{
    struct errand *errand = calloc(1, sizeof(*errand));
    if (!errand)
        return NULL;
    errand->worker = worker;
    errand->op = op;
    errand->delay_ms = RENTBUS_DELAY_DEFAULT;
    if (rentbus_client_command_id(worker->client, &errand->id) != 0) {
        free(errand);
        return NULL;
    }
    return errand;
}

void errand_drop(struct errand *errand)
{
    rentbus_buffer_release(&errand->leases);
    rentbus_buffer_release(&errand->publish);
    rentbus_buffer_release(&errand->error);
    free(errand);
}

struct errand *errand_create_single(struct rentbus_worker *worker, enum rentbus_op op,
                                    struct rentbus_lease_ref lease)
{
    struct errand *errand = errand_create(worker, op);
    if (!errand)
        return NULL;
    rentbus_encode(&rentbus_lease_ref_schema, &lease, &errand->leases);
    errand->lease_count = 1;
    errand->lease = lease;
    if (!errand->leases.failed)
        return errand;
    errand_drop(errand);
    return NULL;
}

static void errand_end(struct errand *errand)
{
    struct rentbus_worker *worker = errand->worker;
    TAILQ_REMOVE(&worker->errands, errand, link);
    worker->errand_count--;
    worker->publishing -= errand->publish_count > 0;
    errand_drop(errand);
}

void errand_clear(struct rentbus_worker *worker)
{
    struct errand *next;
    for (struct errand *errand = TAILQ_FIRST(&worker->errands); errand; errand = next) {
        next = TAILQ_NEXT(errand, link);
        errand_end(errand);
    }
}

/* ---- answers ---- */

static void errand_add_or_fail(struct rentbus_worker *worker, struct errand *errand);

/* What was sent more than once may have been done the first time. */
static bool errand_repeated(const struct errand *errand)
{
    return errand->repeated || errand->tries > 1 || errand->worker->client->ended_resends > 0;
}

/* The same for each of its events, so that one that was lost does not take the others with it. */
static void errand_split(const struct errand *errand)
{
    struct rentbus_worker *worker = errand->worker;
    struct rentbus_list leases = {errand->leases.data, errand->leases.length, errand->lease_count};
    struct rentbus_lease_ref lease;
    size_t position = 0;
    while (rentbus_list_next(&leases, &rentbus_lease_ref_schema, &position, &lease) == 1) {
        struct errand *single = errand_create_single(worker, errand->op, lease);
        if (single)
            single->repeated = errand_repeated(errand);
        errand_add_or_fail(worker, single);
    }
}

/* It is somebody else's by now, or nobody's; unless we are told so of what we have done. */
static void errand_lost(const struct errand *errand, int status)
{
    struct rentbus_worker *worker = errand->worker;
    bool extends = errand->op == RENTBUS_OP_consumer_extend;
    if (status == RENTBUS_ERROR_NOT_FOUND && !extends && errand_repeated(errand))
        return;
    worker->lost++;
    size_t place = worker_find(worker, errand->lease);
    if (place < worker->held_count)
        worker_forget(worker, place);
}

/* What was to be published is not fit for it: no other attempt would be, with the same handler. */
static void errand_refused(const struct errand *errand, const struct rentbus_fault *fault)
{
    struct rentbus_worker *worker = errand->worker;
    struct errand *back = errand_create_single(worker, RENTBUS_OP_consumer_nack, errand->lease);
    if (back)
        rentbus_buffer_append(&back->error, fault->message, strlen(fault->message));
    errand_add_or_fail(worker, back);
}

/* A lease is not what it was: not that there is no such consumer, which names the field id. */
static bool lease_gone(int status, const struct rentbus_fault *fault)
{
    bool told = status == RENTBUS_ERROR_CONFLICT || status == RENTBUS_ERROR_NOT_FOUND;
    return told && strcmp(fault->field, "id") != 0;
}

static void errand_answered(struct errand *errand, int status, const struct rentbus_fault *fault)
{
    struct rentbus_worker *worker = errand->worker;
    if (status > 0)
        worker->fault = *fault;
    if (status <= 0 || worker_fenced(status, fault))
        worker_fail(worker, status, fault);
    else if (lease_gone(status, fault) && errand->lease_count > 1)
        errand_split(errand);
    else if (lease_gone(status, fault))
        errand_lost(errand, status);
    else if (errand->publish_count > 0 && status == RENTBUS_ERROR_INVALID_ARGUMENT)
        errand_refused(errand, fault);
    else
        worker_fail(worker, status, fault);
}

static bool status_passes(int status)
{
    return status == -ETIMEDOUT || status == RENTBUS_ERROR_BUSY ||
           status == RENTBUS_ERROR_UNAVAILABLE;
}

static void errand_done(void *context, const struct rentbus_completion *completion)
{
    struct errand *errand = context;
    struct rentbus_worker *worker = errand->worker;
    errand->started = false;
    if (status_passes(completion->status)) {
        worker->errand_after = clock_monotonic() + ERRAND_PAUSE;
        return;
    }
    if (completion->status != 0 && completion->status != -ECANCELED)
        errand_answered(errand, completion->status, completion->fault);
    errand_end(errand);
}

/* ---- requests ---- */

static int ack_start(struct errand *errand)
{
    const struct rentbus_worker *worker = errand->worker;
    const struct rentbus_buffer *leases = &errand->leases;
    struct rentbus_list publish = {errand->publish.data, errand->publish.length,
                                   errand->publish_count};
    struct rentbus_list acks = {leases->data, leases->length, errand->lease_count};
    struct rentbus_ack_args args = {0};
    RENTBUS_SET(&args, ack_args, id, rentbus_text(worker->consumer));
    RENTBUS_SET(&args, ack_args, acks, acks);
    RENTBUS_SET(&args, ack_args, worker, rentbus_text(worker->name));
    RENTBUS_SET(&args, ack_args, incarnation, worker->incarnation);
    if (publish.count > 0)
        RENTBUS_SET(&args, ack_args, publish, publish);
    return rentbus_call_start(worker->client, errand->op, &errand->id, &args, errand_done, errand);
}

static int extend_start(struct errand *errand)
{
    const struct rentbus_worker *worker = errand->worker;
    struct rentbus_list leases = {errand->leases.data, errand->leases.length, errand->lease_count};
    struct rentbus_extend_args args = {0};
    RENTBUS_SET(&args, extend_args, id, rentbus_text(worker->consumer));
    RENTBUS_SET(&args, extend_args, leases, leases);
    RENTBUS_SET(&args, extend_args, worker, rentbus_text(worker->name));
    RENTBUS_SET(&args, extend_args, incarnation, worker->incarnation);
    if (errand->lease_ms > 0)
        RENTBUS_SET(&args, extend_args, lease_ms, errand->lease_ms);
    return rentbus_call_start(worker->client, errand->op, &errand->id, &args, errand_done, errand);
}

static int nack_start(struct errand *errand)
{
    const struct rentbus_worker *worker = errand->worker;
    struct rentbus_text error = {(const char *)errand->error.data, errand->error.length};
    struct rentbus_nack_args args = {0};
    RENTBUS_SET(&args, nack_args, id, rentbus_text(worker->consumer));
    RENTBUS_SET(&args, nack_args, seq, errand->lease.seq);
    RENTBUS_SET(&args, nack_args, lease, errand->lease.lease);
    RENTBUS_SET(&args, nack_args, worker, rentbus_text(worker->name));
    RENTBUS_SET(&args, nack_args, incarnation, worker->incarnation);
    if (error.length > 0)
        RENTBUS_SET(&args, nack_args, error, error);
    if (errand->fatal)
        RENTBUS_SET(&args, nack_args, fatal, true);
    if (errand->untried)
        RENTBUS_SET(&args, nack_args, untried, true);
    if (errand->delay_ms >= 0)
        RENTBUS_SET(&args, nack_args, delay_ms, (uint64_t)errand->delay_ms);
    return rentbus_call_start(worker->client, errand->op, &errand->id, &args, errand_done, errand);
}

/* 0, also when the client has no room for it now. */
static int errand_start(struct errand *errand)
{
    int error = 0;
    if (errand->op == RENTBUS_OP_consumer_ack)
        error = ack_start(errand);
    else if (errand->op == RENTBUS_OP_consumer_extend)
        error = extend_start(errand);
    else
        error = nack_start(errand);
    errand->started = error == 0;
    errand->tries += error == 0;
    return error == -EAGAIN ? 0 : error;
}

int errand_add(struct rentbus_worker *worker, struct errand *errand)
{
    TAILQ_INSERT_TAIL(&worker->errands, errand, link);
    worker->errand_count++;
    worker->publishing += errand->publish_count > 0;
    int error = errand_start(errand);
    if (error > 0)
        worker->fault = *rentbus_client_fault(worker->client);
    if (error)
        errand_end(errand);
    return error;
}

/* What cannot be sent at all is told, and the lease of its event ends by itself. */
static void errand_add_or_fail(struct rentbus_worker *worker, struct errand *errand)
{
    int error = errand ? errand_add(worker, errand) : -ENOMEM;
    if (error)
        worker_fail(worker, error, NULL);
}

/* ---- what it says ---- */

int errand_publish(struct errand *errand, const struct rentbus_new_event *events, size_t count)
{
    struct rentbus_buffer *out = &errand->publish;
    for (size_t i = 0; i < count; i++) {
        size_t start = out->length;
        struct rentbus_new_event checked;
        rentbus_encode(&rentbus_new_event_schema, &events[i], out);
        if (out->failed)
            return -ENOMEM;
        struct rentbus_bytes bytes = {out->data + start, out->length - start};
        enum rentbus_cbor_check check = rentbus_cbor_check(bytes, &rentbus_request_limits);
        int error = check == RENTBUS_CBOR_OK
                        ? rentbus_decode(&rentbus_new_event_schema, bytes, RENTBUS_STRICT, &checked,
                                         &errand->worker->fault)
                        : rentbus_fault_set(&errand->worker->fault, RENTBUS_ERROR_INVALID_ARGUMENT,
                                            "data", "%s", rentbus_cbor_check_text(check));
        if (error)
            return error;
    }
    errand->publish_count = count;
    return 0;
}

void errand_explain(struct errand *errand, const char *error)
{
    size_t length = error ? strlen(error) : 0;
    if (length > RENTBUS_TEXT_MAX) {
        length = RENTBUS_TEXT_MAX;
        while (length > 0 && ((uint8_t)error[length] & 0xc0) == 0x80)
            length--;
    }
    if (length > 0 && rentbus_utf8_valid(error, length))
        rentbus_buffer_append(&errand->error, error, length);
    else if (length > 0)
        rentbus_buffer_append(&errand->error, "(not UTF-8)", strlen("(not UTF-8)"));
}

/* ---- acknowledgements ---- */

static void acks_flush(struct rentbus_worker *worker)
{
    if (worker->ack_count == 0)
        return;
    struct errand *errand = errand_create(worker, RENTBUS_OP_consumer_ack);
    if (!errand) {
        worker_fail(worker, -ENOMEM, NULL);
        return;
    }
    errand->leases = worker->acks;
    errand->lease_count = worker->ack_count;
    errand->lease = worker->ack_last;
    worker->acks = (struct rentbus_buffer){0};
    worker->ack_count = 0;
    worker->flush_at = CLOCK_NEVER;
    errand_add_or_fail(worker, errand);
}

int errand_gather(struct rentbus_worker *worker, struct rentbus_lease_ref lease, int64_t now)
{
    size_t place = worker_find(worker, lease);
    if (place == worker->held_count)
        return -ENOENT;
    size_t length = worker->acks.length;
    rentbus_encode(&rentbus_lease_ref_schema, &lease, &worker->acks);
    if (worker->acks.failed) {
        worker->acks.length = length;
        worker->acks.failed = false;
        return -ENOMEM;
    }
    worker_forget(worker, place);
    worker->ack_last = lease;
    if (worker->ack_count++ == 0)
        worker->flush_at = now + GATHER_TIME;
    if (worker->ack_count == WORKER_ACKS_MAX || now >= worker->flush_at)
        acks_flush(worker);
    return 0;
}

void errand_send(struct rentbus_worker *worker, bool flush, int64_t now)
{
    if (flush || now >= worker->flush_at)
        acks_flush(worker);
    if (now < worker->errand_after || worker->stale)
        return;
    struct errand *next;
    for (struct errand *errand = TAILQ_FIRST(&worker->errands); errand; errand = next) {
        next = TAILQ_NEXT(errand, link);
        int error = errand->started ? 0 : errand_start(errand);
        if (error) {
            worker_fail(worker, error, rentbus_client_fault(worker->client));
            errand_end(errand);
        }
    }
}

int64_t errand_due(const struct rentbus_worker *worker)
{
    const struct errand *errand;
    TAILQ_FOREACH(errand, &worker->errands, link)
    {
        if (!errand->started)
            return earlier(worker->errand_after, worker->flush_at);
    }
    return worker->flush_at;
}
