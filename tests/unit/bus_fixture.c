/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/unit/bus_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/bus/bus_state.h"
#include "sdk/protocol/cbor.h"
#include "sdk/protocol/text.h"

static const char *const suffixes[] = {"", "-wal", "-shm"};

/* ---- what the bus asks of an engine ---- */

static int record(struct bus_fixture *fixture, const struct chain_origin *origin,
                  const struct ledger_event *event)
{
    assert_true(fixture->pending < BUS_FIXTURE_PENDING_MAX);
    int r = chain_append(&fixture->chain, origin, event, fixture->now, &fixture->bytes);
    if (r)
        return r;
    fixture->types[fixture->pending] = event->type;
    fixture->entries[fixture->pending++] =
        (struct journal_entry){fixture->chain.head.time, fixture->bytes.length};
    return 0;
}

static int on_record(void *context, const struct ledger_event *event, uint64_t hops, int64_t now)
{
    struct bus_fixture *fixture = context;
    struct chain_origin origin = {.actor = rentbus_text("rentbusd"), .hops = hops};
    assert_int_equal(now, fixture->now);
    return fixture->refusing ? -EAGAIN : record(fixture, &origin, event);
}

static void note_answer(struct bus_fixture *fixture, struct rentbus_uuid request,
                        const struct rentbus_list *list, const struct rentbus_fault *fault)
{
    struct bus_fixture_answer *last = &fixture->last;
    struct rentbus_delivery delivery;
    size_t position = 0;
    memset(last, 0, sizeof *last);
    last->request = request;
    last->code = fault ? fault->code : 0;
    last->bytes = list ? list->length : 0;
    while (list && rentbus_list_next(list, &rentbus_delivery_schema, &position, &delivery) == 1) {
        struct bus_fixture_delivery *noted = &last->deliveries[last->count++];
        noted->seq = delivery.event.seq;
        noted->lease = delivery.lease;
        noted->attempt = delivery.attempt;
        snprintf(noted->type, sizeof noted->type, "%.*s", RENTBUS_TEXT_ARGS(delivery.event.type));
    }
    assert_int_equal(last->count, list ? list->count : 0);
}

static bool on_answer(void *context, struct rentbus_bytes route, struct rentbus_uuid request,
                      const struct rentbus_list *deliveries, const struct rentbus_fault *fault)
{
    struct bus_fixture *fixture = context;
    assert_true(!deliveries != !fault);
    note_answer(fixture, request, deliveries, fault);
    assert_int_equal(route.length, 1);
    fixture->last.route = route.data[0];
    fixture->answers++;
    return !fixture->gone;
}

static void on_log(void *context, int priority, const char *pairs)
{
    struct bus_fixture *fixture = context;
    (void)priority;
    assert_non_null(strstr(pairs, "event="));
    fixture->logged++;
}

/* ---- start and end ---- */

static void note_snapshot(struct bus_fixture *fixture)
{
    if (fixture->snapshots)
        bus_snapshots_take(fixture->snapshots, fixture->bus);
}

static int replay(void *context, uint64_t seq, struct rentbus_bytes bytes)
{
    struct bus_fixture *fixture = context;
    struct rentbus_event event;
    struct rentbus_fault fault;
    if (rentbus_decode(&rentbus_event_schema, bytes, RENTBUS_STRICT, &event, &fault))
        return -EBADMSG;
    enum rentbus_event_type type = rentbus_event_type_find(event.type);
    return bus_apply(fixture->bus, seq, type, bytes);
}

int bus_fixture_restore(struct bus_fixture *fixture, uint64_t seq, struct rentbus_bytes bytes)
{
    struct bus_settings settings = {
        .path = fixture->cursors_path,
        .name = BUS_FIXTURE_LEDGER,
        .journal = fixture->reader,
        .ledger = fixture->ledger,
        .context = fixture,
        .record = on_record,
        .answer = on_answer,
        .log = on_log,
    };
    assert_int_equal(bus_open(&settings, &fixture->bus), 0);
    return bytes.length > 0 ? bus_restore(fixture->bus, seq, bytes) : 0;
}

struct bus *bus_fixture_begin(struct bus_fixture *fixture, uint64_t seq, struct rentbus_bytes bytes)
{
    assert_int_equal(bus_fixture_restore(fixture, seq, bytes), 0);
    assert_int_equal(journal_read(fixture->reader, seq + 1, UINT64_MAX, replay, fixture), 0);
    assert_int_equal(bus_start(fixture->bus), 0);
    return fixture->bus;
}

