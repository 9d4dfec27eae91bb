/* SPDX-License-Identifier: MPL-2.0 */
/* From the queues to the hands of workers, and back. */
#include <errno.h>

#include "daemon/bus/bus_state.h"
#include "sdk/protocol/cbor.h"
#include "sdk/protocol/text.h"

/* Events that lie so close in the journal are read in one go. */
#define RUN_GAP 256
/* Ends a reading that has found enough. */
#define HANDED 1

/* ---- from the queue to a worker ---- */

static void write_delivery(struct rentbus_buffer *out, const struct queue_delivery *delivery,
                           struct rentbus_bytes event)
{
    rentbus_cbor_write_map(out, 3);
    rentbus_cbor_write_text(out, "event", 5);
    rentbus_buffer_append(out, event.data, event.length);
    rentbus_cbor_write_text(out, "lease", 5);
    rentbus_cbor_write_uint(out, delivery->lease);
    rentbus_cbor_write_text(out, "attempt", 7);
    rentbus_cbor_write_uint(out, delivery->attempt);
}

/* Those of `taken` that are written, in the order of their seqs. */
struct handing {
    struct bus *bus;
    size_t count;
    size_t written;
};

static bool has_room(const struct handing *handing)
{
    return handing->written == 0 || handing->bus->deliveries.length < BUS_FETCH_BYTES_MAX;
}

static int hand_from_journal(void *context, uint64_t seq, struct rentbus_bytes event)
{
    struct handing *handing = context;
    const struct queue_delivery *delivery = &handing->bus->taken[handing->written];

    if (delivery->seq != seq)
        return 0;
    write_delivery(&handing->bus->deliveries, delivery, event);
    return ++handing->written == handing->count || !has_room(handing) ? HANDED : 0;
}

/* The seq of the last of those that follow closely. */
static uint64_t run_end(const struct handing *handing)
{
    const struct queue_delivery *taken = handing->bus->taken;
    size_t last = handing->written;

    while (last + 1 < handing->count && taken[last + 1].seq > taken[last].seq &&
           taken[last + 1].seq - taken[last].seq <= RUN_GAP)
        last++;
    return taken[last].seq;
}

static int hand_over(struct handing *handing)
{
    struct bus *bus = handing->bus;
    int r = 0;

    while (r >= 0 && handing->written < handing->count && has_room(handing)) {
        const struct queue_delivery *delivery = &bus->taken[handing->written];
        struct rentbus_bytes event;
        size_t before = handing->written;
        if (tail_get(&bus->tail, delivery->seq, &event)) {
            write_delivery(&bus->deliveries, delivery, event);
            handing->written++;
            continue;
        }
        r = journal_read(bus->settings.journal, delivery->seq, run_end(handing), hand_from_journal,
                         handing);
        if (r >= 0 && handing->written == before)
            r = -EBADMSG;
    }
    return r < 0 ? r : 0;
}

/* Takes what is ready for the worker. The rest, for which there is no room, goes back. */
static int hand_out(struct bus *bus, struct consumer *consumer, uint32_t worker, uint64_t credit,
                    int64_t now, struct rentbus_list *deliveries)
{
    struct handing handing = {.bus = bus};
    int64_t due = now + (int64_t)consumer->wants.lease_ms * MILLISECOND;

    rentbus_buffer_clear(&bus->deliveries);
    while (handing.count < credit && handing.count < BUS_CREDIT_MAX &&
           queue_take(consumer->queue, worker, due, &bus->taken[handing.count]))
        handing.count++;
    int r = hand_over(&handing);
    if (bus->deliveries.failed)
        r = -ENOMEM;
    for (size_t i = r ? 0 : handing.written; i < handing.count; i++)
        queue_return(consumer->queue, bus->taken[i].seq);
    if (handing.count > 0)
        bus_changed(bus, consumer);
    *deliveries =
        (struct rentbus_list){bus->deliveries.data, bus->deliveries.length, handing.written};
    return r;
}

