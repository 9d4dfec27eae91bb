/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/api/past.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/engine/job.h"
#include "daemon/engine/replay.h"
#include "daemon/engine/snapshot.h"
#include "daemon/engine/snapshot_file.h"

/* The target of a job that frees the ledger. */
#define PAST_NOTHING UINT64_MAX

/* A request that waits for the ledger behind `seq`: route, actor and body lie one behind the other
 * in `bytes`. */
struct past_request {
    uint64_t seq;
    struct rentbus_uuid id;
    size_t route_length;
    size_t actor_length;
    size_t body_length;
    uint8_t *bytes;
};

struct past {
    struct api *api;
    struct job job;
    /* The job's while it runs. */
    struct ledger *ledger; /* NULL: none */
    struct tally *tally;   /* of the returns in it; as long as there is a ledger */
    int64_t time;          /* of its last event */
    uint64_t target;       /* the seq to replay to */
    uint64_t archived;     /* the archive holds what closed up to there */
    /* The newest ones, 0: none; and which of them turned out to be no good. */
    uint64_t snapshots[SNAPSHOTS_KEPT];
    const char *why[SNAPSHOTS_KEPT];
    int status; /* 0, or the negative errno that the last replay came to */
    _Atomic uint64_t reached;
    struct rentbus_event wire;
    struct ledger_event event;
    /* The caller's. */
    bool stopping;
    int64_t used_at;
    size_t count;
    struct past_request waiting[PAST_WAITING_MAX]; /* in the order in which they came */
};

/* ---- the job ---- */

static int replay_event(void *context, uint64_t seq, struct rentbus_bytes bytes)
{
    struct past *past = context;
    if (job_cancelled(&past->job))
        return -ECANCELED;
    int status = replay_decode(seq, bytes, &past->wire, &past->event);
    if (status == 0)
        status = replay_apply(past->ledger, &past->event, seq,
                              seq < past->archived ? seq : past->archived);
    if (status == 0)
        status = tally_take(past->tally, past->event.type, &past->event.data);
    past->time = past->wire.time;
    atomic_store_explicit(&past->reached, seq, memory_order_relaxed);
    return status;
}

static void forget(struct past *past)
{
    ledger_destroy(&past->ledger);
    tally_destroy(&past->tally);
    past->time = 0;
}

/* Whether the snapshot is what the ledger is now. */
static bool take_snapshot(struct past *past, uint64_t seq, const char **why)
{
    struct engine *engine = past->api->engine;
    struct snapshot_contents contents = {0};
    const char *reason = NULL;
    int status = snapshot_file_load(engine_directory(engine), seq, engine_ledger_name(engine), true,
                                    &contents, &reason);
    /* A newer one may just have taken its place. */
    if (status && status != -ENOMEM && status != -ENOENT)
        *why = reason;
    if (status)
        return false;
    forget(past);
    past->ledger = contents.ledger;
    past->tally = contents.tally;
    past->time = contents.header.head.time;
    contents.ledger = NULL;
    contents.tally = NULL;
    snapshot_contents_release(&contents);
    return true;
}

/* Goes on from the newest snapshot that is of use. */
static void begin_with_snapshot(struct past *past)
{
    uint64_t from = past->ledger ? ledger_head(past->ledger) : 0;
    for (size_t i = 0; i < SNAPSHOTS_KEPT; i++) {
        uint64_t seq = past->snapshots[i];
        if (seq > from && seq <= past->target && take_snapshot(past, seq, &past->why[i]))
            return;
    }
}

static int begin(struct past *past)
{
    begin_with_snapshot(past);
    if (past->ledger)
        return 0;
    past->ledger = ledger_create();
    past->tally = tally_create();
    return past->ledger && past->tally ? 0 : -ENOMEM;
}

static int replay(struct past *past)
{
    struct journal_reader *journal = NULL;
    if (begin(past))
        return -ENOMEM;
    uint64_t head = ledger_head(past->ledger);
    if (head == past->target)
        return 0;
    int status = journal_reader_open(engine_journal_path(past->api->engine), &journal);
    if (status == 0)
        status = journal_read(journal, head + 1, past->target, replay_event, past);
    if (status == 0 && ledger_head(past->ledger) != past->target)
        status = -EBADMSG;
    journal_reader_close(&journal);
    return status;
}

/* A ledger that knows of later events is of no use for an earlier time. */
static void work(void *context)
{
    struct past *past = context;
    bool nothing = past->target == PAST_NOTHING;
    past->status = 0;
    if (past->ledger && (nothing || ledger_head(past->ledger) > past->target))
        forget(past);
    if (!nothing)
        past->status = replay(past);
    if (past->status)
        forget(past);
}