void bus_fixture_open(struct bus_fixture *fixture)
{
    uint64_t seq = 0;
    struct rentbus_bytes bytes = {0};
    if (fixture->snapshots)
        bus_snapshots_compare(fixture->snapshots, fixture, &seq, &bytes);
    bus_fixture_begin(fixture, seq, bytes);
    bus_process(fixture->bus, fixture->now);
    note_snapshot(fixture);
}

int bus_fixture_setup(void **state)
{
    struct bus_fixture *fixture = calloc(1, sizeof *fixture);
    struct rentbus_fault fault;
    *state = fixture;
    snprintf(fixture->directory, sizeof fixture->directory, "/tmp/test_bus.XXXXXX");
    if (!mkdtemp(fixture->directory))
        return -1;
    snprintf(fixture->journal_path, sizeof fixture->journal_path, "%s/journal.db",
             fixture->directory);
    snprintf(fixture->cursors_path, sizeof fixture->cursors_path, "%s/cursors.db",
             fixture->directory);
    fixture->now = BUS_FIXTURE_START;
    fixture->ledger = ledger_create();
    if (journal_open(fixture->journal_path, BUS_FIXTURE_LEDGER, &fixture->journal, &fault) ||
        journal_reader_open(fixture->journal_path, &fixture->reader))
        return -1;
    chain_init(&fixture->chain, BUS_FIXTURE_LEDGER, journal_head(fixture->journal));
    bus_fixture_open(fixture);
    return 0;
}

int bus_fixture_setup_snapshots(void **state)
{
    int r = bus_fixture_setup(state);
    struct bus_fixture *fixture = *state;
    if (r == 0) {
        fixture->snapshots = bus_snapshots_create();
        note_snapshot(fixture);
    }
    return r;
}

static void remove_files(const char *path, const char *more)
{
    char name[128];
    for (size_t i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "%s%s%s", path, suffixes[i], more);
        unlink(name);
    }
}

int bus_fixture_teardown(void **state)
{
    struct bus_fixture *fixture = *state;
    bus_close(&fixture->bus);
    bus_close(&fixture->bus);
    bus_snapshots_destroy(&fixture->snapshots);
    journal_reader_close(&fixture->reader);
    journal_close(&fixture->journal);
    ledger_destroy(&fixture->ledger);
    rentbus_buffer_release(&fixture->bytes);
    remove_files(fixture->journal_path, "");
    remove_files(fixture->cursors_path, "");
    remove_files(fixture->cursors_path, ".kept");
    int status = rmdir(fixture->directory);
    free(fixture);
    return status;
}

void bus_fixture_copy(const char *from, const char *to)
{
    static char bytes[1 << 20];
    FILE *source = fopen(from, "r");
    unlink(to);
    if (!source)
        return;
    FILE *copy = fopen(to, "w");
    size_t length;
    assert_non_null(copy);
    while ((length = fread(bytes, 1, sizeof bytes, source)) > 0)
        assert_int_equal(fwrite(bytes, 1, length, copy), length);
    fclose(source);
    assert_int_equal(fclose(copy), 0);
}

static void copy_cursors(const struct bus_fixture *fixture, const char *from, const char *to)
{
    for (size_t i = 0; i < 3; i++) {
        char source[128];
        char copy[128];
        snprintf(source, sizeof source, "%s%s%s", fixture->cursors_path, suffixes[i], from);
        snprintf(copy, sizeof copy, "%s%s%s", fixture->cursors_path, suffixes[i], to);
        bus_fixture_copy(source, copy);
    }
}

void bus_fixture_save(struct bus_fixture *fixture)
{
    const struct bus *bus = fixture->bus;
    for (int i = 0; i < 5000 && (bus->changed || bus->moved || bus->saving); i++) {
        bus_fixture_sleep(fixture, 10000);
        assert_int_equal(cursors_finish(bus->cursors), 0);
    }
    assert_false(bus->changed || bus->moved || bus->saving);
    copy_cursors(fixture, "", ".kept");
    note_snapshot(fixture);
}

static void damage(const struct bus_fixture *fixture)
{
    FILE *file = fopen(fixture->cursors_path, "r+");
    char junk[4096];
    memset(junk, 'x', sizeof junk);
    assert_int_equal(fwrite(junk, 1, sizeof junk, file), sizeof junk);
    assert_int_equal(fclose(file), 0);
}