void bus_dismiss(struct bus *bus, struct consumer *consumer, struct consumer_worker *worker,
                 const struct rentbus_fault *fault)
{
    struct rentbus_list none = {0};
    struct rentbus_bytes route = {worker->route.data, worker->route.length};

    worker->waiting = false;
    consumer->waiting_count--;
    bus->settings.answer(bus->settings.context, route, worker->request, fault ? NULL : &none,
                         fault);
}

void bus_serve(struct bus *bus, struct consumer *consumer, int64_t now)
{
    for (size_t i = 0; i < consumer->worker_count && !consumer->paused; i++) {
        struct consumer_worker *worker = &consumer->workers[i];
        struct rentbus_list deliveries;
        if (!worker->waiting)
            continue;
        int r = bus_feed(bus, consumer, worker->credit);
        if (r || queue_ready(consumer->queue) == 0)
            return;
        r = hand_out(bus, consumer, worker->number, worker->credit, now, &deliveries);
        if (r)
            return;
        struct rentbus_bytes route = {worker->route.data, worker->route.length};
        worker->waiting = false;
        consumer->waiting_count--;
        bus->settings.answer(bus->settings.context, route, worker->request, &deliveries, NULL);
    }
}

/* ---- requests ---- */

/* The consumer and the worker of a request, the worker being who it was or newer. */
static int find_hand(struct bus *bus, struct rentbus_text id, struct rentbus_text worker_id,
                     struct rentbus_uuid incarnation, int64_t now, struct consumer **consumer,
                     struct consumer_worker **worker, struct rentbus_fault *fault)
{
    int r = bus_require(bus, id, consumer, fault);

    if (r)
        return r;
    *worker = consumer_worker(*consumer, worker_id, incarnation, now);
    if (*worker)
        return 0;
    return rentbus_fault_set(fault, RENTBUS_ERROR_CONFLICT, "incarnation",
                             "a newer worker of that name has taken over");
}

static int check_fetch(const struct rentbus_fetch_args *args, struct rentbus_fault *fault)
{
    if (args->credit == 0 || args->credit > BUS_CREDIT_MAX)
        return rentbus_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, "credit",
                                 "is not from 1 to %d", BUS_CREDIT_MAX);
    if (RENTBUS_HAS(args, fetch_args, wait_ms) && args->wait_ms > BUS_WAIT_MAX_MS)
        return rentbus_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, "wait_ms",
                                 "is more than %d", BUS_WAIT_MAX_MS);
    return 0;
}

static int wait_for_events(struct bus *bus, struct consumer *consumer,
                           struct consumer_worker *worker, const struct rentbus_fetch_args *args,
                           const struct bus_request *request)
{
    /* The same request again: its answer was not lost, it is still to come. */
    bool again =
        worker->waiting && memcmp(&worker->request, &request->id, sizeof(request->id)) == 0;
    if (worker->waiting && !again)
        bus_dismiss(bus, consumer, worker, NULL);
    rentbus_buffer_clear(&worker->route);
    rentbus_buffer_append(&worker->route, request->route.data, request->route.length);
    if (worker->route.failed) {
        rentbus_buffer_release(&worker->route);
        consumer->waiting_count -= worker->waiting;
        worker->waiting = false;
        return -ENOMEM;
    }
    worker->request = request->id;
    worker->credit = args->credit;
    worker->until = request->now + (int64_t)args->wait_ms * MILLISECOND;
    consumer->waiting_count += !worker->waiting;
    worker->waiting = true;
    bus->next = INT64_MIN;
    return BUS_LATER;
}

int bus_fetch(struct bus *bus, const struct rentbus_fetch_args *args,
              const struct bus_request *request, struct rentbus_list *deliveries,
              struct rentbus_fault *fault)
{
    struct consumer *consumer;
    struct consumer_worker *worker;
    bool waits = RENTBUS_HAS(args, fetch_args, wait_ms) && args->wait_ms > 0;
    int r = check_fetch(args, fault);

