/* SPDX-License-Identifier: MPL-2.0 */
/* From the queues to the hands of workers. */
#include <errno.h>
#include <string.h>

#include "daemon/bus/bus_state.h"
#include "sdk/protocol/cbor.h"
#include "sdk/protocol/text.h"

/* Events that lie so close in the journal are read in one go. */
#define RUN_GAP 256
/* Ends a reading that has found enough. */
#define HANDED 1
/* Events of the journal that one fetch looks at; less when it may wait for the rest. */
#define FETCH_PATIENCE 20000
#define FETCH_PATIENCE_WAITING 2048

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

/* Writes the first `count` of `taken`, as far as there is room; how many these were is in
 * deliveries->count. */
static int write_taken(struct bus *bus, size_t count, struct rentbus_list *deliveries)
{
    struct handing handing = {.bus = bus, .count = count};

    rentbus_buffer_clear(&bus->deliveries);
    int r = hand_over(&handing);
    if (r == 0 && bus->deliveries.failed)
        r = -ENOMEM;
    *deliveries =
        (struct rentbus_list){bus->deliveries.data, bus->deliveries.length, handing.written};
    return r;
}

/* Takes what is ready for the worker, who asks by `request`. The rest, for which there is no room,
 * goes back. */
static int hand_out(struct bus *bus, struct consumer *consumer, struct consumer_worker *worker,
                    const struct rentbus_uuid *request, uint64_t credit, int64_t now,
                    struct rentbus_list *deliveries)
{
    int64_t due = now + (int64_t)consumer->wants.lease_ms * MILLISECOND;
    size_t count = 0;

    worker->first_lease = queue_leases(consumer->queue) + 1;
    while (count < credit && count < BUS_CREDIT_MAX &&
           queue_take(consumer->queue, worker->number, due, &bus->taken[count]))
        count++;
    int r = write_taken(bus, count, deliveries);
    for (size_t i = r ? 0 : deliveries->count; i < count; i++)
        queue_return(consumer->queue, bus->taken[i].seq);
    worker->answered = r == 0;
    worker->answered_request = *request;
    worker->last_lease = queue_leases(consumer->queue);
    bus_changed(bus, consumer);
    return r;
}

void bus_dismiss(struct bus *bus, struct consumer *consumer, struct consumer_worker *worker,
                 const struct rentbus_fault *fault)
{
    struct rentbus_list none = {0};
    struct rentbus_bytes route = {worker->route.data, worker->route.length};

    worker->waiting = false;
    consumer->waiting_count--;
    (void)bus->settings.answer(bus->settings.context, route, worker->request, fault ? NULL : &none,
                               fault);
}

/* Who waited is gone: the first `count` of `taken` are for the next one, and were no attempt. */
static void take_back(struct bus *bus, struct consumer *consumer, struct consumer_worker *worker,
                      size_t count)
{
    worker->answered = false;
    for (size_t i = 0; i < count; i++)
        queue_return(consumer->queue, bus->taken[i].seq);
}

/* What it would be handed next is no longer kept: somebody has to say where it goes on. */
static int refuse_trimmed(struct bus *bus, const struct consumer *consumer,
                          struct rentbus_fault *fault)
{
    struct journal_head base = {0};
    int r = journal_reader_base(bus->settings.journal, &base);

    if (r)
        return r;
    return rentbus_fault_set(fault, RENTBUS_ERROR_TRIMMED, "id",
                             "has done the events up to seq %llu, and the journal begins with seq "
                             "%llu: reset the consumer",
                             (unsigned long long)consumer_cursor(consumer),
                             (unsigned long long)base.seq + 1);
}

static void dismiss_all(struct bus *bus, struct consumer *consumer)
{
    struct rentbus_fault fault;

    if (refuse_trimmed(bus, consumer, &fault) < 0)
        return;
    for (size_t i = 0; i < consumer->worker_count; i++)
        if (consumer->workers[i].waiting)
            bus_dismiss(bus, consumer, &consumer->workers[i], &fault);
}

void bus_serve(struct bus *bus, struct consumer *consumer, int64_t now)
{
    int r = 0;

    for (size_t i = 0; i < consumer->worker_count && !consumer->paused && r == 0; i++) {
        struct consumer_worker *worker = &consumer->workers[i];
        struct rentbus_list deliveries;
        if (!worker->waiting)
            continue;
        r = bus_feed(bus, consumer, worker->credit, &bus->patience);
        if (r == 0 && queue_ready(consumer->queue) == 0)
            break;
        if (r == 0)
            r = hand_out(bus, consumer, worker, &worker->request, worker->credit, now, &deliveries);
        if (r)
            break;
        struct rentbus_bytes route = {worker->route.data, worker->route.length};
        worker->waiting = false;
        worker->seen_at = now;
        consumer->fetched_at = now;
        consumer->waiting_count--;
        if (!bus->settings.answer(bus->settings.context, route, worker->request, &deliveries, NULL))
            take_back(bus, consumer, worker, deliveries.count);
    }
    if (r == JOURNAL_TRIMMED)
        dismiss_all(bus, consumer);
    bus_note(bus, consumer, r);
}

/* ---- fetches ---- */

static int refuse_fenced(struct rentbus_fault *fault)
{
    return rentbus_fault_set(fault, RENTBUS_ERROR_CONFLICT, "incarnation",
                             "a newer worker of that name has taken over");
}

