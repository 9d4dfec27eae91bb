/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/unit/fake_consumer.h"

#include "sdk/protocol/codec.h"
#include "sdk/protocol/text.h"
#include "tests/unit/fake_results.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WORKERS_MAX 16
#define PUBLICATIONS_MAX 4096

enum place { PLACE_READY, PLACE_HANDS, PLACE_STOLEN, PLACE_DONE };

struct fake_event_state {
    enum place place;
    uint64_t lease;
    uint64_t attempt;
    size_t worker;
};

struct fake_worker {
    char name[RENTBUS_ID_MAX + 1];
    struct rentbus_uuid incarnation;
    struct rentbus_uuid answered; /* the fetch that was, and the leases that it got */
    uint64_t first_lease;
    uint64_t last_lease;
};

/* A fetch that waits. */
struct fake_fetch {
    zmq_msg_t identity;
    struct rentbus_uuid request;
    size_t worker;
    uint64_t credit;
    bool over; /* it is answered with nothing, soon */
};

struct fake_consumer {
    struct fake_event_state events[FAKE_CONSUMER_EVENTS_MAX];
    size_t event_count;
    uint64_t leases;
    struct fake_worker workers[WORKERS_MAX];
    size_t worker_count;
    struct fake_fetch fetches[WORKERS_MAX];
    size_t fetch_count;
    struct rentbus_uuid publications[PUBLICATIONS_MAX];
    size_t publication_count;
    struct fake_consumer_counts counts;
    char error[RENTBUS_TEXT_MAX + 1];
    int64_t delay_ms;
    bool fenced;
    bool deleted;
};

/* ---- answers ---- */

static void refuse(struct fake_answer *answer, enum rentbus_error_code code, const char *field)
{
    answer->code = code;
    answer->field = field;
}

static void worker_release(struct fake_consumer *consumer, size_t worker)
{
    for (size_t i = 0; i < consumer->event_count; i++) {
        struct fake_event_state *event = &consumer->events[i];
        if (event->place == PLACE_HANDS && event->worker == worker)
            event->place = PLACE_READY;
    }
}

/* Who asks, unless it is refused. A newer one takes over when it fetches (`joins`); before, it has
 * nothing in hand. */
static bool find_worker(struct fake_consumer *consumer, struct rentbus_text name,
                        struct rentbus_uuid incarnation, bool joins, struct fake_answer *answer,
                        size_t *worker)
{
    size_t i = 0;
    if (consumer->deleted) {
        refuse(answer, RENTBUS_ERROR_NOT_FOUND, "id");
        return false;
    }
    while (i < consumer->worker_count &&
           !rentbus_text_equal(rentbus_text(consumer->workers[i].name), name))
        i++;
    struct fake_worker *found = &consumer->workers[i];
    int newer = memcmp(&incarnation, &found->incarnation, sizeof(incarnation));
    *worker = newer == 0 || joins ? i : WORKERS_MAX;
    if (consumer->fenced || newer < 0) {
        refuse(answer, RENTBUS_ERROR_CONFLICT, "incarnation");
        return false;
    }
    if (!joins || newer == 0)
        return true;
    if (i == consumer->worker_count)
        snprintf(consumer->workers[consumer->worker_count++].name, sizeof(found->name), "%.*s",
                 RENTBUS_TEXT_ARGS(name));
    worker_release(consumer, i);
    found->incarnation = incarnation;
    return true;
}

static bool lease_holds(struct fake_consumer *consumer, size_t worker,
                        const struct rentbus_lease_ref *lease, const char *field,
                        struct fake_answer *answer)
{
    bool known = lease->seq >= 1 && lease->seq <= consumer->event_count;
    struct fake_event_state *event = &consumer->events[known ? lease->seq - 1 : 0];
    if (!known || event->place == PLACE_DONE || event->place == PLACE_READY)
        refuse(answer, RENTBUS_ERROR_NOT_FOUND, field);
    else if (event->place == PLACE_STOLEN || event->worker != worker ||
             event->lease != lease->lease)
        refuse(answer, RENTBUS_ERROR_CONFLICT, field);
    return answer->code == 0;
}

