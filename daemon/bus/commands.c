/* SPDX-License-Identifier: MPL-2.0 */
/* What commands mean for consumers. */
#include <errno.h>
#include <string.h>

#include "daemon/bus/bus_state.h"
#include "daemon/bus/items.h"
#include "sdk/protocol/cbor.h"
#include "sdk/protocol/text.h"

/* A command about a consumer on its way. */
struct deciding {
    struct bus *bus;
    const struct ledger_command *command;
    struct consumer *consumer; /* NULL: there is none yet */
    struct ledger_event *event;
    uint64_t head; /* with what is not durable yet */
    struct rentbus_fault *fault;
};

static int invalid(struct deciding *deciding, const char *field, const char *message)
{
    return rentbus_fault_set(deciding->fault, RENTBUS_ERROR_INVALID_ARGUMENT, field, "%s", message);
}

static void unchanged(struct deciding *deciding)
{
    struct rentbus_unchanged_data *data = &deciding->event->data.unchanged_data;

    deciding->event->type = RENTBUS_COMMAND_UNCHANGED_EVENT;
    data->has = 0;
    RENTBUS_SET(data, unchanged_data, op,
                rentbus_text(rentbus_op_rows[deciding->command->op].wire));
}

/* ---- consumer.put ---- */

static int check_types(const struct rentbus_consumer *wants, struct rentbus_fault *fault)
{
    if (!RENTBUS_HAS(wants, consumer, types))
        return 0;
    if (wants->types.count == 0)
        return rentbus_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, "types",
                                 "is empty: leave it out for all");
    for (size_t i = 0; i < wants->types.count; i++)
        if (!rentbus_type_valid(wants->types.items[i]))
            return rentbus_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, "types",
                                     "has what is no type of an event");
    return 0;
}

int bus_check_definition(const struct rentbus_consumer *wants, struct rentbus_fault *fault)
{
    const struct {
        const char *field;
        uint64_t number;
        uint64_t most;
    } limits[] = {
        {"lease_ms", wants->lease_ms, BUS_DELAY_MAX_MS},
        {"backoff_ms", wants->backoff_ms, BUS_DELAY_MAX_MS},
        {"backoff_max_ms", wants->backoff_max_ms, BUS_DELAY_MAX_MS},
        {"max_attempts", wants->max_attempts, BUS_ATTEMPTS_MAX},
    };
    int r = check_types(wants, fault);

    for (size_t i = 0; r == 0 && i < sizeof(limits) / sizeof(*limits); i++)
        if (limits[i].number < 1 || limits[i].number > limits[i].most)
            r = rentbus_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, limits[i].field,
                                  "is not from 1 to %llu", (unsigned long long)limits[i].most);
    if (r == 0 && wants->backoff_max_ms < wants->backoff_ms)
        r = rentbus_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, "backoff_max_ms",
                              "is less than backoff_ms");
    return r;
}

#define TAKE(args, wants, field, other)                                                            \
    RENTBUS_SET(wants, consumer, field,                                                            \
                RENTBUS_HAS(args, consumer_put_args, field) ? (args)->field : (other))
#define TAKE_OPTIONAL(args, wants, field)                                                          \
    ((void)(RENTBUS_HAS(args, consumer_put_args, field) &&                                         \
            (RENTBUS_SET(wants, consumer, field, (args)->field), true)))

static int make_definition(struct deciding *deciding, struct rentbus_consumer *wants)
{
    const struct rentbus_consumer_put_args *args = &deciding->command->args.consumer_put;

    *wants = (struct rentbus_consumer){0};
    RENTBUS_SET(wants, consumer, id, args->id);
    if (RENTBUS_HAS(args, consumer_put_args, types))
        RENTBUS_SET(wants, consumer, types, args->types);
    if (RENTBUS_HAS(args, consumer_put_args, user_id))
        RENTBUS_SET(wants, consumer, user_id, args->user_id);
    if (RENTBUS_HAS(args, consumer_put_args, asset_type))
        RENTBUS_SET(wants, consumer, asset_type, args->asset_type);
    if (RENTBUS_HAS(args, consumer_put_args, location_id))
        RENTBUS_SET(wants, consumer, location_id, args->location_id);
    TAKE(args, wants, lease_ms, BUS_LEASE_DEFAULT_MS);
    TAKE(args, wants, backoff_ms, BUS_BACKOFF_DEFAULT_MS);
    TAKE(args, wants, max_attempts, BUS_ATTEMPTS_DEFAULT);
    TAKE(args, wants, backoff_max_ms, BUS_BACKOFF_MAX_DEFAULT_MS);
    if (!RENTBUS_HAS(args, consumer_put_args, backoff_max_ms) &&
        wants->backoff_max_ms < wants->backoff_ms)
        wants->backoff_max_ms = wants->backoff_ms;
    return bus_check_definition(wants, deciding->fault);
}

