/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/api/explain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/api/history.h"
#include "daemon/api/past.h"
#include "daemon/engine/replay.h"
#include "sdk/protocol/text.h"

/* Ends a reading that has found enough. */
#define EXPLAIN_ENOUGH 1

struct explanation {
    struct api_call *call;
    /* The events of the answer, encoded. */
    struct rentbus_buffer events;
    size_t event_count;
    /* Of a rental: what made it what it is, and how much of its history was read. */
    struct rentbus_text rental_id;
    bool found;
    size_t read;
    /* The command that is explained: its events, which borrow from `bytes`. */
    bool has_command;
    struct rentbus_uuid command;
    uint64_t first;
    uint64_t last;
    int64_t time; /* of its first event */
    struct rentbus_buffer bytes;
    size_t ends[LEDGER_DECISION_MAX];
    size_t count;
    struct ledger_event decided[LEDGER_DECISION_MAX];
    struct rentbus_command_result outcome;
    /* What it had to choose from, encoded. */
    struct rentbus_buffer candidates;
    size_t candidate_count;
    struct rentbus_candidate candidate;
    /* The rental that it names when it was closed already, and what that borrows from. */
    struct rentbus_rental named;
    struct rentbus_buffer archived;
};

static struct explanation *explain_begin(struct api_call *call)
{
    struct explanation *work = call->api->explanation;
    if (!work)
        work = call->api->explanation = calloc(1, sizeof *work);
    if (!work)
        return NULL;
    rentbus_buffer_clear(&work->events);
    rentbus_buffer_clear(&work->bytes);
    rentbus_buffer_clear(&work->candidates);
    rentbus_buffer_clear(&work->archived);
    work->call = call;
    work->event_count = work->count = work->candidate_count = work->read = 0;
    work->found = work->has_command = false;
    return work;
}

void explain_release(struct explanation **explanation)
{
    struct explanation *old = *explanation;
    if (!old)
        return;
    rentbus_buffer_release(&old->events);
    rentbus_buffer_release(&old->bytes);
    rentbus_buffer_release(&old->candidates);
    rentbus_buffer_release(&old->archived);
    free(old);
    *explanation = NULL;
}

static void add_event(struct explanation *work, struct rentbus_bytes bytes)
{
    if (work->event_count == EXPLAIN_EVENTS_MAX ||
        work->events.length + bytes.length > API_PAGE_BYTES_MAX)
        return;
    rentbus_buffer_append(&work->events, bytes.data, bytes.length);
    work->event_count++;
}

/* ---- the events of a command ---- */

static int take_event(void *context, uint64_t seq, struct rentbus_bytes bytes)
{
    struct explanation *work = context;
    (void)seq;
    if (work->count == LEDGER_DECISION_MAX)
        return -EBADMSG;
    rentbus_buffer_append(&work->bytes, bytes.data, bytes.length);
    work->ends[work->count++] = work->bytes.length;
    return 0;
}

/* Reads them, and what they say to whoever sent the command. */
static int read_command(struct explanation *work)
{
    struct rentbus_event wire;
    size_t start = 0;
    int status = journal_read(engine_journal(work->call->api->engine), work->first, work->last,
                              take_event, work);
    if (status == 0 && work->bytes.failed)
        status = -ENOMEM;
    for (size_t i = 0; status == 0 && i < work->count; i++) {
        struct rentbus_bytes bytes = {work->bytes.data + start, work->ends[i] - start};
        status = replay_decode(work->first + i, bytes, &wire, &work->decided[i]);
        if (i == 0)
            work->time = wire.time;
        start = work->ends[i];
    }
    if (status == 0)
        ledger_outcome(work->decided, work->count, work->last, &work->outcome);
    return status;
}

static void add_command_events(struct explanation *work)
{
    size_t start = 0;
    for (size_t i = 0; i < work->count; i++) {
        add_event(work, (struct rentbus_bytes){work->bytes.data + start, work->ends[i] - start});
        start = work->ends[i];
    }
}

/* ---- what a return had to choose from ---- */

static struct rentbus_text given(bool has, struct rentbus_text text)
{
    return has ? text : (struct rentbus_text){0};
}

