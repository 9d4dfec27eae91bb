/* SPDX-License-Identifier: MPL-2.0 */
/* From the hands of workers: what is done, and what has failed. */
#include <errno.h>
#include <string.h>

#include "daemon/bus/bus_state.h"
#include "daemon/bus/items.h"
#include "sdk/protocol/text.h"

/* ---- failures ---- */

static void write_failure(struct rentbus_buffer *out, int64_t at, struct rentbus_text error)
{
    struct rentbus_failure failure = {0};

    RENTBUS_SET(&failure, failure, at, at);
    RENTBUS_SET(&failure, failure, error, error);
    rentbus_encode(&rentbus_failure_schema, &failure, out);
}

/* Not while something else about the consumer is on its way: it may begin anew. */
static bool park(struct bus *bus, struct consumer *consumer, const struct queue_delivery *delivery,
                 struct rentbus_text error, int64_t now)
{
    const struct queue_failure *failure = queue_failures(consumer->queue, delivery->seq);
    struct ledger_event *event = &bus->recording;
    struct rentbus_parked_data *data = &event->data.parked_data;
    struct rentbus_fault fault;
    uint64_t hops = 0;
    size_t count = 1;

    *event =
        (struct ledger_event){.type = RENTBUS_CONSUMER_PARKED_EVENT, .subject = consumer->wants.id};
    rentbus_buffer_clear(&bus->list);
    for (; failure; failure = failure->next, count++)
        write_failure(&bus->list, failure->at,
                      (struct rentbus_text){failure->error, failure->length});
    write_failure(&bus->list, now, error);
    RENTBUS_SET(data, parked_data, seq, delivery->seq);
    RENTBUS_SET(data, parked_data, consumer_id, consumer->wants.id);
    RENTBUS_SET(data, parked_data, attempts, delivery->attempt);
    RENTBUS_SET(data, parked_data, failures,
                ((struct rentbus_list){bus->list.data, bus->list.length, count}));
    if (bus->list.failed || consumer->pending > bus->head ||
        bus_hops(bus, delivery->seq, &hops, &fault) ||
        bus->settings.record(bus->settings.context, event, hops + 1, now))
        return false;
    queue_hold(consumer->queue, delivery->seq);
    return true;
}

bool bus_fail(struct bus *bus, struct consumer *consumer, const struct queue_delivery *delivery,
              struct rentbus_text error, int64_t retry_at, bool fatal, int64_t now)
{
    bool last = fatal || delivery->attempt >= consumer->wants.max_attempts;

    consumer->failed++;
    pace_add(&consumer->failed_pace, now, 1);
    bus_changed(bus, consumer);
    bus->woken = true;
    if (last && park(bus, consumer, delivery, error, now))
        return false;
    queue_retry(consumer->queue, delivery->seq, retry_at, now, error);
    return true;
}

/* ---- leases ---- */

/* The consumer of a request about what a worker has in hand, and the worker's number: 0 when it has
 * nothing, because it is not known or newer than the one that is. */
static int find_hand(struct bus *bus, struct rentbus_text id, struct rentbus_text worker_id,
                     struct rentbus_uuid incarnation, int64_t now, struct consumer **consumer,
                     uint32_t *worker, struct rentbus_fault *fault)
{
    int r = bus_require(bus, id, consumer, fault);

    bus->now = now;
    if (r)
        return r;
    struct consumer_worker *known = consumer_find_worker(*consumer, worker_id);
    int newer = known ? memcmp(&incarnation, &known->incarnation, sizeof(incarnation)) : 1;
    if (newer < 0)
        return rentbus_fault_set(fault, RENTBUS_ERROR_CONFLICT, "incarnation",
                                 "a newer worker of that name has taken over");
    *worker = newer == 0 ? known->number : 0;
    if (newer == 0) {
        known->seen_at = now;
        (*consumer)->fetched_at = now;
    }
    return 0;
}

static int refuse_verdict(enum queue_verdict verdict, const char *field, uint64_t seq,
                          struct rentbus_fault *fault)
{
    static const struct {
        enum rentbus_error_code code;
        const char *message;
    } refusals[] = {
        [QUEUE_UNKNOWN] = {RENTBUS_ERROR_NOT_FOUND, "is in nobody's hands: it may be done already"},
        [QUEUE_FOREIGN] = {RENTBUS_ERROR_CONFLICT, "is in the hands of another worker"},
        [QUEUE_EXPIRED] = {RENTBUS_ERROR_CONFLICT, "is no longer yours: the lease has ended"},
    };

