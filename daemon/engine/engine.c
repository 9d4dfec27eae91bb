/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/engine/engine.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "daemon/engine/state.h"
#include "daemon/ledger/codec.h"
#include "sdk/protocol/cbor.h"
#include "sdk/protocol/text.h"

#define JOURNAL_FILE "journal.db"
#define ARCHIVE_FILE "archive.db"
#define CURSORS_FILE "cursors.db"

void engine_log_failure(struct engine *engine, const char *event, int status)
{
    char pairs[128];
    snprintf(pairs, sizeof pairs, "event=%s error=\"%s\"", event, strerror(-status));
    engine->hooks.log(engine->hooks.context, LOG_ERR, pairs);
}

static int set_paths(struct engine *engine, const char *directory)
{
    snprintf(engine->directory, sizeof engine->directory, "%s", directory);
    int journal =
        snprintf(engine->journal_path, sizeof engine->journal_path, "%s/" JOURNAL_FILE, directory);
    int archive =
        snprintf(engine->archive_path, sizeof engine->archive_path, "%s/" ARCHIVE_FILE, directory);
    int cursors =
        snprintf(engine->cursors_path, sizeof engine->cursors_path, "%s/" CURSORS_FILE, directory);
    return journal < PATH_MAX && archive < PATH_MAX && cursors < PATH_MAX ? 0 : -ENAMETOOLONG;
}

/* The archive comes behind the journal. Where it stands alone the journal was lost or moved, and a
 * new one would pass for the whole ledger. */
static int refuse_lost_journal(const struct engine *engine, struct rentbus_fault *fault)
{
    struct stat journal;
    struct stat archive;
    bool lost = stat(engine->journal_path, &journal) ? errno == ENOENT : journal.st_size == 0;
    if (!lost || stat(engine->archive_path, &archive))
        return 0;
    return rentbus_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, NULL,
                             JOURNAL_FILE " is lost: restore it, or remove " ARCHIVE_FILE
                                          " to begin a new ledger");
}

/* What the journal no longer has cannot be archived again. */
static int refuse_lost_archive(const struct engine *engine, struct rentbus_fault *fault)
{
    return rentbus_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, NULL,
                             ARCHIVE_FILE
                             " is lost, damaged, or of another time or version, and the "
                             "journal was trimmed before seq %" PRIu64 ": restore " ARCHIVE_FILE
                             " from a backup that is not older than that",
                             engine->base.seq + 1);
}

static int open_files(struct engine *engine, const char *ledger, struct rentbus_fault *fault)
{
    struct journal *journal = NULL;
    int status = refuse_lost_journal(engine, fault);
    if (status == 0)
        status = journal_open(engine->journal_path, ledger, &journal, fault);
    if (status)
        return status;
    engine->durable = *journal_head(journal);
    engine->base = *journal_base(journal);
    chain_init(&engine->chain, ledger, &engine->durable);
    status = committer_start(journal, engine->event_fd, &engine->committer);
    if (status == 0)
        status = journal_reader_open(engine->journal_path, &engine->journal);
    if (status == 0)
        status = archive_follower_start(engine->journal_path, engine->archive_path, ledger,
                                        engine->event_fd, &engine->follower);
    if (status == JOURNAL_TRIMMED)
        status = refuse_lost_archive(engine, fault);
    if (status == 0)
        status = archive_reader_open(engine->archive_path, &engine->archive);
    return status;
}

static bool bus_wants_answer(void *context, struct rentbus_bytes route, struct rentbus_uuid request,
                             const struct rentbus_list *deliveries,
                             const struct rentbus_fault *fault)
{
    struct engine *engine = context;
    return engine->hooks.deliver(engine->hooks.context, route, request, deliveries, fault);
}

static void bus_wants_log(void *context, int priority, const char *pairs)
{
    struct engine *engine = context;
    engine->hooks.log(engine->hooks.context, priority, pairs);
}

/* What memory holds only until the archive does. */
static bool is_behind(const struct engine *engine)
{
    return engine->chain.head.seq > engine->evicted &&
           engine->chain.head.seq - engine->evicted >= engine->unarchived_max;
}

