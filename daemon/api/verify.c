/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Verification: replays the journal into a fresh ledger and compares that with the one in use, with
 * the snapshots where it goes by them, and with the archive, in a thread of its own with readers
 * of its own, while the daemon goes on.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/api/verify.h"
#include "daemon/engine/replay.h"
#include "daemon/engine/snapshot.h"
#include "daemon/ledger/codec.h"
#include "sdk/protocol/text.h"

/* How long the journal and the archive may take to come up to the ledger's head. */
#define VERIFY_PATIENCE_MS 60000
#define VERIFY_STEP_MS 10
#define VERIFY_BUSY_RETRY_MS 1000
/* Events while which the archive is read as it was at one moment. */
#define VERIFY_HOLD_EVENTS 4096

int verify_differs(struct verification *work, const char *what, uint64_t seq)
{
    snprintf(work->problem, sizeof work->problem, "%s at seq %" PRIu64, what, seq);
    return VERIFY_DIFFERS;
}

static int check_command(struct verification *work)
{
    uint64_t first;
    uint64_t last;
    if (!work->command_last)
        return 0;
    int found = archive_command_find(work->archive, work->command, &first, &last);
    if (found < 0)
        return found;
    if (!found || first != work->command_first || last != work->command_last)
        return verify_differs(work, "the archive does not know the command as the journal does",
                              work->command_last);
    work->commands++;
    return 0;
}

static int follow_command(struct verification *work, const struct rentbus_event *event)
{
    int status = 0;
    if (!RENTBUS_HAS(event, event, command))
        return 0;
    if (!work->command_last || memcmp(&work->command, &event->command, sizeof work->command) != 0) {
        status = check_command(work);
        work->command = event->command;
        work->command_first = event->seq;
    }
    work->command_last = event->seq;
    return status;
}

/* Compares what is mentioned from the segment at hand, the first with whatever the archive has
 * before it, up to the segment `to`. */
static int check_mentions(struct verification *work, int64_t to)
{
    struct archive_mention_difference difference;
    int64_t from = work->segment ? (int64_t)work->segment : INT64_MIN;
    if (work->rows.failed)
        return -ENOMEM;
    mention_rows_sort(&work->rows);
    int differing = archive_compare_mentions(work->archive, from, to, &work->rows, work->base.seq,
                                             work->head, &difference);
    if (differing < 0)
        return differing;
    if (differing)
        return verify_differs(work,
                              difference.extra
                                  ? "the archive mentions what the journal does not"
                                  : "the archive does not know what the journal mentions",
                              difference.seq);
    work->mentions += work->rows.count;
    mention_rows_clear(&work->rows);
    return 0;
}

/* A command belongs to the segment of its first event. */
static int turn_to_segment(struct verification *work, uint64_t segment)
{
    if (segment == work->segment)
        return 0;
    int status = check_mentions(work, (int64_t)segment - 1);
    work->segment = segment;
    return status;
}

static int follow_mentions(struct verification *work, const struct rentbus_event *event)
{
    bool has = RENTBUS_HAS(event, event, command);
    bool same = has && work->rows_have_command &&
                memcmp(&work->rows_command, &event->command, sizeof event->command) == 0;
    int status = same ? 0 : turn_to_segment(work, event->seq >> MENTION_SEGMENT_BITS);
    if (!same) {
        work->rows_have_command = has;
        work->rows_command = event->command;
        work->rows_first = event->seq;
    }
    mention_rows_add(&work->rows, event, work->rows_first);
    return status;
}

/* What the archive has to hold since the event: a rental that was flagged may be opened again. */
static const struct rentbus_rental *closed_rental(const struct ledger_event *event)
{
    const struct rentbus_rental *rental = NULL;
    if (event->type == RENTBUS_RENTAL_RETURN_COMPLETE_EVENT)
        rental = &event->data.complete_data.rental;
    if (event->type == RENTBUS_RENTAL_IMPORTED_EVENT)
        rental = &event->data.rental_data.rental;
    if (event->type == RENTBUS_RENTAL_FORGIVEN_EVENT ||
        event->type == RENTBUS_RENTAL_UNFLAGGED_EVENT)
        rental = &event->data.judged_data.rental;
    bool closed = rental && (rental->status == RENTBUS_STATUS_COMPLETED ||
                             rental->status == RENTBUS_STATUS_FORGIVEN);
    return closed ? rental : NULL;
}

static int check_rental(struct verification *work, const struct rentbus_rental *rental,
                        uint64_t seq)
{
    rentbus_buffer_clear(&work->ours);
    rentbus_buffer_clear(&work->theirs);
    rentbus_encode(&rentbus_rental_schema, rental, &work->ours);
    int found = archive_rental_get(work->archive, rental->id, &work->theirs);
    if (found < 0)
        return found;
    if (work->ours.failed || work->theirs.failed)
        return -ENOMEM;
    if (!found || work->ours.length != work->theirs.length ||
        memcmp(work->ours.data, work->theirs.data, work->ours.length) != 0)
        return verify_differs(work, "the archive does not hold the rental as the journal does",
                              seq);
    return 0;
}