    return rentbus_fault_set(fault, refusals[verdict].code, field, "the event %llu %s",
                             (unsigned long long)seq, refusals[verdict].message);
}

static int check_lease(const struct consumer *consumer, uint32_t worker, uint64_t seq,
                       uint64_t lease, const char *field, struct queue_delivery *delivery,
                       struct rentbus_fault *fault)
{
    enum queue_verdict verdict =
        lease > UINT32_MAX ? QUEUE_UNKNOWN
                           : queue_check(consumer->queue, worker, seq, (uint32_t)lease, delivery);

    return verdict == QUEUE_DONE ? 0 : refuse_verdict(verdict, field, seq, fault);
}

/* Walks over the leases twice: checks all, then does all. */
static int check_leases(const struct consumer *consumer, uint32_t worker,
                        const struct rentbus_list *leases, const char *field,
                        struct rentbus_fault *fault)
{
    struct rentbus_lease_ref ref;
    struct queue_delivery delivery = {0};
    size_t position = 0;
    int r;

    if (leases->count == 0 || leases->count > BUS_CREDIT_MAX)
        return rentbus_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, field,
                                 "has not 1 to %d events", BUS_CREDIT_MAX);
    while ((r = items_next(leases, &rentbus_lease_ref_schema, &position, &ref, field, fault)) ==
           1) {
        r = check_lease(consumer, worker, ref.seq, ref.lease, field, &delivery, fault);
        if (r)
            return r;
    }
    return r;
}

/* ---- acknowledgements ---- */

int bus_ack(struct bus *bus, const struct rentbus_ack_args *args, int64_t now, uint64_t *acked,
            struct rentbus_fault *fault)
{
    struct consumer *consumer = NULL;
    uint32_t worker = 0;
    struct rentbus_lease_ref ref;
    size_t position = 0;
    int r =
        find_hand(bus, args->id, args->worker, args->incarnation, now, &consumer, &worker, fault);

    if (r == 0)
        r = check_leases(consumer, worker, &args->acks, "acks", fault);
    if (r)
        return r;
    *acked = 0;
    while (rentbus_list_next(&args->acks, &rentbus_lease_ref_schema, &position, &ref) == 1)
        *acked += queue_finish(consumer->queue, ref.seq);
    consumer->acked += *acked;
    pace_add(&consumer->acked_pace, now, *acked);
    bus->woken |= consumer->waiting_count > 0;
    bus_changed(bus, consumer);
    return 0;
}

/* The one event of an acknowledgement that publishes, in hand. */
static int find_single(struct bus *bus, const struct rentbus_ack_args *args, int64_t now,
                       struct consumer **consumer, struct queue_delivery *delivery,
                       struct rentbus_fault *fault)
{
    uint32_t worker = 0;
    struct rentbus_lease_ref ref;
    size_t position = 0;
    int r =
        find_hand(bus, args->id, args->worker, args->incarnation, now, consumer, &worker, fault);

    if (r)
        return r;
    if (args->acks.count != 1)
        return rentbus_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, "acks",
                                 "has not exactly one event, whose handler publishes");
    r = items_next(&args->acks, &rentbus_lease_ref_schema, &position, &ref, "acks", fault);
    if (r != 1)
        return r;
    return check_lease(*consumer, worker, ref.seq, ref.lease, "acks", delivery, fault);
}

static int refuse_loop(struct bus *bus, struct consumer *consumer,
                       const struct queue_delivery *delivery, int64_t now,
                       struct rentbus_fault *fault)
{
    struct rentbus_text error = rentbus_text("a loop: too many hops");
    int64_t retry_at = consumer_retry_at(consumer, delivery->seq, delivery->attempt, now);
    bool parked = !bus_fail(bus, consumer, delivery, error, retry_at, true, now);

    return rentbus_fault_set(fault, RENTBUS_ERROR_CONFLICT, "publish",
                             "this event comes from itself, %d hops away%s", RENTBUS_HOPS_MAX,
                             parked ? ": it is parked" : "");
}

int bus_ack_publish(struct bus *bus, const struct rentbus_ack_args *args, int64_t now,
                    uint64_t *hops, uint64_t *cause, struct rentbus_fault *fault)
{
    struct consumer *consumer = NULL;
    struct queue_delivery delivery = {0};
    int r = find_single(bus, args, now, &consumer, &delivery, fault);

    if (r == 0 && consumer->pending > bus->head) {
        bus->awaited = consumer->pending;
        return BUS_AGAIN;
    }
    if (r == 0)
        r = bus_hops(bus, delivery.seq, hops, fault);
    if (r)
        return r;
    *cause = delivery.seq;
    return ++*hops > RENTBUS_HOPS_MAX ? refuse_loop(bus, consumer, &delivery, now, fault) : 0;
}