/* The scan that the events tell of. Of its override they tell when it counted. */
static void rebuild_scan(const struct explanation *work, struct ledger_scan *scan)
{
    const struct rentbus_return_data *data = &work->decided[0].data.return_data;
    *scan = (struct ledger_scan){
        .user_id = given(RENTBUS_HAS(data, return_data, user_id), data->user_id),
        .asset_id = given(RENTBUS_HAS(data, return_data, asset_id), data->asset_id),
        .rental_id = given(RENTBUS_HAS(data, return_data, rental_id), data->rental_id),
        .location_id = given(RENTBUS_HAS(data, return_data, location_id), data->location_id),
        .occurred_at = data->occurred_at,
    };
    for (size_t i = 1; i < work->count; i++) {
        const struct rentbus_complete_data *complete = &work->decided[i].data.complete_data;
        if (work->decided[i].type == RENTBUS_RENTAL_RETURN_COMPLETE_EVENT)
            scan->override =
                given(RENTBUS_HAS(complete, complete_data, override), complete->override);
    }
}

static bool add_candidate(void *context, const struct rentbus_rental *rental,
                          enum rentbus_verdict verdict)
{
    struct explanation *work = context;
    struct rentbus_candidate *candidate = &work->candidate;
    candidate->has = 0;
    RENTBUS_SET(candidate, candidate, rental, *rental);
    RENTBUS_SET(candidate, candidate, verdict, verdict);
    rentbus_encode(&rentbus_candidate_schema, candidate, &work->candidates);
    work->candidate_count++;
    return work->candidate_count < EXPLAIN_CANDIDATES_MAX &&
           work->candidates.length < API_PAGE_BYTES_MAX;
}

/* The closed rental that the return names, where only the archive has it: 1 with work->named, 0, or
 * a negative errno. */
static int find_named(struct explanation *work, struct rentbus_text id)
{
    struct engine *engine = work->call->api->engine;
    struct rentbus_fault fault;
    if (!id.data || ledger_rental_get(work->call->ledger, id, &work->named))
        return 0;
    int found =
        engine_archive_found(engine, archive_rental_get_as_of(engine_archive(engine), id,
                                                              work->first - 1, &work->archived));
    struct rentbus_bytes bytes = {work->archived.data, work->archived.length};
    if (found == 1 &&
        rentbus_decode(&rentbus_rental_schema, bytes, RENTBUS_LENIENT, &work->named, &fault))
        return -EBADMSG;
    return found;
}

static int find_candidates(struct explanation *work)
{
    struct ledger_scan scan;
    if (work->count == 0 || work->decided[0].type != RENTBUS_RENTAL_RETURN_EVENT)
        return 0;
    rebuild_scan(work, &scan);
    int found = find_named(work, scan.rental_id);
    if (found < 0)
        return found;
    struct ledger_context context = {
        .now = work->time,
        .next_seq = work->first,
        .archived = found ? &work->named : NULL,
    };
    ledger_candidates(work->call->ledger, &scan, &context, add_candidate, work);
    return 0;
}

/* ---- the history of a rental ---- */

/* The status that the event gives the rental; NONE when it is not about that. */
static enum rentbus_status given_status(const struct ledger_event *event, struct rentbus_text id)
{
    const struct rentbus_rental *rental = NULL;
    if (event->type == RENTBUS_RENTAL_CREATED_EVENT || event->type == RENTBUS_RENTAL_IMPORTED_EVENT)
        rental = &event->data.rental_data.rental;
    if (event->type == RENTBUS_RENTAL_RETURN_COMPLETE_EVENT)
        rental = &event->data.complete_data.rental;
    if (event->type == RENTBUS_RENTAL_FORGIVEN_EVENT ||
        event->type == RENTBUS_RENTAL_FLAGGED_EVENT ||
        event->type == RENTBUS_RENTAL_UNFLAGGED_EVENT)
        rental = &event->data.judged_data.rental;
    return rental && rentbus_text_equal(rental->id, id) ? rental->status : RENTBUS_STATUS_NONE;
}

/* Notes the command of the last event that gave the rental its status. */
static int read_history_event(void *context, uint64_t seq, struct rentbus_bytes bytes)
{
    struct explanation *work = context;
    struct rentbus_event wire;
    int status = replay_decode(seq, bytes, &wire, &work->decided[0]);
    if (status)
        return status;
    add_event(work, bytes);
    if (given_status(&work->decided[0], work->rental_id) != RENTBUS_STATUS_NONE) {
        work->found = true;
        work->has_command = RENTBUS_HAS(&wire, event, command);
        work->command = wire.command;
        work->first = work->last = seq;
    }
    return ++work->read == EXPLAIN_HISTORY_MAX ? EXPLAIN_ENOUGH : 0;
}

