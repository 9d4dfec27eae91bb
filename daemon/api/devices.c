/* SPDX-License-Identifier: MPL-2.0 */
/* Reading what is known of the devices that scan. */
#include <errno.h>

#include "daemon/api/call.h"

/* Its holes are encoded behind each other in `holes`, which the result borrows. */
static struct rentbus_device device_of(const struct ledger_device_view *view,
                                       struct rentbus_buffer *holes)
{
    struct rentbus_device device = {0};
    size_t count = view->hole_count < RENTBUS_HOLES_MAX ? view->hole_count : RENTBUS_HOLES_MAX;
    rentbus_buffer_clear(holes);
    for (size_t i = 0; i < count; i++) {
        struct rentbus_device_hole hole = {0};
        RENTBUS_SET(&hole, device_hole, first, view->holes[i].first);
        RENTBUS_SET(&hole, device_hole, last, view->holes[i].last);
        rentbus_encode(&rentbus_device_hole_schema, &hole, holes);
    }
    RENTBUS_SET(&device, device, id, view->id);
    RENTBUS_SET(&device, device, holes, ((struct rentbus_list){holes->data, holes->length, count}));
    RENTBUS_SET(&device, device, missing, view->missing);
    RENTBUS_SET(&device, device, device_seq, view->device_seq);
    return device;
}

int api_answer_device_get(struct api_call *call)
{
    struct rentbus_device_result *result = &call->result.device_get;
    struct rentbus_buffer *holes = &call->api->holes;
    struct ledger_device_view view;
    if (!ledger_device_get(call->ledger, call->args.device_get.id, &view))
        return api_refuse(call, NOT_FOUND, "id", "there is no such device");
    result->has = 0;
    RENTBUS_SET(result, device_result, device, device_of(&view, holes));
    return holes->failed ? -ENOMEM : 0;
}

static bool add_device(void *context, const struct ledger_device_view *view)
{
    struct api_call *call = context;
    struct rentbus_device device = device_of(view, &call->api->holes);
    return api_page_add(&call->page, &rentbus_device_schema, &device);
}

int api_answer_device_list(struct api_call *call)
{
    const struct rentbus_list_args *args = &call->args.device_list;
    struct rentbus_device_page *result = &call->result.device_list;
    struct api_page *page = &call->page;
    int status = api_open_list(call, 'd', API_GIVEN(args, list_args, limit),
                               API_GIVEN(args, list_args, cursor), page);
    if (status)
        return status;
    ledger_device_list(call->ledger, page->position, add_device, call);
    result->has = 0;
    RENTBUS_SET(result, device_page, devices, api_page_list(page));
    if (page->more)
        RENTBUS_SET(result, device_page, cursor, api_page_cursor(page, 'd'));
    return page->items->failed || call->api->holes.failed ? -ENOMEM : 0;
}