/* Where a consumer is to begin, of what may say so: at most one of the three. */
struct start {
    bool has_start;
    enum rentbus_beginning start;
    bool has_since;
    int64_t since;
    bool has_from_seq;
    uint64_t from_seq;
};

static int refuse_trimmed(struct deciding *deciding, const char *field, uint64_t base)
{
    return rentbus_fault_set(deciding->fault, RENTBUS_ERROR_TRIMMED, field,
                             "needs events that are no longer kept: the journal begins with seq "
                             "%llu",
                             (unsigned long long)base + 1);
}

/* The first event is the first that is kept. */
static int find_cursor(struct deciding *deciding, const struct start *start, uint64_t *cursor)
{
    struct bus *bus = deciding->bus;
    struct journal_head base = {0};
    uint64_t seq;

    if (start->has_start + start->has_since + start->has_from_seq > 1)
        return invalid(deciding, start->has_from_seq ? "from_seq" : "since",
                       "stands beside another beginning: give only one");
    int r = journal_reader_base(bus->settings.journal, &base);
    if (r)
        return r;
    *cursor = deciding->head;
    if (start->has_start && start->start == RENTBUS_BEGINNING_first)
        *cursor = base.seq;
    if (start->has_from_seq && (start->from_seq == 0 || start->from_seq > bus->head + 1))
        return invalid(deciding, "from_seq", "is not the seq of an event, nor of the next one");
    if (start->has_from_seq && start->from_seq <= base.seq)
        return refuse_trimmed(deciding, "from_seq", base.seq);
    if (start->has_from_seq)
        *cursor = start->from_seq - 1;
    if (!start->has_since)
        return 0;
    r = journal_seek(bus->settings.journal, start->since, &seq);
    if (r == 0)
        *cursor = seq - 1;
    return r == JOURNAL_TRIMMED ? refuse_trimmed(deciding, "since", base.seq) : r;
}

static bool same_definition(const struct consumer *consumer, const struct rentbus_consumer *wants)
{
    struct rentbus_buffer bytes = {0};
    rentbus_encode(&rentbus_consumer_schema, wants, &bytes);
    bool same = !bytes.failed && bytes.length == consumer->definition.length &&
                memcmp(bytes.data, consumer->definition.data, bytes.length) == 0;

    rentbus_buffer_release(&bytes);
    return same;
}

static int decide_put(struct deciding *deciding)
{
    const struct rentbus_consumer_put_args *args = &deciding->command->args.consumer_put;
    struct bus *bus = deciding->bus;
    struct rentbus_consumer_data *data = &deciding->event->data.consumer_data;
    struct start start = {
        RENTBUS_HAS(args, consumer_put_args, start),    args->start,
        RENTBUS_HAS(args, consumer_put_args, since),    args->since,
        RENTBUS_HAS(args, consumer_put_args, from_seq), args->from_seq,
    };
    uint64_t cursor = 0;
    int r = make_definition(deciding, &bus->wanted);

    if (r == 0)
        r = find_cursor(deciding, &start, &cursor);
    /* One that there is stays where it is, wherever it began. */
    if (r == RENTBUS_ERROR_TRIMMED && deciding->consumer)
        r = 0;
    if (r)
        return r;
    if (deciding->consumer && same_definition(deciding->consumer, &bus->wanted)) {
        unchanged(deciding);
        return 0;
    }
    if (!deciding->consumer && bus->count >= BUS_CONSUMERS_MAX)
        return rentbus_fault_set(deciding->fault, RENTBUS_ERROR_CONFLICT, "id",
                                 "there are %d consumers, as many as there may be",
                                 BUS_CONSUMERS_MAX);
    deciding->event->type =
        deciding->consumer ? RENTBUS_CONSUMER_UPDATED_EVENT : RENTBUS_CONSUMER_CREATED_EVENT;
    data->has = RENTBUS_BIT(consumer_data, consumer);
    data->consumer = bus->wanted;
    if (deciding->consumer)
        cursor = consumer_cursor(deciding->consumer);
    RENTBUS_SET(data, consumer_data, cursor, cursor);
    return 0;
}

/* ---- the others ---- */

static int decide_by_id(struct deciding *deciding, enum rentbus_event_type type)
{
    struct rentbus_consumer_id_data *data = &deciding->event->data.consumer_id_data;

    deciding->event->type = type;
    data->has = 0;
    RENTBUS_SET(data, consumer_id_data, consumer_id, deciding->consumer->wants.id);
    return 0;
}

static int decide_delete(struct deciding *deciding)
{
    return decide_by_id(deciding, RENTBUS_CONSUMER_DELETED_EVENT);
}