static int read_history(struct explanation *work)
{
    struct engine *engine = work->call->api->engine;
    struct mention rental = {MENTION_RENTAL, work->rental_id};
    uint64_t head = engine_durable(engine);
    uint64_t next = engine_first(engine);
    int status = 0;
    if (head > engine_archived(engine) + EXPLAIN_BACKLOG_MAX)
        return -EBUSY;
    while (status == 0 && next <= head)
        status = history_read(engine, rental, next, head, read_history_event, work, &next);
    return status < 0 ? status : 0;
}

/* ---- the answer ---- */

/* Whether there is the rental, of whose beginning the journal may no longer know. */
static bool is_known(struct explanation *work)
{
    struct engine *engine = work->call->api->engine;
    if (engine_first(engine) == 1)
        return false;
    return ledger_rental_get(work->call->ledger, work->rental_id, &work->named) ||
           archive_rental_get(engine_archive(engine), work->rental_id, &work->archived) == 1;
}

/* Finds the command that is to be explained: what a handler returns. */
static int find_command(struct explanation *work)
{
    struct api_call *call = work->call;
    const struct rentbus_explain_args *args = &call->args.explain;
    bool by_command = RENTBUS_HAS(args, explain_args, command_id);
    work->rental_id = args->rental_id;
    if (!by_command) {
        int status = read_history(work);
        if (status)
            return status;
        if (!work->found && is_known(work))
            return JOURNAL_TRIMMED;
        if (!work->found)
            return api_refuse(call, NOT_FOUND, "rental_id", "there is no such rental");
        if (!work->has_command)
            return 0;
    } else {
        work->command = args->command_id;
        work->has_command = true;
    }
    int seen = engine_command_range(call->api->engine, work->command, &work->first, &work->last);
    if (seen == ENGINE_PENDING)
        return api_wait(call);
    if (seen == ENGINE_NEW)
        return by_command ? api_refuse(call, NOT_FOUND, "command_id", "there is no such command")
                          : -EBADMSG;
    return seen < 0 ? seen : 0;
}

static void fill_outcome(struct explanation *work, struct rentbus_explain_result *result)
{
    const struct rentbus_command_result *outcome = &work->outcome;
    if (!work->has_command)
        return;
    RENTBUS_SET(result, explain_result, command, work->command);
    if (RENTBUS_HAS(outcome, command_result, outcome))
        RENTBUS_SET(result, explain_result, outcome, outcome->outcome);
    if (RENTBUS_HAS(outcome, command_result, reasons))
        RENTBUS_SET(result, explain_result, reasons, outcome->reasons);
}

static int fill(struct explanation *work)
{
    struct api_call *call = work->call;
    struct rentbus_explain_result *result = &call->result.explain;
    result->has = RENTBUS_BIT(explain_result, policy);
    ledger_policy_get(call->ledger, &result->policy);
    fill_outcome(work, result);
    RENTBUS_SET(result, explain_result, events,
                ((struct rentbus_list){work->events.data, work->events.length, work->event_count}));
    RENTBUS_SET(result, explain_result, candidates,
                ((struct rentbus_list){work->candidates.data, work->candidates.length,
                                       work->candidate_count}));
    return work->events.failed || work->candidates.failed ? -ENOMEM : 0;
}

int api_answer_explain(struct api_call *call)
{
    const struct rentbus_explain_args *args = &call->args.explain;
    bool by_command = RENTBUS_HAS(args, explain_args, command_id);
    if (by_command && RENTBUS_HAS(args, explain_args, rental_id))
        return api_refuse(call, INVALID_ARGUMENT, "command_id",
                          "stands beside rental_id: give only one");
    if (!by_command && !RENTBUS_HAS(args, explain_args, rental_id))
        return api_refuse(call, INVALID_ARGUMENT, "rental_id", "is required, or command_id");
    struct explanation *work = explain_begin(call);
    if (!work)
        return -ENOMEM;
    int status = find_command(work);
    if (status == 0 && work->has_command)
        status = read_command(work);
    if (status == JOURNAL_TRIMMED)
        status = api_refuse_trimmed(call, by_command ? "command_id" : "rental_id");
    if (status == 0) {
        status = past_ask(call, work->first - 1);
        if (status == JOURNAL_TRIMMED)
            status = api_refuse_forgotten(call->api, by_command ? "command_id" : "rental_id",
                                          &call->fault);
    }
    if (status == 0 && by_command)
        add_command_events(work);
    if (status == 0 && work->has_command)
        status = find_candidates(work);
    return status ? status : fill(work);
}