/* ---- who waits ---- */

static struct api_message message_of(const struct past_request *request)
{
    const uint8_t *actor = request->bytes + request->route_length;
    return (struct api_message){
        .route = {request->bytes, request->route_length},
        .actor = {actor, request->actor_length},
        .body = {actor + request->actor_length, request->body_length},
    };
}

static int note_request(struct past *past, const struct api_call *call, uint64_t seq)
{
    const struct api_message *message = call->message;
    const struct rentbus_bytes parts[] = {message->route, message->actor, message->body};
    struct past_request *request = &past->waiting[past->count];
    *request = (struct past_request){
        .seq = seq,
        .id = call->id,
        .route_length = message->route.length,
        .actor_length = message->actor.length,
        .body_length = message->body.length,
    };
    request->bytes =
        malloc(request->route_length + request->actor_length + request->body_length + 1);
    if (!request->bytes)
        return -ENOMEM;
    uint8_t *end = request->bytes;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (parts[i].length)
            memcpy(end, parts[i].data, parts[i].length);
        end += parts[i].length;
    }
    past->count++;
    return 0;
}

/* Takes the first that waits for `seq`, with its bytes; false when none does. */
static bool take_request(struct past *past, uint64_t seq, struct past_request *request)
{
    size_t i = 0;
    while (i < past->count && past->waiting[i].seq != seq)
        i++;
    if (i == past->count)
        return false;
    *request = past->waiting[i];
    past->count--;
    memmove(&past->waiting[i], &past->waiting[i + 1], (past->count - i) * sizeof past->waiting[0]);
    return true;
}

static int refuse_stopping(struct rentbus_fault *fault)
{
    rentbus_fault_set(fault, RENTBUS_ERROR_UNAVAILABLE, NULL, "the daemon is about to stop");
    fault->retry_after_ms = ENGINE_UNAVAILABLE_RETRY_MS;
    return RENTBUS_ERROR_UNAVAILABLE;
}

/* `status` is a negative errno, or says that the daemon stops. */
static void answer_failure(struct past *past, const struct past_request *request, int status)
{
    struct api *api = past->api;
    struct rentbus_fault fault = {0};
    api->errors++;
    rentbus_buffer_clear(&api->reply);
    if (status == JOURNAL_TRIMMED)
        api_refuse_forgotten(api, NULL, &fault);
    if (status > 0)
        refuse_stopping(&fault);
    if (fault.code)
        api_encode_error(&request->id, &fault, &api->reply);
    else
        api_encode_failure(&request->id, status, &api->reply);
    if (!api->reply.failed)
        api->settings.send(api->settings.context, message_of(request).route,
                           (struct rentbus_bytes){api->reply.data, api->reply.length});
}

/* Serving one may let another, or the same one for another seq, wait anew. */
static void serve_waiting(struct past *past)
{
    struct past_request request;
    while (!past->job.running && past->ledger &&
           take_request(past, ledger_head(past->ledger), &request)) {
        struct api_message message = message_of(&request);
        api_handle(past->api, &message);
        free(request.bytes);
    }
}

static void fail_waiting(struct past *past, uint64_t seq, int status)
{
    struct past_request request;
    while (take_request(past, seq, &request)) {
        answer_failure(past, &request, status);
        free(request.bytes);
    }
}

/* ---- the caller ---- */

static void start(struct past *past, uint64_t target)
{
    past->target = target;
    past->archived = engine_evicted(past->api->engine);
    past->snapshots[0] = engine_snapshot(past->api->engine)->seq;
    past->snapshots[1] = engine_snapshot_before(past->api->engine);
    memset(past->why, 0, sizeof past->why);
    int status = job_start(&past->job, api_fd(past->api), work, past);
    if (status && target == PAST_NOTHING)
        forget(past);
    else if (status)
        fail_waiting(past, target, status);
}

/* The seq that the first one waits for, or one that lies on the way there. */
static uint64_t next_target(const struct past *past)
{
    uint64_t from = past->ledger ? ledger_head(past->ledger) : 0;
    uint64_t target = past->waiting[0].seq;
    if (target < from)
        from = 0;
    for (size_t i = 1; i < past->count; i++)
        if (past->waiting[i].seq >= from && past->waiting[i].seq < target)
            target = past->waiting[i].seq;
    return target;
}