static bool leases_hold(struct fake_consumer *consumer, size_t worker,
                        const struct rentbus_list *leases, const char *field,
                        struct fake_answer *answer)
{
    struct rentbus_lease_ref lease;
    size_t position = 0;
    bool hold = true;
    while (hold && rentbus_list_next(leases, &rentbus_lease_ref_schema, &position, &lease) == 1)
        hold = lease_holds(consumer, worker, &lease, field, answer);
    return hold;
}

/* ---- fetching ---- */

static void put_delivery(struct fake_daemon *fake, size_t number, struct rentbus_list *list,
                         struct rentbus_buffer *out)
{
    struct fake_event_state *state = &fake->consumer->events[number];
    struct rentbus_delivery delivery = {0};
    struct rentbus_buffer bytes = {0};
    struct rentbus_fault fault;
    fake_event_put(fake, number + 1, &bytes);
    assert_int_equal(rentbus_decode(&rentbus_event_schema,
                                    (struct rentbus_bytes){bytes.data, bytes.length},
                                    RENTBUS_STRICT, &delivery.event, &fault),
                     0);
    delivery.has = RENTBUS_BIT(delivery, event);
    RENTBUS_SET(&delivery, delivery, lease, state->lease);
    RENTBUS_SET(&delivery, delivery, attempt, state->attempt);
    rentbus_encode(&rentbus_delivery_schema, &delivery, out);
    list->count++;
    rentbus_buffer_release(&bytes);
}

static void put_deliveries(struct rentbus_list list, struct rentbus_buffer *deliveries,
                           struct rentbus_buffer *out)
{
    struct rentbus_fetch_result result = {0};
    list.data = deliveries->data;
    list.length = deliveries->length;
    RENTBUS_SET(&result, fetch_result, deliveries, list);
    rentbus_encode(&rentbus_fetch_result_schema, &result, out);
    rentbus_buffer_release(deliveries);
}

static void hand_out(struct fake_daemon *fake, size_t number, const struct rentbus_uuid *request,
                     uint64_t credit, struct rentbus_buffer *out)
{
    struct fake_consumer *consumer = fake->consumer;
    struct fake_worker *worker = &consumer->workers[number];
    struct rentbus_list list = {0};
    struct rentbus_buffer deliveries = {0};
    worker->answered = *request;
    worker->first_lease = consumer->leases + 1;
    for (size_t i = 0; i < consumer->event_count && list.count < credit; i++) {
        struct fake_event_state *event = &consumer->events[i];
        if (event->place != PLACE_READY)
            continue;
        event->place = PLACE_HANDS;
        event->lease = ++consumer->leases;
        event->worker = number;
        event->attempt++;
        put_delivery(fake, i, &list, &deliveries);
    }
    worker->last_lease = consumer->leases;
    consumer->counts.handed += list.count;
    put_deliveries(list, &deliveries, out);
}

/* Its answer was lost: what the worker still has of it. False when it was not answered yet. */
static bool hand_again(struct fake_daemon *fake, size_t number, const struct rentbus_uuid *request,
                       struct rentbus_buffer *out)
{
    struct fake_consumer *consumer = fake->consumer;
    const struct fake_worker *worker = &consumer->workers[number];
    struct rentbus_list list = {0};
    struct rentbus_buffer deliveries = {0};
    if (memcmp(&worker->answered, request, sizeof(*request)) != 0)
        return false;
    for (size_t i = 0; i < consumer->event_count; i++) {
        const struct fake_event_state *event = &consumer->events[i];
        if (event->place == PLACE_HANDS && event->worker == number &&
            event->lease >= worker->first_lease && event->lease <= worker->last_lease)
            put_delivery(fake, i, &list, &deliveries);
    }
    put_deliveries(list, &deliveries, out);
    return true;
}

static bool something_ready(const struct fake_consumer *consumer)
{
    for (size_t i = 0; i < consumer->event_count; i++) {
        if (consumer->events[i].place == PLACE_READY)
            return true;
    }
    return false;
}

