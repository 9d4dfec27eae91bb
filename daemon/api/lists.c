/* SPDX-License-Identifier: MPL-2.0 */
/* Reading many things, a page at a time. A cursor is a letter for the list and a number: the
 * position of the last item of the page before. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/api/call.h"
#include "sdk/protocol/text.h"

int api_open_page(struct api_call *call, const uint64_t *limit, struct api_page *page)
{
    *page = (struct api_page){.items = &call->api->page, .limit = API_PAGE_DEFAULT};
    rentbus_buffer_clear(page->items);
    if (!limit)
        return 0;
    if (*limit == 0 || *limit > API_PAGE_MAX)
        return api_refuse(call, INVALID_ARGUMENT, "limit", "is not from 1 to %d", API_PAGE_MAX);
    page->limit = *limit;
    return 0;
}

static int open_list(struct api_call *call, char letter, const uint64_t *limit,
                     const struct rentbus_text *cursor, struct api_page *page)
{
    int status = api_open_page(call, limit, page);
    if (status || !cursor)
        return status;
    char text[24] = "";
    char *end = text;
    errno = 0;
    if (cursor->length > 1 && cursor->length < sizeof text && cursor->data[0] == letter &&
        cursor->data[1] >= '0' && cursor->data[1] <= '9') {
        memcpy(text, cursor->data + 1, cursor->length - 1);
        page->position = strtoull(text, &end, 10);
    }
    if (end == text || *end || errno)
        return api_refuse(call, INVALID_ARGUMENT, "cursor", "is not a cursor of this list");
    return 0;
}

/* Encodes one more item; false when the page is full, and then there is more. */
static bool page_add(struct api_page *page, const struct rentbus_schema *schema, const void *item)
{
    if (page->count == page->limit) {
        page->more = true;
        return false;
    }
    rentbus_encode(schema, item, page->items);
    page->count++;
    page->position++;
    return true;
}

static struct rentbus_list page_list(const struct api_page *page)
{
    return (struct rentbus_list){page->items->data, page->items->length, page->count};
}

static struct rentbus_text page_cursor(struct api_page *page, char letter)
{
    snprintf(page->cursor, sizeof page->cursor, "%c%" PRIu64, letter, page->position);
    return rentbus_text(page->cursor);
}

#define GIVEN(args, struct_name, field)                                                            \
    (RENTBUS_HAS(args, struct_name, field) ? &(args)->field : NULL)

/* The list of a registry of the ledger, in the order in which it learned of them. */
#define ANSWER_LIST(noun, nouns, letter)                                                           \
    static bool add_##noun(void *context, const struct rentbus_##noun *noun)                       \
    {                                                                                              \
        return page_add(context, &rentbus_##noun##_schema, noun);                                  \
    }                                                                                              \
    int api_answer_##noun##_list(struct api_call *call)                                            \
    {                                                                                              \
        const struct rentbus_list_args *args = &call->args.noun##_list;                            \
        struct rentbus_##noun##_page *result = &call->result.noun##_list;                          \
        struct api_page *page = &call->page;                                                       \
        int status = open_list(call, letter, GIVEN(args, list_args, limit),                        \
                               GIVEN(args, list_args, cursor), page);                              \
        if (status)                                                                                \
            return status;                                                                         \
        ledger_##noun##_list(call->ledger, page->position, add_##noun, page);                      \
        result->has = 0;                                                                           \
        RENTBUS_SET(result, noun##_page, nouns, page_list(page));                                  \
        if (page->more)                                                                            \
            RENTBUS_SET(result, noun##_page, cursor, page_cursor(page, letter));                   \
        return page->items->failed ? -ENOMEM : 0;                                                  \
    }
ANSWER_LIST(user, users, 'u')
ANSWER_LIST(asset, assets, 'a')
ANSWER_LIST(asset_type, asset_types, 't')
ANSWER_LIST(location, locations, 'l')

/* Rentals come from two places, each in the order of created_seq: the ledger and the archive. */
static bool source_add(struct api_source *source, uint64_t seq)
{
    source->seqs[source->count] = seq;
    source->ends[source->count++] = source->bytes.length;
    return source->count < source->wanted;
}

static bool add_hot(void *context, const struct rentbus_rental *rental)
{
    struct api_source *source = context;
    rentbus_encode(&rentbus_rental_schema, rental, &source->bytes);
    return source_add(source, rental->created_seq);
}

static int add_archived(void *context, uint64_t created_seq, struct rentbus_bytes rental)
{
    struct api_source *source = context;
    rentbus_buffer_append(&source->bytes, rental.data, rental.length);
    source_add(source, created_seq);
    return 0;
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
static void merge(const struct api_source *hot, const struct api_source *cold,
                  struct api_page *page)
{
    size_t h = 0;
    size_t c = 0;
    while (!page->more && (h < hot->count || c < cold->count)) {
        if (h < hot->count && (c == cold->count || hot->seqs[h] <= cold->seqs[c])) {
            if (c < cold->count && hot->seqs[h] == cold->seqs[c])
                c++;
            source_take(hot, h++, page);
        } else {
            source_take(cold, c++, page);
        }
    }
}

static void source_open(struct api_source *source, size_t limit)
{
    rentbus_buffer_clear(&source->bytes);
    source->count = 0;
    source->wanted = limit + 1;
}

static int list_archived(struct api_call *call, const struct archive_rental_filter *filter,
                         uint64_t after, struct api_source *cold)
{
    struct engine *engine = call->api->engine;
    int status = archive_rental_list(engine_archive(engine), filter, after, cold->wanted,
                                     add_archived, cold);
    return engine_archive_found(engine, status);
}

int api_answer_rental_list(struct api_call *call)
{
    const struct rentbus_rental_list_args *args = &call->args.rental_list;
    struct rentbus_rental_page *result = &call->result.rental_list;
    struct api_page *page = &call->page;
    struct api_source *hot = &call->api->hot;
    struct api_source *cold = &call->api->cold;
    int status = open_list(call, 'r', GIVEN(args, rental_list_args, limit),
                           GIVEN(args, rental_list_args, cursor), page);
    if (status)
        return status;
    struct ledger_rental_filter filter = {
        .has_expired = RENTBUS_HAS(args, rental_list_args, expired),
        .expired = args->expired,
        .now = call->now,
    };
    struct archive_rental_filter closed = {0};
    if (RENTBUS_HAS(args, rental_list_args, user_id))
        closed.user_id = filter.user_id = args->user_id;
    if (RENTBUS_HAS(args, rental_list_args, asset_id))
        closed.asset_id = filter.asset_id = args->asset_id;
    if (RENTBUS_HAS(args, rental_list_args, status))
        closed.status = filter.status = args->status;
    source_open(hot, page->limit);
    source_open(cold, page->limit);
    ledger_rental_list(call->ledger, &filter, page->position, add_hot, hot);
    if (!filter.has_expired && filter.status != RENTBUS_STATUS_IN_PROGRESS)
        status = list_archived(call, &closed, page->position, cold);
    if (status)
        return status;
    merge(hot, cold, page);
    result->has = 0;
    RENTBUS_SET(result, rental_page, rentals, page_list(page));
    if (page->more)
        RENTBUS_SET(result, rental_page, cursor, page_cursor(page, 'r'));
    return page->items->failed || hot->bytes.failed || cold->bytes.failed ? -ENOMEM : 0;
}