static int record(void *context, const struct ledger_event *event, uint64_t hops, int64_t now)
{
    struct engine *engine = context;
    struct chain_origin origin = {.actor = rentbus_text("rentbusd"), .hops = hops};
    if (engine->recovering || engine_full(engine) || is_behind(engine))
        return -EAGAIN;
    return engine_append(engine, &origin, event, 1, now);
}

int engine_open_bus(struct engine *engine)
{
    struct bus_settings bus = {
        .path = engine->cursors_path,
        .name = engine->chain.ledger,
        .stall_after = engine->stall_after,
        .journal = engine->journal,
        .ledger = engine->ledger,
        .context = engine,
        .record = record,
        .answer = bus_wants_answer,
        .log = bus_wants_log,
    };
    return bus_open(&bus, &engine->bus);
}

static int create_writer(struct engine *engine)
{
    struct snapshot_task task = {
        .directory = engine->directory,
        .journal_path = engine->journal_path,
        .ledger = engine->chain.ledger,
        .follower = engine->follower,
        .notify_fd = engine->event_fd,
    };
    engine->snapshot_writer = snapshot_writer_create(&task);
    return engine->snapshot_writer ? 0 : -ENOMEM;
}

int engine_open(const struct engine_settings *settings, const struct engine_hooks *hooks,
                struct engine **engine, struct rentbus_fault *fault)
{
    struct engine *new = calloc(1, sizeof *new);
    if (!new)
        return -ENOMEM;
    new->hooks = *hooks;
    new->archive_empty = true;
    new->unarchived_max =
        settings->unarchived_max ? settings->unarchived_max : ENGINE_UNARCHIVED_MAX;
    new->filling = &new->batches[0];
    new->committing = &new->batches[1];
    new->committed = &new->batches[2];
    new->stall_after = settings->stall_after;
    new->snapshot_every = settings->snapshot_every;
    snprintf(new->version, sizeof new->version, "%s", settings->version);
    new->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    new->ledger = ledger_create();
    new->recent = recent_create();
    int status = new->event_fd < 0 ? -errno : 0;
    if (!new->ledger || !new->recent)
        status = -ENOMEM;
    if (status == 0)
        status = set_paths(new, settings->directory);
    if (status == 0)
        status = open_files(new, settings->ledger, fault);
    if (status == 0)
        status = create_writer(new);
    if (status == 0)
        status = engine_take_archived(new);
    if (status == 0)
        status = engine_begin(new, fault);
    if (status == 0)
        status = engine_catch_up(new, false);
    if (status == 0)
        status = bus_start(new->bus);
    if (status)
        engine_close(&new);
    else
        *engine = new;
    return status;
}

struct engine_savepoint engine_savepoint(const struct engine *engine)
{
    return (struct engine_savepoint){engine->chain.head, engine->filling->count};
}

void engine_rollback(struct engine *engine, const struct engine_savepoint *savepoint)
{
    ledger_rollback_to(engine->ledger, savepoint->head.seq);
    recent_rollback(engine->recent, savepoint->head.seq);
    bus_rollback(engine->bus, savepoint->head.seq);
    batch_truncate(engine->filling, savepoint->count);
    engine->chain.head = savepoint->head;
}

int engine_append(struct engine *engine, const struct chain_origin *origin,
                  const struct ledger_event *events, size_t count, int64_t now)
{
    struct batch *batch = engine->filling;
    struct engine_savepoint before = engine_savepoint(engine);
    int status = batch_reserve(batch, count);
    engine->rental = (struct rentbus_encoded){0, 0};
    for (size_t i = 0; i < count && status == 0; i++) {
        status = chain_append(&engine->chain, origin, &events[i], now, &batch->events);
        if (status == 0)
            status = batch_add(batch, &engine->chain, &events[i]);
        if (rentbus_event_rows[events[i].type].outcome != RENTBUS_OUTCOME_NONE)
            engine->rental = engine->chain.rental;
        if (status == 0)
            status = ledger_apply(engine->ledger, &events[i], engine->chain.head.seq);
    }
    if (status == 0 && origin->has_command)
        status = recent_add(engine->recent, origin->command, before.head.seq + 1,
                            engine->chain.head.seq);
    if (status == 0)
        return 0;
    engine_log_failure(engine, "apply_failed", status);
    engine_rollback(engine, &before);
    return status;
}