static int decide_pause(struct deciding *deciding)
{
    if (!deciding->consumer->paused)
        return decide_by_id(deciding, RENTBUS_CONSUMER_PAUSED_EVENT);
    unchanged(deciding);
    return 0;
}

static int decide_resume(struct deciding *deciding)
{
    if (deciding->consumer->paused)
        return decide_by_id(deciding, RENTBUS_CONSUMER_RESUMED_EVENT);
    unchanged(deciding);
    return 0;
}

static int decide_reset(struct deciding *deciding)
{
    const struct rentbus_consumer_reset_args *args = &deciding->command->args.consumer_reset;
    struct rentbus_reset_data *data = &deciding->event->data.reset_data;
    struct start start = {
        RENTBUS_HAS(args, consumer_reset_args, start),    args->start,
        RENTBUS_HAS(args, consumer_reset_args, since),    args->since,
        RENTBUS_HAS(args, consumer_reset_args, from_seq), args->from_seq,
    };
    uint64_t cursor = 0;

    if (!start.has_start && !start.has_since && !start.has_from_seq)
        return invalid(deciding, "start", "is required, or since, or from_seq");
    int r = find_cursor(deciding, &start, &cursor);
    if (r)
        return r;
    deciding->event->type = RENTBUS_CONSUMER_RESET_EVENT;
    data->has = 0;
    RENTBUS_SET(data, reset_data, cursor, cursor);
    RENTBUS_SET(data, reset_data, consumer_id, deciding->consumer->wants.id);
    return 0;
}

static bool is_done(const struct consumer *consumer, uint64_t seq)
{
    if (seq > queue_seen(consumer->queue))
        return map_get(&consumer->done, seq) != MAP_NONE;
    return seq <= consumer_cursor(consumer) ||
           (consumer->again_count == 0 && !queue_has(consumer->queue, seq));
}

static int decide_skip(struct deciding *deciding)
{
    const struct rentbus_consumer_skip_args *args = &deciding->command->args.consumer_skip;
    struct rentbus_skipped_data *data = &deciding->event->data.skipped_data;

    if (args->seq > deciding->bus->head)
        return invalid(deciding, "seq", "is behind the last event");
    if (is_done(deciding->consumer, args->seq)) {
        unchanged(deciding);
        return 0;
    }
    deciding->event->type = RENTBUS_CONSUMER_SKIPPED_EVENT;
    data->has = 0;
    RENTBUS_SET(data, skipped_data, seq, args->seq);
    RENTBUS_SET(data, skipped_data, consumer_id, deciding->consumer->wants.id);
    return 0;
}

void bus_write_seq(struct rentbus_buffer *out, uint64_t seq)
{
    rentbus_cbor_write_map(out, 1);
    rentbus_cbor_write_text(out, "seq", 3);
    rentbus_cbor_write_uint(out, seq);
}

static int refuse_parked(struct deciding *deciding, uint64_t seq, uint64_t base)
{
    return rentbus_fault_set(deciding->fault, RENTBUS_ERROR_TRIMMED, "seqs",
                             "the event %llu is no longer kept, the journal begins with seq %llu: "
                             "drop it",
                             (unsigned long long)seq, (unsigned long long)base + 1);
}

/* The parked events that the command names: all that there are, or those of its list. TRIMMED when
 * one is not behind `base`. */
static int list_parked(struct deciding *deciding, uint64_t base, struct rentbus_list *seqs)
{
    const struct rentbus_consumer_parked_args *args = &deciding->command->args.consumer_replay;
    const struct consumer *consumer = deciding->consumer;
    struct rentbus_buffer *list = &deciding->bus->list;
    bool all = RENTBUS_HAS(args, consumer_parked_args, all) && args->all;
    struct rentbus_seq_ref ref;
    size_t position = 0;
    int r;

    if (all == RENTBUS_HAS(args, consumer_parked_args, seqs))
        return invalid(deciding, "seqs", "is required, or all, and not both");
    rentbus_buffer_clear(list);
    *seqs = (struct rentbus_list){0};
    for (size_t i = 0; all && i < consumer->parked_count && i < BUS_CREDIT_MAX; i++) {
        if (consumer->parked[i].seq <= base)
            return refuse_parked(deciding, consumer->parked[i].seq, base);
        bus_write_seq(list, consumer->parked[i].seq);
        seqs->count++;
    }
    if (!all && (args->seqs.count == 0 || args->seqs.count > BUS_CREDIT_MAX))
        return invalid(deciding, "seqs", "has not 1 to 1000 events");
    while (!all && (r = items_next(&args->seqs, &rentbus_seq_ref_schema, &position, &ref, "seqs",
                                   deciding->fault)) != 0) {
        if (r != 1)
            return r;
        if (consumer_parked_find(consumer, ref.seq) == consumer->parked_count)
            return rentbus_fault_set(deciding->fault, RENTBUS_ERROR_NOT_FOUND, "seqs",
                                     "the event %llu is not parked", (unsigned long long)ref.seq);
        if (ref.seq <= base)
            return refuse_parked(deciding, ref.seq, base);
        bus_write_seq(list, ref.seq);
        seqs->count++;
    }
    seqs->data = list->data;
    seqs->length = list->length;
    return list->failed ? -ENOMEM : 0;
}