void bus_fixture_restart(struct bus_fixture *fixture, enum bus_fixture_end how)
{
    if (how != BUS_FIXTURE_STOPPED)
        bus_fixture_fall_back(fixture);
    if (fixture->snapshots)
        bus_snapshots_end(fixture->snapshots, fixture->bus, how != BUS_FIXTURE_STOPPED);
    bus_close(&fixture->bus);
    if (how == BUS_FIXTURE_KILLED)
        copy_cursors(fixture, ".kept", "");
    if (how == BUS_FIXTURE_LOST || how == BUS_FIXTURE_GONE)
        remove_files(fixture->cursors_path, "");
    if (how == BUS_FIXTURE_DAMAGED)
        damage(fixture);
    if (how != BUS_FIXTURE_CLOSED && how != BUS_FIXTURE_GONE)
        bus_fixture_open(fixture);
}

void bus_fixture_sleep(struct bus_fixture *fixture, int64_t microseconds)
{
    fixture->now += microseconds;
    bus_process(fixture->bus, fixture->now);
}

/* ---- what is recorded ---- */

static void write_user(struct rentbus_buffer *out, const char *user)
{
    rentbus_cbor_write_map(out, 1);
    rentbus_cbor_write_text(out, "user_id", 7);
    rentbus_cbor_write_text(out, user, strlen(user));
}

static uint64_t record_published(struct bus_fixture *fixture, struct chain_origin origin,
                                 const char *type, const char *subject, const char *user)
{
    struct rentbus_buffer data = {0};
    write_user(&data, user);
    struct ledger_event event = {.type = RENTBUS_EVENT_NONE};
    if (subject)
        event.subject = rentbus_text(subject);
    event.data.published = (struct ledger_published){
        rentbus_text(type), (struct rentbus_bytes){data.data, data.length}};
    origin.actor = rentbus_text("uid:1");
    assert_int_equal(record(fixture, &origin, &event), 0);
    rentbus_buffer_release(&data);
    return fixture->chain.head.seq;
}

uint64_t bus_fixture_record(struct bus_fixture *fixture, const char *type, const char *subject,
                            const char *user)
{
    return record_published(fixture, (struct chain_origin){0}, type, subject, user);
}

void bus_fixture_commit(struct bus_fixture *fixture)
{
    uint64_t first = journal_head(fixture->journal)->seq + 1;
    struct journal_batch batch = {first, fixture->pending, fixture->entries, fixture->bytes.data};
    size_t start = 0;
    if (fixture->pending > 0)
        assert_int_equal(journal_append(fixture->journal, &batch), 0);
    for (size_t i = 0; i < fixture->pending; i++) {
        struct rentbus_bytes event = {fixture->bytes.data + start, fixture->entries[i].end - start};
        assert_int_equal(bus_apply(fixture->bus, first + i, fixture->types[i], event), 0);
        start = fixture->entries[i].end;
    }
    fixture->pending = 0;
    rentbus_buffer_clear(&fixture->bytes);
    bus_process(fixture->bus, fixture->now);
    note_snapshot(fixture);
}

void bus_fixture_fall_back(struct bus_fixture *fixture)
{
    fixture->pending = 0;
    rentbus_buffer_clear(&fixture->bytes);
    fixture->chain.head = chain_head_of(journal_head(fixture->journal));
    bus_fall_back(fixture->bus);
}

uint64_t bus_fixture_publish(struct bus_fixture *fixture, const char *type, const char *subject)
{
    uint64_t seq = bus_fixture_record(fixture, type, subject, subject ? subject : "nobody");
    bus_fixture_commit(fixture);
    return seq;
}

struct counting {
    const char *type;
    size_t count;
};

static int count_event(void *context, uint64_t seq, struct rentbus_bytes bytes)
{
    struct counting *counting = context;
    struct rentbus_event event;
    struct rentbus_fault fault;
    (void)seq;
    assert_int_equal(rentbus_decode(&rentbus_event_schema, bytes, RENTBUS_STRICT, &event, &fault),
                     0);
    counting->count += rentbus_text_equal(event.type, rentbus_text(counting->type));
    return 0;
}

size_t bus_fixture_count(struct bus_fixture *fixture, enum rentbus_event_type type)
{
    struct counting counting = {rentbus_word_text(&rentbus_event_type_words, (int)type), 0};
    assert_int_equal(journal_read(fixture->reader, 1, UINT64_MAX, count_event, &counting), 0);
    return counting.count;
}

