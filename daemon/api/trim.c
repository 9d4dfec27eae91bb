/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Letting go of the journal's oldest events: what may go is found in a thread of its own, with a
 * reader of its own; then the engine lets it go, a little at a time.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/api/call.h"
#include "daemon/engine/job.h"
#include "daemon/engine/snapshot.h"
#include "daemon/engine/snapshot_file.h"

#define TRIM_BUSY_RETRY_MS 1000
#define TRIM_ROUTE_MAX 2048
#define TRIM_ACTOR_MAX 128

struct trimming {
    struct job job;
    bool busy; /* from the request to its answer; then the result stays, to be given again */
    bool deleting;
    /* Who asked. */
    struct rentbus_uuid id;
    size_t route_length;
    uint8_t route[TRIM_ROUTE_MAX];
    size_t actor_length;
    char actor[TRIM_ACTOR_MAX];
    /* What for. */
    bool dry_run;
    bool by_time;
    int64_t before_time;
    uint64_t through;  /* the last event that may go */
    uint64_t archived; /* what comes later has to stay */
    uint64_t head;
    const char *directory;
    const char *name; /* of the ledger */
    const char *journal_path;
    const char *archive_path;
    /* What the job has found. */
    int status; /* 0, an error code with the fault, or -errno */
    struct rentbus_fault fault;
    uint64_t bad; /* a snapshot, and why it is no good */
    const char *why;
    struct journal_head base;
    uint64_t end; /* the last event that goes: the base when none does */
    struct journal_trimmed trimmed;
    struct rentbus_trim_result result;
};

/* ---- the job ---- */

/* What the archive has taken may be in the cache of the system alone. No lock of SQLite's is on its
 * log, which may be opened and closed for that reason. */
static int sync_archive(const struct trimming *work)
{
    char path[PATH_MAX];
    int length = snprintf(path, sizeof path, "%s-wal", work->archive_path);
    if (length < 0 || (size_t)length >= sizeof path)
        return -ENAMETOOLONG;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    /* Without a log everything is in the file, and synced. */
    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    int status = fdatasync(fd) ? -errno : 0;
    close(fd);
    return status;
}

struct pair {
    bool has_command[2];
    struct rentbus_uuid commands[2];
    size_t count;
};

static int note_command(void *context, uint64_t seq, struct rentbus_bytes bytes)
{
    struct pair *pair = context;
    struct rentbus_event event;
    struct rentbus_fault fault;
    (void)seq;
    if (pair->count == 2 ||
        rentbus_decode(&rentbus_event_schema, bytes, RENTBUS_LENIENT, &event, &fault))
        return -EBADMSG;
    pair->has_command[pair->count] = RENTBUS_HAS(&event, event, command);
    pair->commands[pair->count++] = event.command;
    return 0;
}

/* Whether the event and the next one are of one command: 1, 0, or a negative errno. */
static int splits_command(struct journal_reader *journal, uint64_t seq)
{
    struct pair pair = {0};
    int status = journal_read(journal, seq, seq + 1, note_command, &pair);
    if (status)
        return status;
    return pair.count == 2 && pair.has_command[0] && pair.has_command[1] &&
           memcmp(&pair.commands[0], &pair.commands[1], sizeof pair.commands[0]) == 0;
}

/* The last event that goes: the end of a block, and of a command. */
static int find_end(struct trimming *work, struct journal_reader *journal)
{
    uint64_t through = work->through;
    int status;
    for (;;) {
        status = journal_trim_end(journal, through, &work->end);
        if (status || work->end <= work->base.seq)
            return status;
        status = splits_command(journal, work->end);
        if (status <= 0)
            return status;
        if (job_cancelled(&work->job))
            return -ECANCELED;
        through = work->end - 1;
    }
}

static int bound_by_time(struct trimming *work, struct journal_reader *journal)
{
    uint64_t seq;
    int status = journal_seek(journal, work->before_time, &seq);
    if (status == JOURNAL_TRIMMED)
        seq = 1;
    else if (status)
        return status;
    if (seq - 1 < work->through)
        work->through = seq - 1;
    return 0;
}

static int note_hash(void *context, uint64_t seq, struct rentbus_bytes bytes)
{
    struct rentbus_event event;
    struct rentbus_fault fault;
    (void)seq;
    if (rentbus_decode(&rentbus_event_schema, bytes, RENTBUS_LENIENT, &event, &fault) ||
        event.hash.length != RENTBUS_HASH_SIZE)
        return -EBADMSG;
    memcpy(context, event.hash.data, RENTBUS_HASH_SIZE);
    return 0;
}

