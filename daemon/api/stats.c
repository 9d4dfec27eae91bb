/* SPDX-License-Identifier: MPL-2.0 */
/* Numbers: what there is, and what came back when and where. */
#include <errno.h>
#include <inttypes.h>

#include "daemon/api/call.h"
#include "daemon/archive/tally.h"
#include "daemon/engine/snapshot.h"
#include "daemon/journal/sqlite.h"
#include "daemon/ledger/codec.h"

#define STATS_DAYS_DEFAULT 30
#define STATS_DAYS_MAX 366
/* Events that the archive may be behind, which a request counts itself: beyond, whoever asks is
 * told to ask again. */
#define STATS_TAIL_MAX 200000

/* The days from `from` to before `until`. */
struct days {
    int64_t from;
    int64_t until;
};

static int asked_days(struct api_call *call, struct days *days)
{
    const struct rentbus_stats_args *args = &call->args.stats;
    days->until =
        RENTBUS_HAS(args, stats_args, until) ? tally_day(args->until) : tally_day(call->now) + 1;
    days->from = RENTBUS_HAS(args, stats_args, since) ? tally_day(args->since)
                                                      : days->until - STATS_DAYS_DEFAULT;
    if (days->until - days->from > STATS_DAYS_MAX)
        return api_refuse(call, INVALID_ARGUMENT, "since", "is over %d days before until",
                          STATS_DAYS_MAX);
    return 0;
}

static int add_row(void *context, const struct tally_row *row)
{
    return tally_add(context, row);
}

struct tail {
    struct tally *tally;
    struct ledger_event event;
};

static int add_event(void *context, uint64_t seq, struct rentbus_bytes bytes)
{
    struct tail *tail = context;
    struct rentbus_event wire;
    struct rentbus_fault fault;
    (void)seq;
    if (rentbus_decode(&rentbus_event_schema, bytes, RENTBUS_LENIENT, &wire, &fault) ||
        ledger_event_decode(&wire, &tail->event))
        return -EBADMSG;
    return tally_take(tail->tally, tail->event.type, ledger_event_data(&tail->event));
}

static int refuse_for_now(struct api_call *call, uint64_t seq, uint64_t head)
{
    api_refuse(call, UNAVAILABLE, NULL,
               "the archive has to come up first: it stands at seq %" PRIu64 " of %" PRIu64, seq,
               head);
    call->fault.retry_after_ms = ENGINE_UNAVAILABLE_RETRY_MS;
    return RENTBUS_ERROR_UNAVAILABLE;
}

/* What the archive has counted, and what it has not taken yet: all, without an archive. */
static int count_returns(struct api_call *call, const struct days *days, struct tally *tally)
{
    struct engine *engine = call->api->engine;
    struct tail tail = {.tally = tally};
    uint64_t head = engine_durable(engine);
    uint64_t seq = 0;
    tally_clear(tally);
    int status =
        archive_tally(engine_archive(engine), days->from, days->until, &seq, add_row, tally);
    if (status == -ENOENT) {
        tally_clear(tally);
        seq = 0;
        status = 0;
    }
    if (status == 0 && seq < head && head - seq > STATS_TAIL_MAX)
        return refuse_for_now(call, seq, head);
    if (status == 0 && seq < head)
        status = journal_read(engine_journal(engine), seq + 1, head, add_event, &tail);
    return status;
}

static int summarize(struct api_call *call, struct tally_summary *summary)
{
    struct api *api = call->api;
    const struct tally *tally = call->tally;
    struct days days;
    int status = asked_days(call, &days);
    if (status)
        return status;
    if (!tally) {
        if (!api->tally)
            api->tally = tally_create();
        if (!api->tally)
            return -ENOMEM;
        tally = api->tally;
        status = count_returns(call, &days, api->tally);
    }
    return status ? status : tally_summarize(tally, days.from, days.until, summary);
}

