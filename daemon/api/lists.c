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

int api_open_list(struct api_call *call, char letter, const uint64_t *limit,
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

bool api_page_add(struct api_page *page, const struct rentbus_schema *schema, const void *item)
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

struct rentbus_list api_page_list(const struct api_page *page)
{
    return (struct rentbus_list){page->items->data, page->items->length, page->count};
}

struct rentbus_text api_page_cursor(struct api_page *page, char letter)
{
    snprintf(page->cursor, sizeof page->cursor, "%c%" PRIu64, letter, page->position);
    return rentbus_text(page->cursor);
}

/* The list of a registry of the ledger, in the order in which it learned of them. */
#define ANSWER_LIST(noun, nouns, letter)                                                           \
    static bool add_##noun(void *context, const struct rentbus_##noun *noun)                       \
    {                                                                                              \
        return api_page_add(context, &rentbus_##noun##_schema, noun);                              \
    }                                                                                              \
    int api_answer_##noun##_list(struct api_call *call)                                            \
    {                                                                                              \
        const struct rentbus_list_args *args = &call->args.noun##_list;                            \
        struct rentbus_##noun##_page *result = &call->result.noun##_list;                          \
        struct api_page *page = &call->page;                                                       \
        int status = api_open_list(call, letter, API_GIVEN(args, list_args, limit),                \
                                   API_GIVEN(args, list_args, cursor), page);                      \
        if (status)                                                                                \
            return status;                                                                         \
        ledger_##noun##_list(call->ledger, page->position, add_##noun, page);                      \
        result->has = 0;                                                                           \
        RENTBUS_SET(result, noun##_page, nouns, api_page_list(page));                              \
        if (page->more)                                                                            \
            RENTBUS_SET(result, noun##_page, cursor, api_page_cursor(page, letter));               \
        return page->items->failed ? -ENOMEM : 0;                                                  \
    }
ANSWER_LIST(user, users, 'u')
ANSWER_LIST(asset, assets, 'a')
ANSWER_LIST(asset_type, asset_types, 't')
ANSWER_LIST(location, locations, 'l')