/* Another one of the same worker ends, unless it is this one. */
static void fetches_end(struct fake_consumer *consumer, size_t worker,
                        const struct rentbus_uuid *request)
{
    for (size_t i = 0; i < consumer->fetch_count; i++) {
        struct fake_fetch *fetch = &consumer->fetches[i];
        fetch->over |=
            fetch->worker == worker && memcmp(&fetch->request, request, sizeof(*request)) != 0;
    }
}

static void fetch_keep(struct fake_consumer *consumer, const struct fake_fetch *fetch,
                       const zmq_msg_t *identity)
{
    size_t place = 0;
    while (place < consumer->fetch_count &&
           memcmp(&consumer->fetches[place].request, &fetch->request, sizeof(fetch->request)) != 0)
        place++;
    if (place < consumer->fetch_count)
        zmq_msg_close(&consumer->fetches[place].identity);
    else
        consumer->fetch_count++;
    assert_true(consumer->fetch_count <= WORKERS_MAX);
    consumer->fetches[place] = *fetch;
    zmq_msg_init(&consumer->fetches[place].identity);
    zmq_msg_copy(&consumer->fetches[place].identity, (zmq_msg_t *)(uintptr_t)identity);
}

static void serve_fetch(struct fake_daemon *fake, const struct rentbus_request *request,
                        const zmq_msg_t *identity, struct fake_answer *answer)
{
    struct fake_consumer *consumer = fake->consumer;
    struct rentbus_fetch_args args;
    struct rentbus_fault fault;
    size_t number;
    assert_int_equal(
        rentbus_decode(&rentbus_fetch_args_schema, request->args, RENTBUS_STRICT, &args, &fault),
        0);
    if (!find_worker(consumer, args.worker, args.incarnation, true, answer, &number))
        return;
    fetches_end(consumer, number, &request->id);
    if (hand_again(fake, number, &request->id, answer->result))
        return;
    if (something_ready(consumer) || !RENTBUS_HAS(&args, fetch_args, wait_ms)) {
        hand_out(fake, number, &request->id, args.credit, answer->result);
        return;
    }
    struct fake_fetch fetch = {.request = request->id, .worker = number, .credit = args.credit};
    fetch_keep(consumer, &fetch, identity);
    answer->later = true;
}

bool fake_consumer_wake(struct fake_daemon *fake, zmq_msg_t *identity, struct rentbus_buffer *body)
{
    struct fake_consumer *consumer = fake->consumer;
    struct rentbus_buffer result = {0};
    struct rentbus_reply reply = {0};
    size_t i = 0;
    bool ready = something_ready(consumer);
    while (i < consumer->fetch_count && !consumer->fetches[i].over && !ready)
        i++;
    if (i == consumer->fetch_count)
        return false;
    struct fake_fetch *fetch = &consumer->fetches[i];
    hand_out(fake, fetch->worker, &fetch->request, fetch->over ? 0 : fetch->credit, &result);
    RENTBUS_SET(&reply, reply, v, 1);
    RENTBUS_SET(&reply, reply, id, fetch->request);
    RENTBUS_SET(&reply, reply, ok, true);
    RENTBUS_SET(&reply, reply, result, ((struct rentbus_bytes){result.data, result.length}));
    rentbus_encode(&rentbus_reply_schema, &reply, body);
    rentbus_buffer_release(&result);
    *identity = fetch->identity;
    *fetch = consumer->fetches[--consumer->fetch_count];
    return true;
}

/* ---- what is said of events ---- */

/* Counts what is published once for each request. */
static void publish(struct fake_consumer *consumer, const struct rentbus_uuid *id, size_t count)
{
    assert_true(consumer->publication_count < PUBLICATIONS_MAX);
    consumer->publications[consumer->publication_count++] = *id;
    consumer->counts.published += count;
}

static bool published(const struct fake_consumer *consumer, const struct rentbus_uuid *id)
{
    for (size_t i = 0; i < consumer->publication_count; i++) {
        if (memcmp(&consumer->publications[i], id, sizeof(*id)) == 0)
            return true;
    }
    return false;
}

