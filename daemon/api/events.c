/* SPDX-License-Identifier: MPL-2.0 */
/* Reading the journal. */
#include <errno.h>

#include "daemon/api/call.h"
#include "daemon/api/history.h"
#include "sdk/protocol/text.h"

/* Events looked at for one page, matching or not: a request for rare types is answered with what
 * was found and where to go on. */
#define EVENTS_SCAN_MAX 50000

struct scan {
    struct api_call *call;
    const struct rentbus_ids *types; /* NULL: all */
    struct api_page *page;
    uint64_t next_seq;
    size_t seen;
};

/* Ends a reading that has found enough. */
#define SCAN_ENOUGH 1

static bool type_matches(const struct scan *scan, struct rentbus_bytes bytes)
{
    struct rentbus_event event;
    struct rentbus_fault fault;
    if (!scan->types)
        return true;
    if (rentbus_decode(&rentbus_event_schema, bytes, RENTBUS_LENIENT, &event, &fault))
        return false;
    for (size_t i = 0; i < scan->types->count; i++)
        if (rentbus_text_equal(event.type, scan->types->items[i]))
            return true;
    return false;
}

static int scan_event(void *context, uint64_t seq, struct rentbus_bytes event)
{
    struct scan *scan = context;
    struct api_page *page = scan->page;
    if (type_matches(scan, event)) {
        if (page->count == page->limit ||
            (page->count && page->items->length + event.length > API_PAGE_BYTES_MAX))
            return SCAN_ENOUGH;
        rentbus_buffer_append(page->items, event.data, event.length);
        page->count++;
    }
    scan->next_seq = seq + 1;
    return ++scan->seen == EVENTS_SCAN_MAX ? SCAN_ENOUGH : 0;
}

/* Where to begin. A history that is asked for without a beginning has what is left; for all others
 * there must be no gap. */
static int find_start(struct api_call *call, bool history, uint64_t *seq)
{
    const struct rentbus_events_read_args *args = &call->args.events_read;
    struct engine *engine = call->api->engine;
    uint64_t first = engine_first(engine);
    bool from = RENTBUS_HAS(args, events_read_args, from_seq);
    bool since = RENTBUS_HAS(args, events_read_args, since);
    if (from && since)
        return api_refuse(call, INVALID_ARGUMENT, "since", "stands beside from_seq: give only one");
    *seq = history ? first : 1;
    if (from)
        *seq = args->from_seq ? args->from_seq : 1;
    int status = since ? journal_seek(engine_journal(engine), args->since, seq) : 0;
    if (status == JOURNAL_TRIMMED || (status == 0 && *seq < first))
        status = api_refuse_trimmed(call, since ? "since" : "from_seq");
    return status;
}

/* Whose history is asked for, if any: 0 with *asked, or INVALID_ARGUMENT for the second of them. */
static int find_thing(struct api_call *call, bool *asked, struct mention *thing)
{
    const struct rentbus_events_read_args *args = &call->args.events_read;
    const struct {
        const struct rentbus_text *id;
        enum mention_kind kind;
        const char *field;
    } choices[] = {
        {API_GIVEN(args, events_read_args, rental_id), MENTION_RENTAL, "rental_id"},
        {API_GIVEN(args, events_read_args, user_id), MENTION_USER, "user_id"},
        {API_GIVEN(args, events_read_args, asset_id), MENTION_ASSET, "asset_id"},
    };
    *asked = false;
    for (size_t i = 0; i < sizeof choices / sizeof *choices; i++) {
        if (!choices[i].id)
            continue;
        if (*asked)
            return api_refuse(call, INVALID_ARGUMENT, choices[i].field,
                              "stands beside another thing: give only one");
        *asked = true;
        *thing = (struct mention){choices[i].kind, *choices[i].id};
    }
    return 0;
}

/* Fills the page with what the scan finds from its next_seq to `head`. */
static int read_events(struct scan *scan, const struct mention *thing, uint64_t head)
{
    struct engine *engine = scan->call->api->engine;
    uint64_t first = scan->next_seq;
    uint64_t next;
    if (first > head)
        return 0;
    if (!thing)
        return journal_read(engine_journal(engine), first, head, scan_event, scan);
    int status = history_read(engine, *thing, first, head, scan_event, scan, &next);
    if (status == 0)
        scan->next_seq = next;
    return status;
}

int api_answer_events_read(struct api_call *call)
{
    const struct rentbus_events_read_args *args = &call->args.events_read;
    struct rentbus_event_page *result = &call->result.events_read;
    struct api_page *page = &call->page;
    uint64_t head = engine_durable(call->api->engine);
    struct scan scan = {.call = call, .page = page};
    struct mention thing;
    bool asked;
    int status =
        api_open_page(call, RENTBUS_HAS(args, events_read_args, limit) ? &args->limit : NULL, page);
    if (status == 0)
        status = find_thing(call, &asked, &thing);
    if (status == 0)
        status = find_start(call, asked, &scan.next_seq);
    if (status)
        return status;
    if (RENTBUS_HAS(args, events_read_args, types))
        scan.types = &args->types;
    status = read_events(&scan, asked ? &thing : NULL, head);
    if (status < 0)
        return status;
    result->has = 0;
    RENTBUS_SET(result, event_page, head, head);
    if (asked && engine_first(call->api->engine) > 1)
        RENTBUS_SET(result, event_page, first_seq, engine_first(call->api->engine));
    RENTBUS_SET(result, event_page, next_seq, scan.next_seq);
    RENTBUS_SET(result, event_page, events,
                ((struct rentbus_list){page->items->data, page->items->length, page->count}));
    return page->items->failed ? -ENOMEM : 0;
}