static bool idle_for_long(struct past *past, int64_t now)
{
    if (now < past->used_at)
        past->used_at = now;
    return past->ledger && now - past->used_at >= PAST_IDLE_US;
}

static void distrust(const struct past *past)
{
    for (size_t i = 0; i < SNAPSHOTS_KEPT; i++)
        if (past->why[i])
            engine_snapshot_distrust(past->api->engine, past->snapshots[i], past->why[i]);
}

void past_process(struct past *past)
{
    struct api *api = past->api;
    if (past->stopping)
        return;
    if (job_take(&past->job)) {
        past->used_at = api->settings.now(api->settings.context);
        distrust(past);
        if (past->status)
            fail_waiting(past, past->target, past->status);
    }
    serve_waiting(past);
    if (past->job.running)
        return;
    if (past->count)
        start(past, next_target(past));
    else if (idle_for_long(past, api->settings.now(api->settings.context)))
        start(past, PAST_NOTHING);
}

int64_t past_timer(const struct past *past)
{
    bool kept = !past->job.running && past->ledger;
    return kept ? past->used_at + PAST_IDLE_US : INT64_MAX;
}

bool past_idle(const struct past *past)
{
    return past->count == 0;
}

static int wait_for(struct past *past, struct api_call *call, uint64_t seq)
{
    if (call->message->body.length > PAST_REQUEST_MAX)
        return api_refuse(call, TOO_LARGE, NULL, "a request of the past has at most %d bytes",
                          PAST_REQUEST_MAX);
    if (past->count == PAST_WAITING_MAX) {
        api_refuse(call, BUSY, NULL,
                   "%d requests of the past wait already; the replay stands at seq %" PRIu64,
                   PAST_WAITING_MAX, atomic_load_explicit(&past->reached, memory_order_relaxed));
        call->fault.retry_after_ms = PAST_BUSY_RETRY_MS;
        return RENTBUS_ERROR_BUSY;
    }
    int status = note_request(past, call, seq);
    return status ? status : API_LATER;
}

int past_ask(struct api_call *call, uint64_t seq)
{
    struct past *past = call->api->past;
    if (past->stopping)
        return refuse_stopping(&call->fault);
    bool at_hand = !past->job.running && past->ledger && ledger_head(past->ledger) == seq;
    if (!at_hand && seq < engine_first_state(call->api->engine))
        return JOURNAL_TRIMMED;
    if (!at_hand)
        return wait_for(past, call, seq);
    past->used_at = call->now;
    call->ledger = past->ledger;
    call->tally = past->tally;
    call->as_of = seq;
    if (seq)
        call->now = past->time;
    return 0;
}

/* The last event that is not later than `at`. Those of that time that are not durable yet have to
 * be waited for, so that the answer is the same for ever. */
static int find_seq(struct api_call *call, int64_t at, uint64_t *seq)
{
    struct engine *engine = call->api->engine;
    if (at > call->now)
        return api_refuse(call, INVALID_ARGUMENT, "at", "is in the future");
    if (engine_pending_time(engine) <= at)
        return api_wait(call);
    int status = journal_seek(engine_journal(engine), at + 1, seq);
    if (status == 0)
        --*seq;
    return status;
}

int past_serve(struct api_call *call, const struct api_when *when)
{
    uint64_t seq = when->at_seq ? *when->at_seq : 0;
    int status = 0;
    if (when->at && when->at_seq)
        return api_refuse(call, INVALID_ARGUMENT, "at_seq", "stands beside at: give only one");
    if (seq > engine_durable(call->api->engine))
        return api_refuse(call, INVALID_ARGUMENT, "at_seq", "is behind the last event");
    if (when->at)
        status = find_seq(call, *when->at, &seq);
    if (status == 0)
        status = past_ask(call, seq);
    if (status == JOURNAL_TRIMMED)
        status = api_refuse_forgotten(call->api, when->at ? "at" : "at_seq", &call->fault);
    if (status)
        return status;
    if (when->at)
        call->now = *when->at;
    return api_answer(call);
}

struct past *past_create(struct api *api)
{
    struct past *past = calloc(1, sizeof *past);
    if (past)
        past->api = api;
    return past;
}

void past_stop(struct past *past)
{
    past->stopping = true;
    job_stop(&past->job);
    while (past->count)
        fail_waiting(past, past->waiting[0].seq, RENTBUS_ERROR_UNAVAILABLE);
}

void past_destroy(struct past **past)
{
    if (!*past)
        return;
    forget(*past);
    free(*past);
    *past = NULL;
}