int engine_hello(struct engine *engine, int64_t now)
{
    struct chain_origin origin = {.actor = rentbus_text("rentbusd")};
    struct ledger_event *event = &engine->decision.events[0];
    event->type = RENTBUS_HELLO_EVENT;
    event->subject = (struct rentbus_text){0};
    event->data.hello_data.has = 0;
    RENTBUS_SET(&event->data.hello_data, hello_data, head, engine->durable.seq);
    RENTBUS_SET(&event->data.hello_data, hello_data, ledger, rentbus_text(engine->chain.ledger));
    RENTBUS_SET(&event->data.hello_data, hello_data, version, rentbus_text(engine->version));
    int status = engine_append(engine, &origin, event, 1, now);
    if (status)
        return status;
    uint64_t seq = engine->chain.head.seq;
    engine_wait_for_commits(engine);
    return engine->durable.seq >= seq ? 0 : -EIO;
}

/* Where a command holds the id of a rental that may be closed; 0 where it names none. */
#define NAMED(field) offsetof(struct ledger_command, args.field)
static const size_t named_rentals[RENTBUS_OP_COUNT] = {
    [RENTBUS_OP_rental_return] = NAMED(scan.rental_id),
    [RENTBUS_OP_rental_renew] = NAMED(rental_renew.rental_id),
    [RENTBUS_OP_rental_forgive] = NAMED(rental_forgive.rental_id),
    [RENTBUS_OP_rental_flag] = NAMED(rental_flag.rental_id),
    [RENTBUS_OP_rental_unflag] = NAMED(rental_unflag.rental_id),
    [RENTBUS_OP_admin_import] = NAMED(admin_import.id),
};

/* The id, or an absent text. */
static struct rentbus_text named_rental(const struct ledger_command *command)
{
    size_t offset = named_rentals[command->op];
    return offset ? *(const struct rentbus_text *)((const char *)command + offset)
                  : (struct rentbus_text){0};
}

/* Reads the rental that the command names from the archive when the ledger no longer holds it: 1
 * with *rental, 0, or a negative errno. */
static int find_archived(struct engine *engine, const struct ledger_command *command,
                         struct rentbus_rental *rental)
{
    struct rentbus_text id = named_rental(command);
    struct rentbus_fault fault;
    if (!id.data || ledger_rental_get(engine->ledger, id, rental))
        return 0;
    rentbus_buffer_clear(&engine->scratch);
    int found = engine_archive_found(
        engine, archive_rental_get(engine_archive(engine), id, &engine->scratch));
    if (found <= 0)
        return found;
    struct rentbus_bytes bytes = {engine->scratch.data, engine->scratch.length};
    if (rentbus_decode(&rentbus_rental_schema, bytes, RENTBUS_LENIENT, rental, &fault))
        return -EBADMSG;
    return 1;
}

int engine_refuse_when_failing(const struct engine *engine, struct rentbus_fault *fault)
{
    if (engine->recovering) {
        rentbus_fault_set(fault, RENTBUS_ERROR_UNAVAILABLE, NULL,
                          "the journal cannot be written at the moment");
        fault->retry_after_ms = ENGINE_UNAVAILABLE_RETRY_MS;
        return RENTBUS_ERROR_UNAVAILABLE;
    }
    if (is_behind(engine)) {
        rentbus_fault_set(fault, RENTBUS_ERROR_BUSY, NULL, "too much waits for the archive");
        fault->retry_after_ms = ENGINE_UNARCHIVED_RETRY_MS;
        return RENTBUS_ERROR_BUSY;
    }
    return 0;
}

bool engine_full(const struct engine *engine)
{
    return engine->filling->count >= ENGINE_PENDING_EVENTS_MAX ||
           engine->filling->events.length >= ENGINE_PENDING_BYTES_MAX ||
           engine->filling->waiting.length >= ENGINE_PENDING_BYTES_MAX ||
           engine->committing->waiting.length >= ENGINE_PENDING_BYTES_MAX;
}

int64_t engine_now(const struct engine *engine, int64_t now)
{
    return now > engine->chain.head.time ? now : engine->chain.head.time;
}

/* Of the operations that may create a rental. */
static int make_rental_id(struct engine *engine, enum rentbus_op op, int64_t now)
{
    struct rentbus_uuid id;
    if (op != RENTBUS_OP_rental_checkout)
        return 0;
    int status = rentbus_uuid_next(&engine->rental_ids, now, &id);
    if (status == 0)
        rentbus_uuid_format(id, engine->rental_id);
    return status;
}