    if (r == 0)
        r = find_hand(bus, args->id, args->worker, args->incarnation, request->now, &consumer,
                      &worker, fault);
    if (r)
        return r;
    consumer->fetched_at = request->now;
    consumer->stalled = false;
    *deliveries = (struct rentbus_list){0};
    if (!consumer->paused) {
        r = bus_feed(bus, consumer, args->credit);
        if (r == 0 && queue_ready(consumer->queue) > 0)
            return hand_out(bus, consumer, worker->number, args->credit, request->now, deliveries);
    }
    return r == 0 && waits ? wait_for_events(bus, consumer, worker, args, request) : r;
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

static int check_lease(const struct consumer *consumer, const struct consumer_worker *worker,
                       uint64_t seq, uint64_t lease, const char *field,
                       struct queue_delivery *delivery, struct rentbus_fault *fault)
{
    enum queue_verdict verdict = lease > UINT32_MAX ? QUEUE_UNKNOWN
                                                    : queue_check(consumer->queue, worker->number,
                                                                  seq, (uint32_t)lease, delivery);

    return verdict == QUEUE_DONE ? 0 : refuse_verdict(verdict, field, seq, fault);
}

/* Walks over the leases twice: checks all, then does all. */
static int check_leases(const struct consumer *consumer, const struct consumer_worker *worker,
                        const struct rentbus_list *leases, const char *field,
                        struct rentbus_fault *fault)
{
    struct rentbus_lease_ref ref;
    struct queue_delivery delivery;
    size_t position = 0;
    int r;

    if (leases->count == 0 || leases->count > BUS_CREDIT_MAX)
        return rentbus_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, field,
                                 "has not 1 to %d events", BUS_CREDIT_MAX);
    while ((r = rentbus_list_next(leases, &rentbus_lease_ref_schema, &position, &ref)) == 1) {
        r = check_lease(consumer, worker, ref.seq, ref.lease, field, &delivery, fault);
        if (r)
            return r;
    }
    return r;
}

int bus_ack(struct bus *bus, const struct rentbus_ack_args *args, int64_t now,
            struct rentbus_fault *fault)
{
    struct consumer *consumer;
    struct consumer_worker *worker;
    struct rentbus_lease_ref ref;
    size_t position = 0;
    int r =
        find_hand(bus, args->id, args->worker, args->incarnation, now, &consumer, &worker, fault);

    if (r == 0)
        r = check_leases(consumer, worker, &args->acks, "acks", fault);
    if (r)
        return r;
    while (rentbus_list_next(&args->acks, &rentbus_lease_ref_schema, &position, &ref) == 1)
        queue_finish(consumer->queue, ref.seq);
    consumer->acked += args->acks.count;
    bus->woken |= consumer->waiting_count > 0;
    bus_changed(bus, consumer);
    return 0;
}

/* The one event of an acknowledgement that publishes, in hand. */
static int find_single(struct bus *bus, const struct rentbus_ack_args *args, int64_t now,
                       struct consumer **consumer, struct queue_delivery *delivery,
                       struct rentbus_fault *fault)
{
    struct consumer_worker *worker;
    struct rentbus_lease_ref ref;
    size_t position = 0;
    int r =
        find_hand(bus, args->id, args->worker, args->incarnation, now, consumer, &worker, fault);

    if (r)
        return r;
    if (args->acks.count != 1)
        return rentbus_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, "acks",
                                 "has not exactly one event, whose handler publishes");
    r = rentbus_list_next(&args->acks, &rentbus_lease_ref_schema, &position, &ref);
    if (r != 1)
        return -EBADMSG;
    return check_lease(*consumer, worker, ref.seq, ref.lease, "acks", delivery, fault);
}