/* Whether a start could go on from the snapshot: 0; -EBADMSG and why; -errno. */
static int prove_snapshot(struct trimming *work, struct journal_reader *journal, uint64_t seq,
                          const char **why)
{
    struct snapshot_header header = {0};
    uint8_t hash[RENTBUS_HASH_SIZE];
    int status = snapshot_file_check(work->directory, seq, work->name, &header, why);
    if (status)
        return status;
    memcpy(hash, work->base.hash, sizeof hash);
    *why = "the journal begins behind it";
    if (seq < work->base.seq)
        return -EBADMSG;
    status = seq > work->base.seq ? journal_read(journal, seq, seq, note_hash, hash) : 0;
    *why = "it is of another journal";
    return status || memcmp(hash, header.head.hash, sizeof hash) == 0 ? status : -EBADMSG;
}

static int refuse_unproved(struct trimming *work)
{
    char name[SNAPSHOT_FILE_NAME_SIZE];
    if (!work->bad)
        return rentbus_fault_set(&work->fault, RENTBUS_ERROR_CONFLICT, NULL,
                                 "there are no two verified snapshots yet, and what is behind the "
                                 "older one stays");
    snapshot_file_name(work->bad, name);
    return rentbus_fault_set(&work->fault, RENTBUS_ERROR_CONFLICT, NULL,
                             "%s is no good: %s; nothing goes until another was written", name,
                             work->why);
}

/* What a start may need stays, also one that cannot read the newest snapshot. */
static int bound_by_need(struct trimming *work, struct journal_reader *journal)
{
    uint64_t seq = work->head;
    size_t good = 0;
    while (good < SNAPSHOTS_KEPT) {
        const char *why;
        int status = snapshot_file_newest(work->directory, seq, &seq);
        if (status || seq == 0)
            return status ? status : refuse_unproved(work);
        status = prove_snapshot(work, journal, seq, &why);
        if (job_cancelled(&work->job))
            return -ECANCELED;
        good += status == 0;
        /* It has given way to a newer one, and all that was seen may have. */
        if (status == -ENOENT) {
            seq = work->head;
            good = 0;
            continue;
        }
        if (status) {
            work->bad = seq;
            work->why = why;
        }
        if (good < SNAPSHOTS_KEPT)
            seq--;
    }
    uint64_t least = seq < work->archived ? seq : work->archived;
    if (least < work->through)
        work->through = least;
    return 0;
}

static int look(struct trimming *work, struct journal_reader *journal)
{
    int status = journal_reader_base(journal, &work->base);
    work->end = work->base.seq;
    if (status == 0 && work->by_time)
        status = bound_by_time(work, journal);
    if (status || work->through <= work->base.seq)
        return status;
    status = bound_by_need(work, journal);
    if (status == 0)
        status = find_end(work, journal);
    if (status == 0 && work->dry_run)
        status = journal_trim_measure(journal, work->end, &work->trimmed);
    if (status == 0 && !work->dry_run)
        status = sync_archive(work);
    return status;
}

static void run(void *context)
{
    struct trimming *work = context;
    struct journal_reader *journal = NULL;
    work->status = journal_reader_open(work->journal_path, &journal);
    if (work->status == 0)
        work->status = look(work, journal);
    journal_reader_close(&journal);
}

/* ---- the request ---- */

/* The client may have asked again over another connection: the reply goes to the last one. */
static int note_route(struct trimming *work, const struct rentbus_bytes *route)
{
    if (route->length > sizeof work->route)
        return -EMSGSIZE;
    memcpy(work->route, route->data, route->length);
    work->route_length = route->length;
    return 0;
}

static int refuse_busy(struct api_call *call, const char *what)
{
    api_refuse(call, BUSY, NULL, "%s is running", what);
    call->fault.retry_after_ms = TRIM_BUSY_RETRY_MS;
    return RENTBUS_ERROR_BUSY;
}

static int note_request(struct api_call *call, struct trimming *work)
{
    const struct rentbus_trim_args *args = &call->args.admin_trim;
    struct engine *engine = call->api->engine;
    const struct rentbus_bytes *actor = &call->message->actor;
    bool by_seq = RENTBUS_HAS(args, trim_args, before_seq);
    int status = note_route(work, &call->message->route);
    if (status || actor->length > sizeof work->actor)
        return status ? status : -EMSGSIZE;
    memcpy(work->actor, actor->data, actor->length);
    work->actor_length = actor->length;
    work->id = call->id;
    work->dry_run = RENTBUS_HAS(args, trim_args, dry_run) && args->dry_run;
    work->by_time = !by_seq;
    work->before_time = by_seq ? 0 : call->now - args->older_than * INT64_C(1000000);
    work->head = engine_durable(engine);
    work->archived = engine_archived(engine);
    work->through = work->head;
    if (by_seq && args->before_seq <= work->through)
        work->through = args->before_seq ? args->before_seq - 1 : 0;
    work->bad = 0;
    work->directory = engine_directory(engine);
    work->name = engine_ledger_name(engine);
    work->journal_path = engine_journal_path(engine);
    work->archive_path = engine_archive_path(engine);
    work->trimmed = (struct journal_trimmed){0};
    work->result.has = 0;
    return 0;
}