/* Decides the command into engine->decision. 0, an error code with *fault, or a negative errno. */
static int decide(struct engine *engine, const struct ledger_command *command, int64_t now,
                  struct rentbus_fault *fault)
{
    int found = find_archived(engine, command, &engine->named);
    if (found < 0)
        return found;
    int status = make_rental_id(engine, command->op, now);
    if (status)
        return status;
    struct ledger_context context = {
        .now = engine_now(engine, now),
        .next_seq = engine->chain.head.seq + 1,
        .new_rental_id = rentbus_text(engine->rental_id),
        .archived = found ? &engine->named : NULL,
    };
    if (bus_decides(command->op))
        return bus_decide(engine->bus, command, &context, &engine->decision, fault);
    return ledger_decide(engine->ledger, command, &context, &engine->decision, fault);
}

int engine_execute(struct engine *engine, const struct chain_origin *origin,
                   const struct ledger_command *command, int64_t now,
                   struct rentbus_command_result *result, struct rentbus_fault *fault)
{
    const struct ledger_decision *decision = &engine->decision;
    int status = engine_refuse_when_failing(engine, fault);
    if (status == 0)
        status = decide(engine, command, now, fault);
    if (status)
        return status;
    /* Before the events are applied: what they borrow from the ledger is as they say. */
    status = engine_append(engine, origin, decision->events, decision->count, now);
    if (status)
        return status;
    if (bus_decides(command->op))
        bus_recorded(engine->bus, decision, engine->chain.head.seq);
    ledger_outcome(decision->events, decision->count, engine->chain.head.seq, result);
    return 0;
}

struct rentbus_bytes engine_recorded_rental(const struct engine *engine)
{
    return (struct rentbus_bytes){engine->filling->events.data + engine->rental.start,
                                  engine->rental.length};
}

void engine_encode_preview(const struct ledger_event *event, struct rentbus_buffer *out)
{
    const struct rentbus_schema *schema = &rentbus_preview_schema;
    struct rentbus_preview preview = {0};
    RENTBUS_SET(&preview, preview, type, ledger_event_type(event));
    if (event->subject.data)
        RENTBUS_SET(&preview, preview, subject, event->subject);
    rentbus_cbor_write_map(out, event->subject.data ? 3 : 2);
    rentbus_cbor_write_text(out, "data", 4);
    ledger_event_encode_data(event, out);
    rentbus_encode_fields(schema, &preview, RENTBUS_FIELD_preview_type, schema->count, out);
}

int engine_preview(struct engine *engine, const struct ledger_command *command, int64_t now,
                   struct rentbus_command_result *result, struct rentbus_fault *fault)
{
    const struct ledger_decision *decision = &engine->decision;
    struct rentbus_buffer *out = &engine->previews;
    int status = decide(engine, command, now, fault);
    if (status)
        return status;
    rentbus_buffer_clear(out);
    for (size_t i = 0; i < decision->count; i++)
        engine_encode_preview(&decision->events[i], out);
    if (out->failed)
        return -ENOMEM;
    ledger_outcome(decision->events, decision->count, engine->chain.head.seq, result);
    RENTBUS_SET(result, command_result, dry_run, true);
    RENTBUS_SET(result, command_result, events,
                ((struct rentbus_list){out->data, out->length, decision->count}));
    return 0;
}

void engine_close(struct engine **engine)
{
    struct engine *old = *engine;
    if (!old)
        return;
    if (old->committer && old->follower)
        engine_wait_for_commits(old);
    snapshot_writer_destroy(&old->snapshot_writer);
    committer_stop(&old->committer);
    archive_follower_stop(&old->follower);
    bus_close(&old->bus);
    archive_reader_close(&old->archive);
    journal_reader_close(&old->journal);
    recent_destroy(&old->recent);
    ledger_destroy(&old->ledger);
    for (size_t i = 0; i < sizeof old->batches / sizeof *old->batches; i++)
        batch_release(&old->batches[i]);
    rentbus_buffer_release(&old->scratch);
    rentbus_buffer_release(&old->previews);
    if (old->event_fd >= 0)
        close(old->event_fd);
    free(old);
    *engine = NULL;
}