/* Waits until `reached` says 1, not 0: what the ledger has shown becomes durable and archived. */
static int wait_for_head(struct verification *work, int (*reached)(struct verification *))
{
    const struct timespec step = {.tv_nsec = VERIFY_STEP_MS * 1000000};
    for (int waited = 0; waited < VERIFY_PATIENCE_MS; waited += VERIFY_STEP_MS) {
        int status = reached(work);
        if (status)
            return status < 0 ? status : 0;
        if (job_cancelled(&work->job))
            return -ECANCELED;
        nanosleep(&step, NULL);
    }
    return verify_differs(work, "the archive does not come up to the ledger, which stands",
                          work->head);
}

static int is_durable(struct verification *work)
{
    struct journal_head head;
    int status = journal_reader_head(work->journal, &head);
    return status ? status : head.seq >= work->head;
}

/* An archive that was removed is on its way again. */
static int is_held(struct verification *work)
{
    archive_release(work->archive);
    int status = archive_hold(work->archive, &work->archived);
    if (status)
        return status == -ENOENT ? 0 : status;
    return work->archived >= work->head;
}

/* The archive's log is let go now and then. */
static int hold_archive(struct verification *work)
{
    if (work->held_events++ % VERIFY_HOLD_EVENTS != 0)
        return 0;
    return wait_for_head(work, is_held);
}

static int check_chain(struct verification *work, uint64_t seq, struct rentbus_bytes bytes,
                       const struct rentbus_event *wire)
{
    if (chain_hash(work->hash, bytes, work->hash) ||
        memcmp(work->hash, wire->hash.data, sizeof work->hash) != 0)
        return verify_differs(work, "the hash chain is broken", seq);
    return 0;
}

/* What the archive has to hold since the event. */
static int check_archive(struct verification *work, uint64_t seq, const struct rentbus_event *wire)
{
    const struct rentbus_rental *closed = closed_rental(&work->event);
    int status = follow_command(work, wire);
    if (status == 0)
        status = follow_mentions(work, wire);
    return status == 0 && closed ? check_rental(work, closed, seq) : status;
}

int verify_old_event(void *context, uint64_t seq, struct rentbus_bytes bytes)
{
    struct verification *work = context;
    struct rentbus_event wire;
    if (job_cancelled(&work->job))
        return -ECANCELED;
    int held = hold_archive(work);
    if (held)
        return held;
    if (replay_decode(seq, bytes, &wire, &work->event))
        return verify_differs(work, "the journal holds what is no event", seq);
    int status = check_chain(work, seq, bytes, &wire);
    return status ? status : check_archive(work, seq, &wire);
}

static int verify_event(void *context, uint64_t seq, struct rentbus_bytes bytes)
{
    struct verification *work = context;
    int status = verify_old_event(work, seq, bytes);
    if (status)
        return status;
    status = replay_apply(work->ledger, &work->event, seq, seq);
    if (status == -EBADMSG)
        return verify_differs(work, "the event does not follow from those before it", seq);
    if (status == 0)
        status = tally_take(work->tally, work->event.type, ledger_event_data(&work->event));
    return status ? status : verify_snapshot(work, seq);
}

static int check_tally_row(void *context, const struct tally_row *row)
{
    struct verification *work = context;
    return tally_find(work->tally, row) == row->count
               ? 0
               : verify_differs(work, "the archive counts other returns than the journal",
                                work->head);
}

/* Counts can only be compared while the archive stands at the head that was replayed. */
static int check_counts(struct verification *work)
{
    struct archive_counts counts;
    uint64_t seq;
    int status = wait_for_head(work, is_held);
    if (status || work->archived != work->head)
        return status;
    status = archive_count(work->archive, &counts);
    if (status == 0)
        status = archive_tally(work->archive, INT64_MIN, INT64_MAX, &seq, check_tally_row, work);
    if (status)
        return status;
    if (counts.tally_rows != tally_rows(work->tally))
        return verify_differs(work, "the archive counts returns that the journal does not",
                              work->head);
    /* The ledger counts what the journal has let go of too. */
    struct ledger_counts ledger = ledger_counts(work->ledger);
    if (counts.rentals != ledger.rentals - ledger.open - ledger.flagged)
        return verify_differs(work, "the archive holds other rentals than were closed", work->head);
    if (work->base.seq > 0)
        return 0;
    if (counts.mentions != work->mentions)
        return verify_differs(work, "the archive mentions what the journal does not", work->head);
    if (counts.commands != work->commands)
        return verify_differs(work, "the archive holds commands that the journal does not",
                              work->head);
    return 0;
}

static int begin_anew(struct verification *work)
{
    work->ledger = ledger_create();
    work->tally = tally_create();
    return work->ledger && work->tally ? verify_find_snapshots(work) : -ENOMEM;
}