/* An event of the type "REFUSED" is not taken. */
static bool publish_fits(const struct rentbus_list *events, struct fake_answer *answer)
{
    struct rentbus_new_event event;
    size_t position = 0;
    while (rentbus_list_next(events, &rentbus_new_event_schema, &position, &event) == 1) {
        if (rentbus_text_equal(event.type, rentbus_text("REFUSED")))
            refuse(answer, RENTBUS_ERROR_INVALID_ARGUMENT, "publish.type");
    }
    return answer->code == 0;
}

static void serve_ack(struct fake_daemon *fake, const struct rentbus_request *request,
                      struct fake_answer *answer)
{
    struct fake_consumer *consumer = fake->consumer;
    struct rentbus_ack_result result = {0};
    struct rentbus_ack_args args;
    struct rentbus_lease_ref lease;
    struct rentbus_fault fault;
    size_t position = 0;
    size_t worker;
    assert_int_equal(
        rentbus_decode(&rentbus_ack_args_schema, request->args, RENTBUS_STRICT, &args, &fault), 0);
    bool publishes = RENTBUS_HAS(&args, ack_args, publish);
    RENTBUS_SET(&result, ack_result, acked, args.acks.count);
    bool again = publishes && published(consumer, &request->id);
    if (!again) {
        if (!find_worker(consumer, args.worker, args.incarnation, false, answer, &worker) ||
            !leases_hold(consumer, worker, &args.acks, "acks", answer) ||
            (publishes && !publish_fits(&args.publish, answer)))
            return;
        while (rentbus_list_next(&args.acks, &rentbus_lease_ref_schema, &position, &lease) == 1)
            consumer->events[lease.seq - 1].place = PLACE_DONE;
        if (publishes)
            publish(consumer, &request->id, args.publish.count);
    }
    rentbus_encode(&rentbus_ack_result_schema, &result, answer->result);
}

static void serve_nack(struct fake_daemon *fake, const struct rentbus_request *request,
                       struct fake_answer *answer)
{
    struct fake_consumer *consumer = fake->consumer;
    struct rentbus_nack_result result = {0};
    struct rentbus_nack_args args;
    struct rentbus_fault fault;
    size_t worker;
    assert_int_equal(
        rentbus_decode(&rentbus_nack_args_schema, request->args, RENTBUS_STRICT, &args, &fault), 0);
    struct rentbus_lease_ref lease = {.seq = args.seq, .lease = args.lease};
    if (!find_worker(consumer, args.worker, args.incarnation, false, answer, &worker) ||
        !lease_holds(consumer, worker, &lease, "seq", answer))
        return;
    bool fatal = RENTBUS_HAS(&args, nack_args, fatal) && args.fatal;
    bool untried = RENTBUS_HAS(&args, nack_args, untried) && args.untried;
    struct rentbus_text error = {0};
    if (RENTBUS_HAS(&args, nack_args, error))
        error = args.error;
    if (!untried) {
        snprintf(consumer->error, sizeof(consumer->error), "%.*s", RENTBUS_TEXT_ARGS(error));
        consumer->delay_ms = RENTBUS_HAS(&args, nack_args, delay_ms) ? (int64_t)args.delay_ms : -1;
    }
    consumer->events[args.seq - 1].place = fatal ? PLACE_DONE : PLACE_READY;
    consumer->counts.parked += fatal;
    consumer->counts.failures += !untried;
    consumer->counts.untried += untried;
    RENTBUS_SET(&result, nack_result, parked, fatal);
    rentbus_encode(&rentbus_nack_result_schema, &result, answer->result);
}

static void serve_extend(struct fake_daemon *fake, const struct rentbus_request *request,
                         struct fake_answer *answer)
{
    struct fake_consumer *consumer = fake->consumer;
    struct rentbus_extend_result result = {0};
    struct rentbus_extend_args args;
    struct rentbus_fault fault;
    size_t worker;
    assert_int_equal(
        rentbus_decode(&rentbus_extend_args_schema, request->args, RENTBUS_STRICT, &args, &fault),
        0);
    if (!find_worker(consumer, args.worker, args.incarnation, false, answer, &worker) ||
        !leases_hold(consumer, worker, &args.leases, "leases", answer))
        return;
    consumer->counts.extended += args.leases.count;
    RENTBUS_SET(&result, extend_result, until, 0);
    rentbus_encode(&rentbus_extend_result_schema, &result, answer->result);
}