static void set_returns(struct rentbus_stats_result *result, const struct tally_summary *summary)
{
    RENTBUS_SET(result, stats_result, returns, summary->returns);
    RENTBUS_SET(result, stats_result, missed_scans, summary->missed_scans);
    RENTBUS_SET(result, stats_result, returns_by_day, summary->days);
    RENTBUS_SET(result, stats_result, returns_by_location, summary->locations);
    RENTBUS_SET(result, stats_result, returns_by_asset_type, summary->types);
    if (summary->has_median)
        RENTBUS_SET(result, stats_result, median_loan_period, summary->median);
}

static void set_counts(struct rentbus_stats_result *result, const struct api_call *call)
{
    struct ledger_counts counts = ledger_counts(call->ledger);
    RENTBUS_SET(result, stats_result, open, counts.open);
    RENTBUS_SET(result, stats_result, users, counts.users);
    RENTBUS_SET(result, stats_result, assets, counts.assets);
    RENTBUS_SET(result, stats_result, devices, counts.devices);
    RENTBUS_SET(result, stats_result, expired, ledger_expired_count(call->ledger, call->now));
    RENTBUS_SET(result, stats_result, flagged, counts.flagged);
    RENTBUS_SET(result, stats_result, rentals, counts.rentals);
    RENTBUS_SET(result, stats_result, locations, counts.locations);
    RENTBUS_SET(result, stats_result, asset_types, counts.asset_types);
}

static bool add_status(void *context, uint64_t created,
                       const struct rentbus_consumer_status *status)
{
    (void)created;
    return api_page_add(context, &rentbus_consumer_status_schema, status);
}

/* As they are now, also for a past. */
static int set_consumers(struct rentbus_stats_result *result, struct api_call *call)
{
    struct bus *bus = engine_bus(call->api->engine);
    struct bus_counts counts = bus_counts(bus);
    uint64_t limit = BUS_BEHIND_MAX;
    int status = api_open_page(call, &limit, &call->page);
    if (status)
        return status;
    bus_list_behind(bus, add_status, &call->page);
    RENTBUS_SET(result, stats_result, parked, counts.parked);
    RENTBUS_SET(result, stats_result, stalled, counts.stalled);
    RENTBUS_SET(result, stats_result, consumers, counts.consumers);
    RENTBUS_SET(result, stats_result, consumer_status, api_page_list(&call->page));
    return call->page.items->failed ? -ENOMEM : 0;
}

int api_answer_stats(struct api_call *call)
{
    struct rentbus_stats_result *result = &call->result.stats;
    struct tally_summary *summary = &call->api->summary;
    struct engine *engine = call->api->engine;
    bool present = call->as_of == UINT64_MAX;
    int status = summarize(call, summary);
    if (status)
        return status;
    result->has = 0;
    set_returns(result, summary);
    set_counts(result, call);
    RENTBUS_SET(result, stats_result, head, present ? engine_durable(engine) : call->as_of);
    RENTBUS_SET(result, stats_result, errors, call->api->errors);
    RENTBUS_SET(result, stats_result, commits, engine_commits(engine));
    RENTBUS_SET(result, stats_result, trims, engine_trims(engine));
    RENTBUS_SET(result, stats_result, snapshots, engine_snapshots(engine));
    RENTBUS_SET(result, stats_result, requests, call->api->requests);
    RENTBUS_SET(result, stats_result, started_at, call->api->started_at);
    RENTBUS_SET(result, stats_result, archived_seq, engine_archived(engine));
    RENTBUS_SET(result, stats_result, snapshot_seq, engine_snapshot(engine)->seq);
    if (engine_snapshot(engine)->time)
        RENTBUS_SET(result, stats_result, snapshot_at, engine_snapshot(engine)->time);
    RENTBUS_SET(result, stats_result, first_seq, engine_first(engine));
    RENTBUS_SET(result, stats_result, archive_bytes, sqlite_bytes(engine_archive_path(engine)));
    RENTBUS_SET(result, stats_result, journal_bytes, sqlite_bytes(engine_journal_path(engine)));
    return set_consumers(result, call);
}