void bus_ack_recorded(struct bus *bus, struct rentbus_text id, uint64_t cause)
{
    struct consumer *consumer = bus_find(bus, id);

    if (consumer)
        queue_hold(consumer->queue, cause);
    bus->next = INT64_MIN;
}

/* ---- the others ---- */

static bool is_untried(const struct rentbus_nack_args *args)
{
    return RENTBUS_HAS(args, nack_args, untried) && args->untried;
}

/* What stands beside `untried` says something of an attempt. */
static int check_nack(const struct rentbus_nack_args *args, struct rentbus_fault *fault)
{
    static const struct {
        uint64_t bit;
        const char *field;
    } others[] = {
        {RENTBUS_BIT(nack_args, error), "error"},
        {RENTBUS_BIT(nack_args, fatal), "fatal"},
        {RENTBUS_BIT(nack_args, delay_ms), "delay_ms"},
    };

    if (RENTBUS_HAS(args, nack_args, delay_ms) && args->delay_ms > BUS_DELAY_MAX_MS)
        return rentbus_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, "delay_ms",
                                 "is more than a day");
    for (size_t i = 0; is_untried(args) && i < sizeof(others) / sizeof(*others); i++)
        if (args->has & others[i].bit)
            return rentbus_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, others[i].field,
                                     "stands beside untried");
    return 0;
}

/* It is there for the next one, as if it had never been handed out. */
static void give_back(struct bus *bus, struct consumer *consumer, uint64_t seq)
{
    queue_return(consumer->queue, seq);
    bus_changed(bus, consumer);
    bus->woken = true;
}

int bus_nack(struct bus *bus, const struct rentbus_nack_args *args, int64_t now,
             struct rentbus_nack_result *result, struct rentbus_fault *fault)
{
    struct consumer *consumer = NULL;
    uint32_t worker = 0;
    struct queue_delivery delivery = {0};
    bool fatal = RENTBUS_HAS(args, nack_args, fatal) && args->fatal;
    struct rentbus_text error =
        RENTBUS_HAS(args, nack_args, error) ? args->error : rentbus_text("");
    int r =
        find_hand(bus, args->id, args->worker, args->incarnation, now, &consumer, &worker, fault);

    if (r == 0)
        r = check_nack(args, fault);
    if (r == 0)
        r = check_lease(consumer, worker, args->seq, args->lease, "seq", &delivery, fault);
    if (r)
        return r;
    int64_t at = RENTBUS_HAS(args, nack_args, delay_ms)
                     ? now + (int64_t)args->delay_ms * MILLISECOND
                     : consumer_retry_at(consumer, args->seq, delivery.attempt, now);
    bool retried = true;
    if (is_untried(args)) {
        at = now;
        give_back(bus, consumer, args->seq);
    } else {
        retried = bus_fail(bus, consumer, &delivery, error, at, fatal, now);
    }
    result->has = 0;
    RENTBUS_SET(result, nack_result, parked, !retried);
    if (retried)
        RENTBUS_SET(result, nack_result, retry_at, at);
    return 0;
}

int bus_extend(struct bus *bus, const struct rentbus_extend_args *args, int64_t now, int64_t *until,
               struct rentbus_fault *fault)
{
    struct consumer *consumer = NULL;
    uint32_t worker = 0;
    struct rentbus_lease_ref ref;
    size_t position = 0;
    bool given = RENTBUS_HAS(args, extend_args, lease_ms);
    int r =
        find_hand(bus, args->id, args->worker, args->incarnation, now, &consumer, &worker, fault);

    if (r == 0 && given && (args->lease_ms == 0 || args->lease_ms > BUS_DELAY_MAX_MS))
        return rentbus_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, "lease_ms",
                                 "is not from 1 ms to a day");
    if (r == 0)
        r = check_leases(consumer, worker, &args->leases, "leases", fault);
    if (r)
        return r;
    *until = now + (int64_t)(given ? args->lease_ms : consumer->wants.lease_ms) * MILLISECOND;
    while (rentbus_list_next(&args->leases, &rentbus_lease_ref_schema, &position, &ref) == 1)
        (void)queue_extend(consumer->queue, worker, ref.seq, (uint32_t)ref.lease, *until);
    bus->next = INT64_MIN;
    return 0;
}