bool fake_consumer_serves(struct rentbus_text op)
{
    return op.length > 9 && memcmp(op.data, "consumer.", 9) == 0;
}

void fake_consumer_serve(struct fake_daemon *fake, const struct rentbus_request *request,
                         const zmq_msg_t *identity, struct fake_answer *answer)
{
    switch (rentbus_op_find(request->op)) {
    case RENTBUS_OP_consumer_fetch:
        serve_fetch(fake, request, identity, answer);
        break;
    case RENTBUS_OP_consumer_ack:
        serve_ack(fake, request, answer);
        break;
    case RENTBUS_OP_consumer_nack:
        serve_nack(fake, request, answer);
        break;
    default:
        serve_extend(fake, request, answer);
        break;
    }
}

/* ---- the test's side ---- */

void fake_consumer_open(struct fake_daemon *fake)
{
    pthread_mutex_lock(&fake->mutex);
    fake->consumer = calloc(1, sizeof(*fake->consumer));
    fake_daemon_unlock(fake);
    assert_non_null(fake->consumer);
}

void fake_consumer_drop(struct fake_daemon *fake)
{
    struct fake_consumer *consumer = fake->consumer;
    while (consumer && consumer->fetch_count > 0)
        zmq_msg_close(&consumer->fetches[--consumer->fetch_count].identity);
    free(consumer);
    fake->consumer = NULL;
}

void fake_consumer_add(struct fake_daemon *fake, int count)
{
    fake_daemon_publish(fake, "T", count, FAKE_LOSE);
    pthread_mutex_lock(&fake->mutex);
    fake->consumer->event_count += (size_t)count;
    assert_true(fake->consumer->event_count <= FAKE_CONSUMER_EVENTS_MAX);
    fake_daemon_unlock(fake);
}

void fake_consumer_steal(struct fake_daemon *fake, uint64_t seq, bool done)
{
    pthread_mutex_lock(&fake->mutex);
    fake->consumer->events[seq - 1].place = done ? PLACE_DONE : PLACE_STOLEN;
    fake_daemon_unlock(fake);
}

void fake_consumer_fence(struct fake_daemon *fake)
{
    pthread_mutex_lock(&fake->mutex);
    fake->consumer->fenced = true;
    fake_daemon_unlock(fake);
}

void fake_consumer_delete(struct fake_daemon *fake)
{
    pthread_mutex_lock(&fake->mutex);
    fake->consumer->deleted = true;
    fake_daemon_unlock(fake);
}

void fake_consumer_forget(struct fake_daemon *fake)
{
    struct fake_consumer *consumer = fake->consumer;
    pthread_mutex_lock(&fake->mutex);
    for (size_t i = 0; i < consumer->worker_count; i++) {
        worker_release(consumer, i);
        consumer->workers[i].answered = (struct rentbus_uuid){{0}};
    }
    while (consumer->fetch_count > 0)
        zmq_msg_close(&consumer->fetches[--consumer->fetch_count].identity);
    fake_daemon_unlock(fake);
}

struct fake_consumer_counts fake_consumer_counts(struct fake_daemon *fake)
{
    pthread_mutex_lock(&fake->mutex);
    struct fake_consumer *consumer = fake->consumer;
    struct fake_consumer_counts counts = consumer->counts;
    for (size_t i = 0; i < consumer->event_count; i++) {
        counts.done += consumer->events[i].place == PLACE_DONE;
        counts.leased += consumer->events[i].place == PLACE_HANDS;
    }
    counts.waiting = consumer->fetch_count;
    counts.workers_max = consumer->worker_count;
    pthread_mutex_unlock(&fake->mutex);
    return counts;
}

int64_t fake_consumer_error(struct fake_daemon *fake, char *error, size_t size)
{
    pthread_mutex_lock(&fake->mutex);
    snprintf(error, size, "%s", fake->consumer->error);
    int64_t delay_ms = fake->consumer->delay_ms;
    pthread_mutex_unlock(&fake->mutex);
    return delay_ms;
}