static int verify(struct verification *work)
{
    int status = journal_reader_open(work->journal_path, &work->journal);
    if (status == 0)
        status = journal_reader_base(work->journal, &work->base);
    if (status == 0)
        status = archive_reader_open(work->archive_path, &work->archive);
    if (status == 0)
        status = wait_for_head(work, is_durable);
    if (status == 0)
        status = wait_for_head(work, is_held);
    if (status == 0)
        status = work->base.seq ? verify_begin_with_snapshot(work) : begin_anew(work);
    if (status == 0)
        status = journal_read(work->journal, ledger_head(work->ledger) + 1, work->head,
                              verify_event, work);
    if (status == 0)
        status = check_command(work);
    if (status == 0)
        status = check_mentions(work, INT64_MAX);
    if (status == 0)
        status = check_counts(work);
    if (status == 0 && ledger_head(work->ledger) != work->head)
        status =
            verify_differs(work, "the journal ends before the ledger, which stands", work->head);
    if (status == 0 && ledger_digest(work->ledger) != work->digest)
        status =
            verify_differs(work, "the replayed ledger differs from the one in use", work->head);
    if (status == 0)
        status = verify_snapshots_are_good(work);
    return status;
}

static void run(void *context)
{
    struct verification *work = context;
    work->status = verify(work);
    if (work->status == -EBADMSG)
        work->status = verify_differs(work, "journal or archive cannot be read behind the event",
                                      work->ledger ? ledger_head(work->ledger) : 0);
    journal_reader_close(&work->journal);
    archive_reader_close(&work->archive);
}

/* The client may have asked again over another connection: the reply goes to the last one. */
static int note_route(struct verification *work, const struct rentbus_bytes *route)
{
    if (route->length > sizeof work->route)
        return -EMSGSIZE;
    memcpy(work->route, route->data, route->length);
    work->route_length = route->length;
    return API_LATER;
}

int api_answer_admin_verify(struct api_call *call)
{
    struct api *api = call->api;
    if (api->verification) {
        if (memcmp(&api->verification->id, &call->id, sizeof call->id) == 0)
            return note_route(api->verification, &call->message->route);
        api_refuse(call, BUSY, NULL, "another verification is running");
        call->fault.retry_after_ms = VERIFY_BUSY_RETRY_MS;
        return RENTBUS_ERROR_BUSY;
    }
    if (trimming_is_busy(api)) {
        api_refuse(call, BUSY, NULL, "a trim is running");
        call->fault.retry_after_ms = VERIFY_BUSY_RETRY_MS;
        return RENTBUS_ERROR_BUSY;
    }
    struct verification *work = calloc(1, sizeof *work);
    if (!work)
        return -ENOMEM;
    work->id = call->id;
    work->head = ledger_head(engine_ledger(api->engine));
    work->digest = ledger_digest(engine_ledger(api->engine));
    work->directory = engine_directory(api->engine);
    work->name = engine_ledger_name(api->engine);
    work->journal_path = engine_journal_path(api->engine);
    work->archive_path = engine_archive_path(api->engine);
    int status = note_route(work, &call->message->route);
    int failed = status == API_LATER ? job_start(&work->job, api_fd(api), run, work) : status;
    if (failed == 0)
        api->verification = work;
    else
        free(work);
    return failed ? failed : API_LATER;
}

static void release(struct api *api)
{
    struct verification *work = api->verification;
    ledger_destroy(&work->ledger);
    mention_rows_release(&work->rows);
    tally_destroy(&work->tally);
    rentbus_buffer_release(&work->ours);
    rentbus_buffer_release(&work->theirs);
    free(work);
    api->verification = NULL;
}

void verification_process(struct api *api)
{
    struct verification *work = api->verification;
    if (!work || !job_take(&work->job))
        return;
    struct rentbus_verify_result *result = &api->call.result.admin_verify;
    for (size_t i = 0; i < work->bad_count; i++)
        engine_snapshot_distrust(api->engine, work->bad[i], work->why[i]);
    rentbus_buffer_clear(&api->reply);
    if (work->status < 0) {
        api_encode_failure(&work->id, work->status, &api->reply);
    } else {
        result->has = 0;
        RENTBUS_SET(result, verify_result, hash,
                    ((struct rentbus_bytes){work->hash, sizeof work->hash}));
        RENTBUS_SET(result, verify_result, events, work->head - work->base.seq);
        if (work->base.seq)
            RENTBUS_SET(result, verify_result, first_seq, work->base.seq + 1);
        RENTBUS_SET(result, verify_result, rentals,
                    work->ledger ? ledger_counts(work->ledger).rentals : 0);
        RENTBUS_SET(result, verify_result, commands, work->commands);
        if (work->status == VERIFY_DIFFERS)
            RENTBUS_SET(result, verify_result, problem, rentbus_text(work->problem));
        api_encode_result(&work->id, RENTBUS_OP_admin_verify, result, &api->reply);
    }
    struct rentbus_bytes route = {work->route, work->route_length};
    if (!api->reply.failed)
        api->settings.send(api->settings.context, route,
                           (struct rentbus_bytes){api->reply.data, api->reply.length});
    release(api);
}

void verification_stop(struct api *api)
{
    if (!api->verification)
        return;
    job_stop(&api->verification->job);
    release(api);
}