/* ---- commands ---- */

int bus_fixture_decide(struct bus_fixture *fixture, const struct ledger_command *command)
{
    static struct ledger_decision decision;
    struct ledger_context context = {.now = fixture->now, .next_seq = fixture->chain.head.seq + 1};
    struct chain_origin origin = {.actor = rentbus_text("uid:1")};
    int r = bus_decide(fixture->bus, command, &context, &decision, &fixture->fault);
    if (r)
        return r;
    assert_int_equal(decision.count, 1);
    assert_int_equal(record(fixture, &origin, &decision.events[0]), 0);
    bus_recorded(fixture->bus, &decision, fixture->chain.head.seq);
    return 0;
}

enum rentbus_event_type bus_fixture_command(struct bus_fixture *fixture,
                                            const struct ledger_command *command)
{
    assert_int_equal(bus_fixture_decide(fixture, command), 0);
    enum rentbus_event_type type = fixture->types[fixture->pending - 1];
    bus_fixture_commit(fixture);
    return type;
}

struct ledger_command bus_fixture_put(const char *id, const char *type, uint64_t attempts)
{
    struct ledger_command command = {.op = RENTBUS_OP_consumer_put};
    struct rentbus_consumer_put_args *args = &command.args.consumer_put;
    RENTBUS_SET(args, consumer_put_args, id, rentbus_text(id));
    RENTBUS_SET(args, consumer_put_args, start, RENTBUS_BEGINNING_first);
    RENTBUS_SET(args, consumer_put_args, lease_ms, 10000);
    RENTBUS_SET(args, consumer_put_args, backoff_ms, 1000);
    RENTBUS_SET(args, consumer_put_args, max_attempts, attempts);
    if (type)
        RENTBUS_SET(args, consumer_put_args, types,
                    ((struct rentbus_ids){1, {rentbus_text(type)}}));
    return command;
}

struct ledger_command bus_fixture_about(enum rentbus_op op, const char *id)
{
    struct ledger_command command = {.op = op};
    RENTBUS_SET(&command.args.consumer_delete, consumer_args, id, rentbus_text(id));
    return command;
}

struct ledger_command bus_fixture_reset(const char *id, uint64_t from_seq)
{
    struct ledger_command command = {.op = RENTBUS_OP_consumer_reset};
    RENTBUS_SET(&command.args.consumer_reset, consumer_reset_args, id, rentbus_text(id));
    RENTBUS_SET(&command.args.consumer_reset, consumer_reset_args, from_seq, from_seq);
    return command;
}

struct ledger_command bus_fixture_skip(const char *id, uint64_t seq)
{
    struct ledger_command command = {.op = RENTBUS_OP_consumer_skip};
    RENTBUS_SET(&command.args.consumer_skip, consumer_skip_args, id, rentbus_text(id));
    RENTBUS_SET(&command.args.consumer_skip, consumer_skip_args, seq, seq);
    return command;
}

struct ledger_command bus_fixture_all_parked(enum rentbus_op op, const char *id)
{
    struct ledger_command command = {.op = op};
    RENTBUS_SET(&command.args.consumer_replay, consumer_parked_args, id, rentbus_text(id));
    RENTBUS_SET(&command.args.consumer_replay, consumer_parked_args, all, true);
    return command;
}

/* ---- workers ---- */

struct rentbus_uuid bus_fixture_incarnation(unsigned number)
{
    return (struct rentbus_uuid){{(uint8_t)(number >> 8), (uint8_t)number}};
}

int bus_fixture_ask(struct bus_fixture *fixture, const char *id, const char *name,
                    unsigned incarnation, uint64_t credit, uint64_t wait_ms, unsigned request)
{
    static const uint8_t route = 7;
    struct rentbus_fetch_args args = {0};
    struct rentbus_list deliveries = {0};
    RENTBUS_SET(&args, fetch_args, id, rentbus_text(id));
    RENTBUS_SET(&args, fetch_args, worker, rentbus_text(name));
    RENTBUS_SET(&args, fetch_args, incarnation, bus_fixture_incarnation(incarnation));
    RENTBUS_SET(&args, fetch_args, credit, credit);
    RENTBUS_SET(&args, fetch_args, wait_ms, wait_ms);
    struct bus_request asked = {{&route, 1}, bus_fixture_incarnation(request), fixture->now};
    int r = bus_fetch(fixture->bus, &args, &asked, &deliveries, &fixture->fault);
    if (r == 0)
        note_answer(fixture, asked.id, &deliveries, NULL);
    return r;
}