/* What the older worker had in hand has failed: it may be what ended it. It is tried again at once,
 * or parked. */
static void take_over(struct bus *bus, struct consumer *consumer, struct consumer_worker *older)
{
    struct rentbus_fault fenced;
    size_t count;

    if (older->waiting) {
        refuse_fenced(&fenced);
        bus_dismiss(bus, consumer, older, &fenced);
    }
    while ((count = queue_held(consumer->queue, older->number, 0, UINT32_MAX, bus->taken,
                               BUS_CREDIT_MAX)) > 0)
        for (size_t i = 0; i < count; i++)
            bus_fail(bus, consumer, &bus->taken[i], rentbus_text("its worker began anew"), bus->now,
                     false, bus->now);
    bus_end_leases(bus, consumer, bus->now);
}

/* The worker of a fetch. */
static int join(struct bus *bus, struct consumer *consumer, const struct rentbus_fetch_args *args,
                struct consumer_worker **worker, struct rentbus_fault *fault)
{
    struct consumer_worker *known = consumer_find_worker(consumer, args->worker);
    bool newer =
        known && memcmp(&args->incarnation, &known->incarnation, sizeof(args->incarnation)) > 0;

    if (newer)
        take_over(bus, consumer, known);
    int r = consumer_join(consumer, args->worker, args->incarnation, bus->now, worker);
    if (r == -ESTALE)
        return refuse_fenced(fault);
    if (r == -EUSERS) {
        rentbus_fault_set(fault, RENTBUS_ERROR_BUSY, "worker", "comes to %d others, who all wait",
                          CONSUMER_WORKERS_MAX);
        fault->retry_after_ms = BUS_CROWD_RETRY_MS;
        return RENTBUS_ERROR_BUSY;
    }
    return r;
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

/* The fetch that waits, if there is one, is over: this one comes instead. The same one again gets
 * its answer by this one. */
static void end_former(struct bus *bus, struct consumer *consumer, struct consumer_worker *worker,
                       const struct rentbus_uuid *request)
{
    bool same = memcmp(&worker->request, request, sizeof(*request)) == 0;

    if (worker->waiting && !same)
        bus_dismiss(bus, consumer, worker, NULL);
    consumer->waiting_count -= worker->waiting;
    worker->waiting = false;
}

static int wait_for_events(struct bus *bus, struct consumer *consumer,
                           struct consumer_worker *worker, const struct rentbus_fetch_args *args,
                           const struct bus_request *request)
{
    rentbus_buffer_clear(&worker->route);
    rentbus_buffer_append(&worker->route, request->route.data, request->route.length);
    if (worker->route.failed) {
        rentbus_buffer_release(&worker->route);
        return -ENOMEM;
    }
    worker->request = request->id;
    worker->credit = args->credit;
    worker->until = request->now + (int64_t)args->wait_ms * MILLISECOND;
    worker->waiting = true;
    consumer->waiting_count++;
    bus->next = INT64_MIN;
    bus->woken |= bus_behind(bus, consumer);
    return BUS_LATER;
}

/* The request was answered, and the answer seems to be lost: what the worker still has of it. */
static int hand_again(struct bus *bus, struct consumer *consumer,
                      const struct consumer_worker *worker, struct rentbus_list *deliveries)
{
    size_t count = queue_held(consumer->queue, worker->number, worker->first_lease,
                              worker->last_lease, bus->taken, BUS_CREDIT_MAX);

    return write_taken(bus, count, deliveries);
}

static int fetch(struct bus *bus, struct consumer *consumer, struct consumer_worker *worker,
                 const struct rentbus_fetch_args *args, const struct bus_request *request,
                 struct rentbus_list *deliveries)
{
    bool waits = RENTBUS_HAS(args, fetch_args, wait_ms) && args->wait_ms > 0;
    size_t patience = waits ? FETCH_PATIENCE_WAITING : FETCH_PATIENCE;

    if (!consumer->paused) {
        int r = bus_feed(bus, consumer, args->credit, &patience);
        if (r)
            return r;
        if (queue_ready(consumer->queue) > 0)
            return hand_out(bus, consumer, worker, &request->id, args->credit, request->now,
                            deliveries);
    }
    return waits ? wait_for_events(bus, consumer, worker, args, request) : 0;
}

int bus_fetch(struct bus *bus, const struct rentbus_fetch_args *args,
              const struct bus_request *request, struct rentbus_list *deliveries,
              struct rentbus_fault *fault)
{
    struct consumer *consumer = NULL;
    struct consumer_worker *worker = NULL;
    int r = check_fetch(args, fault);

    bus->now = request->now;
    if (r == 0)
        r = bus_require(bus, args->id, &consumer, fault);
    if (r == 0)
        r = join(bus, consumer, args, &worker, fault);
    if (r)
        return r;
    consumer->fetched_at = request->now;
    consumer->stalling = false;
    consumer->stalled = false;
    *deliveries = (struct rentbus_list){0};
    end_former(bus, consumer, worker, &request->id);
    if (worker->answered &&
        memcmp(&worker->answered_request, &request->id, sizeof(request->id)) == 0)
        r = hand_again(bus, consumer, worker, deliveries);
    else
        r = fetch(bus, consumer, worker, args, request, deliveries);
    return r == JOURNAL_TRIMMED ? refuse_trimmed(bus, consumer, fault) : r;
}