static int begin(struct api_call *call, struct trimming *work)
{
    const struct rentbus_trim_args *args = &call->args.admin_trim;
    if (RENTBUS_HAS(args, trim_args, before_seq) == RENTBUS_HAS(args, trim_args, older_than))
        return api_refuse(call, INVALID_ARGUMENT, "before_seq",
                          "is required, or older_than, and not both");
    if (call->api->verification)
        return refuse_busy(call, "a verification");
    int status = note_request(call, work);
    if (status == 0)
        status = job_start(&work->job, api_fd(call->api), run, work);
    work->busy = status == 0;
    return status ? status : API_LATER;
}

int api_answer_admin_trim(struct api_call *call)
{
    struct trimming *work = call->api->trimming;
    if (!work)
        work = call->api->trimming = calloc(1, sizeof *work);
    if (!work)
        return -ENOMEM;
    bool again = memcmp(&work->id, &call->id, sizeof call->id) == 0;
    if (work->busy && !again)
        return refuse_busy(call, "another trim");
    if (work->busy) {
        int status = note_route(work, &call->message->route);
        return status ? status : API_LATER;
    }
    if (again && work->result.has) {
        call->result.admin_trim = work->result;
        return 0;
    }
    return begin(call, work);
}

/* ---- its end ---- */

static void send_reply(struct api *api, const struct trimming *work)
{
    if (!api->reply.failed)
        api->settings.send(api->settings.context,
                           (struct rentbus_bytes){work->route, work->route_length},
                           (struct rentbus_bytes){api->reply.data, api->reply.length});
}

static void answer(struct api *api, struct trimming *work, uint64_t first_seq)
{
    struct rentbus_trim_result *result = &work->result;
    work->busy = false;
    RENTBUS_SET(result, trim_result, first_seq, first_seq);
    RENTBUS_SET(result, trim_result, events, work->trimmed.events);
    RENTBUS_SET(result, trim_result, bytes, work->trimmed.bytes);
    rentbus_buffer_clear(&api->reply);
    api_encode_result(&work->id, RENTBUS_OP_admin_trim, result, &api->reply);
    send_reply(api, work);
}

static void answer_failure(struct api *api, struct trimming *work, int status,
                           const struct rentbus_fault *fault)
{
    work->busy = false;
    api->errors++;
    rentbus_buffer_clear(&api->reply);
    if (status > 0)
        api_encode_error(&work->id, fault, &api->reply);
    else
        api_encode_failure(&work->id, status, &api->reply);
    send_reply(api, work);
}

/* The job knows what may go. */
static void go_on(struct api *api, struct trimming *work)
{
    struct rentbus_text actor = {work->actor, work->actor_length};
    int status = work->status;
    engine_snapshot_distrust(api->engine, work->bad, work->why);
    bool nothing = status == 0 && work->end <= work->base.seq;
    if (nothing || (status == 0 && work->dry_run)) {
        answer(api, work, work->end + 1);
        return;
    }
    if (status == 0)
        status = engine_trim(api->engine, actor, work->end,
                             api->settings.now(api->settings.context), &work->fault);
    work->deleting = status == 0;
    if (status)
        answer_failure(api, work, status, &work->fault);
}

void trimming_process(struct api *api)
{
    struct trimming *work = api->trimming;
    int status;
    if (!work || !work->busy)
        return;
    if (job_take(&work->job))
        go_on(api, work);
    if (!work->deleting || !engine_trim_poll(api->engine, &status, &work->trimmed))
        return;
    work->deleting = false;
    if (status)
        answer_failure(api, work, status, NULL);
    else
        answer(api, work, engine_first(api->engine));
}

bool trimming_is_busy(const struct api *api)
{
    return api->trimming && api->trimming->busy;
}

void trimming_stop(struct api *api)
{
    if (!api->trimming)
        return;
    job_stop(&api->trimming->job);
    free(api->trimming);
    api->trimming = NULL;
}