size_t bus_fixture_fetch(struct bus_fixture *fixture, const char *id, const char *name,
                         uint64_t credit)
{
    assert_int_equal(bus_fixture_ask(fixture, id, name, 1, credit, 0, 10000 + fixture->requests++),
                     0);
    return fixture->last.count;
}

static struct rentbus_list lease_list(struct rentbus_buffer *out,
                                      const struct bus_fixture_delivery *delivery)
{
    struct rentbus_lease_ref ref = {0};
    RENTBUS_SET(&ref, lease_ref, seq, delivery->seq);
    RENTBUS_SET(&ref, lease_ref, lease, delivery->lease);
    rentbus_encode(&rentbus_lease_ref_schema, &ref, out);
    return (struct rentbus_list){out->data, out->length, 1};
}

static struct rentbus_ack_args ack_args(struct rentbus_buffer *out, const char *id,
                                        const char *name,
                                        const struct bus_fixture_delivery *delivery)
{
    struct rentbus_ack_args args = {0};
    RENTBUS_SET(&args, ack_args, id, rentbus_text(id));
    RENTBUS_SET(&args, ack_args, worker, rentbus_text(name));
    RENTBUS_SET(&args, ack_args, incarnation, bus_fixture_incarnation(1));
    RENTBUS_SET(&args, ack_args, acks, lease_list(out, delivery));
    return args;
}

int bus_fixture_ack(struct bus_fixture *fixture, const char *id, const char *name,
                    const struct bus_fixture_delivery *delivery)
{
    struct rentbus_buffer list = {0};
    struct rentbus_ack_args args = ack_args(&list, id, name, delivery);
    uint64_t acked = 77;
    int r = bus_ack(fixture->bus, &args, fixture->now, &acked, &fixture->fault);
    rentbus_buffer_release(&list);
    assert_int_equal(acked, r ? 77 : 1);
    return r;
}

int bus_fixture_nack(struct bus_fixture *fixture, const char *id, const char *name,
                     const struct bus_fixture_delivery *delivery, uint64_t delay_ms, bool fatal,
                     struct rentbus_nack_result *result)
{
    struct rentbus_nack_args args = {0};
    RENTBUS_SET(&args, nack_args, id, rentbus_text(id));
    RENTBUS_SET(&args, nack_args, worker, rentbus_text(name));
    RENTBUS_SET(&args, nack_args, incarnation, bus_fixture_incarnation(1));
    RENTBUS_SET(&args, nack_args, seq, delivery->seq);
    RENTBUS_SET(&args, nack_args, lease, delivery->lease);
    RENTBUS_SET(&args, nack_args, error, rentbus_text("broken"));
    if (delay_ms != UINT64_MAX)
        RENTBUS_SET(&args, nack_args, delay_ms, delay_ms);
    if (fatal)
        RENTBUS_SET(&args, nack_args, fatal, true);
    return bus_nack(fixture->bus, &args, fixture->now, result, &fixture->fault);
}

int bus_fixture_ack_publish(struct bus_fixture *fixture, const char *id, const char *name,
                            const struct bus_fixture_delivery *delivery, const char *type)
{
    struct rentbus_buffer list = {0};
    struct rentbus_ack_args args = ack_args(&list, id, name, delivery);
    struct chain_origin origin = {.consumer = args.id};
    int r = bus_ack_publish(fixture->bus, &args, fixture->now, &origin.hops, &origin.cause,
                            &fixture->fault);
    if (r == 0) {
        record_published(fixture, origin, type, "loop", "nobody");
        bus_ack_recorded(fixture->bus, args.id, origin.cause);
    }
    rentbus_buffer_release(&list);
    return r;
}

size_t bus_fixture_work(struct bus_fixture *fixture, const char *id, const char *name)
{
    size_t done = 0;
    while (bus_fixture_fetch(fixture, id, name, 100) > 0)
        for (size_t i = 0; i < fixture->last.count; i++, done++)
            assert_int_equal(bus_fixture_ack(fixture, id, name, &fixture->last.deliveries[i]), 0);
    return done;
}

struct rentbus_consumer_status bus_fixture_status(struct bus_fixture *fixture, const char *id)
{
    struct rentbus_consumer_status status = {0};
    assert_true(bus_status(fixture->bus, rentbus_text(id), &status));
    return status;
}
