/* SPDX-License-Identifier: MPL-2.0 */
/* The list of rentals. They come from two places, each in the order of created_seq: the ledger and
 * the archive. What both hold up to the place that both were searched to makes the page. */
#include <errno.h>

#include "daemon/api/call.h"
#include "daemon/api/filter.h"

/* Notes a rental that was looked at; false when the source need not be searched any further. */
static bool source_looked(struct api_source *source, uint64_t seq, bool found)
{
    source->reach = seq;
    if (found) {
        source->seqs[source->count] = seq;
        source->ends[source->count++] = source->bytes.length;
    }
    return source->count < source->wanted && ++source->looked < source->patience;
}

static bool look_at_hot(void *context, const struct rentbus_rental *rental)
{
    struct api_source *source = context;
    bool found = filter_matches(source->filter, source->now, rental);
    if (found)
        rentbus_encode(&rentbus_rental_schema, rental, &source->bytes);
    source->more = !source_looked(source, rental->created_seq, found);
    return !source->more;
}

/* Ends a reading that has found or looked at enough. */
#define LOOKED_ENOUGH 1

static int look_at_archived(void *context, uint64_t created_seq, struct rentbus_bytes bytes)
{
    struct api_source *source = context;
    struct rentbus_rental rental;
    struct rentbus_fault fault;
    bool found = true;
    if (created_seq > source->until)
        return LOOKED_ENOUGH;
    if (filter_looks(source->filter)) {
        if (rentbus_decode(&rentbus_rental_schema, bytes, RENTBUS_LENIENT, &rental, &fault))
            return -EBADMSG;
        found = filter_matches(source->filter, source->now, &rental);
    }
    if (found)
        rentbus_buffer_append(&source->bytes, bytes.data, bytes.length);
    source->more = !source_looked(source, created_seq, found);
    return source->more ? LOOKED_ENOUGH : 0;
}

static void source_open(struct api_source *source, const struct api_call *call, size_t patience,
                        uint64_t until)
{
    rentbus_buffer_clear(&source->bytes);
    source->count = 0;
    source->looked = 0;
    source->more = false;
    source->wanted = call->page.limit + 1;
    source->patience = patience;
    source->until = until;
    source->filter = &call->args.rental_list;
    source->now = call->now;
}

static void search_ledger(struct api_call *call, struct api_source *hot)
{
    const struct rentbus_rental_list_args *args = &call->args.rental_list;
    struct ledger_rental_filter filter = {0};
    if (RENTBUS_HAS(args, rental_list_args, user_id))
        filter.user_id = args->user_id;
    if (RENTBUS_HAS(args, rental_list_args, asset_id))
        filter.asset_id = args->asset_id;
    if (RENTBUS_HAS(args, rental_list_args, status))
        filter.status = args->status;
    ledger_rental_list(call->ledger, &filter, call->page.position, look_at_hot, hot);
}

static int search_archive(struct api_call *call, struct api_source *cold)
{
    const struct rentbus_rental_list_args *args = &call->args.rental_list;
    struct archive_rental_filter filter = {
        .has_as_of = call->as_of != UINT64_MAX,
        .as_of = call->as_of,
    };
    struct engine *engine = call->api->engine;
    if (filter_is_hot(args))
        return 0;
    if (RENTBUS_HAS(args, rental_list_args, user_id))
        filter.user_id = args->user_id;
    if (RENTBUS_HAS(args, rental_list_args, asset_id))
        filter.asset_id = args->asset_id;
    if (RENTBUS_HAS(args, rental_list_args, status))
        filter.status = args->status;
    int status = archive_rental_list(engine_archive(engine), &filter, call->page.position,
                                     cold->patience, look_at_archived, cold);
    return engine_archive_found(engine, status == LOOKED_ENOUGH ? 0 : status);
}

static void source_take(const struct api_source *source, size_t index, struct api_page *page)
{
    if (page->count == page->limit) {
        page->more = true;
        return;
    }
    size_t start = index ? source->ends[index - 1] : 0;
    rentbus_buffer_append(page->items, source->bytes.data + start, source->ends[index] - start);
    page->position = source->seqs[index];
    page->count++;
}

/* A rental that is in both has just been archived: the ledger's is as good, and taken once. */
static void merge(const struct api_source *hot, const struct api_source *cold, uint64_t reach,
                  struct api_page *page)
{
    size_t h = 0;
    size_t c = 0;
    while (!page->more && (h < hot->count || c < cold->count)) {
        bool first = h < hot->count && (c == cold->count || hot->seqs[h] <= cold->seqs[c]);
        if ((first ? hot->seqs[h] : cold->seqs[c]) > reach)
            return;
        if (!first) {
            source_take(cold, c++, page);
            continue;
        }
        if (c < cold->count && hot->seqs[h] == cold->seqs[c])
            c++;
        source_take(hot, h++, page);
    }
}

/* Up to where both sources were searched; UINT64_MAX when that is all they have. */
static uint64_t common_reach(const struct api_source *hot, const struct api_source *cold)
{
    uint64_t reach = hot->more ? hot->reach : UINT64_MAX;
    return cold->more && cold->reach < reach ? cold->reach : reach;
}

int api_answer_rental_list(struct api_call *call)
{
    const struct rentbus_rental_list_args *args = &call->args.rental_list;
    struct rentbus_rental_page *result = &call->result.rental_list;
    struct api_page *page = &call->page;
    struct api_source *hot = &call->api->hot;
    struct api_source *cold = &call->api->cold;
    int status = api_open_list(call, 'r', API_GIVEN(args, rental_list_args, limit),
                               API_GIVEN(args, rental_list_args, cursor), page);
    if (status)
        return status;
    source_open(hot, call, API_LOOKED_MAX / 2, UINT64_MAX);
    search_ledger(call, hot);
    source_open(cold, call, API_LOOKED_MAX - hot->looked, hot->more ? hot->reach : UINT64_MAX);
    status = search_archive(call, cold);
    if (status)
        return status;
    uint64_t reach = common_reach(hot, cold);
    merge(hot, cold, reach, page);
    if (!page->more && reach != UINT64_MAX) {
        page->more = true;
        page->position = reach;
    }
    result->has = 0;
    RENTBUS_SET(result, rental_page, rentals, api_page_list(page));
    if (page->more)
        RENTBUS_SET(result, rental_page, cursor, api_page_cursor(page, 'r'));
    return page->items->failed || hot->bytes.failed || cold->bytes.failed ? -ENOMEM : 0;
}