static int decide_parked(struct deciding *deciding, enum rentbus_event_type type, uint64_t base)
{
    struct rentbus_seqs_data *data = &deciding->event->data.seqs_data;
    struct rentbus_list seqs = {0};
    int r = list_parked(deciding, base, &seqs);

    if (r)
        return r;
    if (seqs.count == 0) {
        unchanged(deciding);
        return 0;
    }
    deciding->event->type = type;
    data->has = 0;
    RENTBUS_SET(data, seqs_data, seqs, seqs);
    RENTBUS_SET(data, seqs_data, consumer_id, deciding->consumer->wants.id);
    return 0;
}

static int decide_replay(struct deciding *deciding)
{
    struct journal_head base = {0};
    int r = journal_reader_base(deciding->bus->settings.journal, &base);

    return r ? r : decide_parked(deciding, RENTBUS_CONSUMER_REPLAYED_EVENT, base.seq);
}

static int decide_drop(struct deciding *deciding)
{
    return decide_parked(deciding, RENTBUS_CONSUMER_DROPPED_EVENT, 0);
}

/* Of each operation: who decides it, and where its arguments hold the id. */
#define DECIDER(name, function)                                                                    \
    [RENTBUS_OP_##name] = {function, offsetof(struct ledger_command, args.name.id)}
static const struct {
    int (*decide)(struct deciding *deciding);
    size_t id;
} deciders[RENTBUS_OP_COUNT] = {
    DECIDER(consumer_put, decide_put),       DECIDER(consumer_delete, decide_delete),
    DECIDER(consumer_pause, decide_pause),   DECIDER(consumer_resume, decide_resume),
    DECIDER(consumer_reset, decide_reset),   DECIDER(consumer_skip, decide_skip),
    DECIDER(consumer_replay, decide_replay), DECIDER(consumer_drop, decide_drop),
};

static struct rentbus_text consumer_id(const struct ledger_command *command)
{
    return *(const struct rentbus_text *)((const char *)command + deciders[command->op].id);
}

bool bus_decides(enum rentbus_op op)
{
    return deciders[op].decide != NULL;
}

int bus_decide(struct bus *bus, const struct ledger_command *command,
               const struct ledger_context *context, struct ledger_decision *decision,
               struct rentbus_fault *fault)
{
    struct rentbus_text id = consumer_id(command);
    struct deciding deciding = {
        bus, command, bus_find(bus, id), &decision->events[0], context->next_seq - 1, fault};
    bool puts = command->op == RENTBUS_OP_consumer_put;
    uint64_t pending = deciding.consumer ? deciding.consumer->pending : bus->creating;

    if (bus->broken)
        return bus->broken;
    if (pending > bus->head) {
        bus->awaited = pending;
        return BUS_AGAIN;
    }
    if (!deciding.consumer && !puts)
        return rentbus_fault_set(fault, RENTBUS_ERROR_NOT_FOUND, "id", "there is no such consumer");
    decision->count = 1;
    deciding.event->subject = id;
    return deciders[command->op].decide(&deciding);
}

void bus_recorded(struct bus *bus, const struct ledger_decision *decision, uint64_t seq)
{
    struct consumer *consumer = bus_find(bus, decision->events[0].subject);

    if (consumer)
        consumer->pending = seq;
    else
        bus->creating = seq;
}

uint64_t bus_awaited(const struct bus *bus)
{
    return bus->awaited;
}

/* What was on its way before is durable: nothing else would have been decided. */
void bus_rollback(struct bus *bus, uint64_t seq)
{
    if (bus->creating > seq)
        bus->creating = 0;
    for (struct consumer *consumer = bus->first; consumer; consumer = consumer->next)
        if (consumer->pending > seq)
            consumer->pending = 0;
}

void bus_fall_back(struct bus *bus)
{
    bus_rollback(bus, bus->head);
    bus->next = INT64_MIN;
    for (struct consumer *consumer = bus->first; consumer; consumer = consumer->next) {
        consumer->stalling = false;
        queue_unhold(consumer->queue);
    }
}

/* ---- types ---- */

bool bus_type_reserved(struct rentbus_text type)
{
    return rentbus_text_begins(type, "RENTAL_") || rentbus_text_begins(type, "CONSUMER_") ||
           rentbus_text_equal(type, rentbus_text(BUS_HEARTBEAT_TYPE)) ||
           rentbus_event_type_find(type) != RENTBUS_EVENT_NONE;
}