int bus_ack_publish(struct bus *bus, const struct rentbus_ack_args *args, int64_t now,
                    uint64_t *hops, uint64_t *cause, struct rentbus_fault *fault)
{
    struct consumer *consumer;
    struct queue_delivery delivery;
    int r = find_single(bus, args, now, &consumer, &delivery, fault);

    if (r == 0)
        r = bus_hops(bus, delivery.seq, hops, fault);
    if (r)
        return r;
    *cause = delivery.seq;
    if (++*hops > RENTBUS_HOPS_MAX) {
        bus_fail(bus, consumer, &delivery, rentbus_text("a loop: too many hops"), now, true, now);
        return rentbus_fault_set(fault, RENTBUS_ERROR_CONFLICT, "publish",
                                 "this event comes from itself, %d hops away: it is parked",
                                 RENTBUS_HOPS_MAX);
    }
    queue_hold(consumer->queue, delivery.seq);
    consumer->acked++;
    return 0;
}

void bus_ack_failed(struct bus *bus, const struct rentbus_ack_args *args, int64_t now)
{
    struct consumer *consumer = bus_find(bus, args->id);

    if (!consumer)
        return;
    consumer->acked--;
    queue_unhold(consumer->queue, now);
    bus->next = INT64_MIN;
}

void bus_fall_back(struct bus *bus, int64_t now)
{
    bus->creating = 0;
    bus->next = INT64_MIN;
    for (struct consumer *consumer = bus->first; consumer; consumer = consumer->next) {
        consumer->pending = 0;
        consumer->stalled = false;
        queue_unhold(consumer->queue, now);
    }
}

/* ---- failures ---- */

static void write_failure(struct rentbus_buffer *out, int64_t at, struct rentbus_text error)
{
    struct rentbus_failure failure = {0};

    RENTBUS_SET(&failure, failure, at, at);
    RENTBUS_SET(&failure, failure, error, error);
    rentbus_encode(&rentbus_failure_schema, &failure, out);
}

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
    if (bus->list.failed || bus_hops(bus, delivery->seq, &hops, &fault) ||
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
    bus_changed(bus, consumer);
    bus->woken = true;
    if (last && park(bus, consumer, delivery, error, now))
        return false;
    queue_retry(consumer->queue, delivery->seq, retry_at, now, error);
    return true;
}

int bus_nack(struct bus *bus, const struct rentbus_nack_args *args, int64_t now,
             struct rentbus_nack_result *result, struct rentbus_fault *fault)
{
    struct consumer *consumer;
    struct consumer_worker *worker;
    struct queue_delivery delivery;
    bool fatal = RENTBUS_HAS(args, nack_args, fatal) && args->fatal;
    struct rentbus_text error =
        RENTBUS_HAS(args, nack_args, error) ? args->error : rentbus_text("");
    int r =
        find_hand(bus, args->id, args->worker, args->incarnation, now, &consumer, &worker, fault);

    if (r == 0 && RENTBUS_HAS(args, nack_args, delay_ms) && args->delay_ms > BUS_DELAY_MAX_MS)
        return rentbus_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, "delay_ms",
                                 "is more than a day");
    if (r == 0)
        r = check_lease(consumer, worker, args->seq, args->lease, "seq", &delivery, fault);
    if (r)
        return r;
    int64_t at = RENTBUS_HAS(args, nack_args, delay_ms)
                     ? now + (int64_t)args->delay_ms * MILLISECOND
                     : consumer_retry_at(consumer, args->seq, delivery.attempt, now);
    bool retried = bus_fail(bus, consumer, &delivery, error, at, fatal, now);
    result->has = 0;
    RENTBUS_SET(result, nack_result, parked, !retried);
    if (retried)
        RENTBUS_SET(result, nack_result, retry_at, at);
    return 0;
}

int bus_extend(struct bus *bus, const struct rentbus_extend_args *args, int64_t now, int64_t *until,
               struct rentbus_fault *fault)
{
    struct consumer *consumer;
    struct consumer_worker *worker;
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
        (void)queue_extend(consumer->queue, worker->number, ref.seq, (uint32_t)ref.lease, *until);
    bus->next = INT64_MIN;
    return 0;
}
