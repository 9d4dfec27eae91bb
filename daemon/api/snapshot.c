/* SPDX-License-Identifier: MPL-2.0 */
/* A snapshot on request: whoever asked is answered when it is written. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/api/call.h"
#include "daemon/engine/snapshot.h"

#define SNAPSHOT_ROUTE_MAX 2048
#define SNAPSHOT_BUSY_RETRY_MS 1000

struct snapshot_request {
    struct rentbus_uuid id;
    int64_t asked_at;
    size_t route_length;
    uint8_t route[SNAPSHOT_ROUTE_MAX];
};

static void fill_result(const struct engine_snapshot *snapshot, int64_t took,
                        struct rentbus_snapshot_result *result)
{
    result->has = 0;
    RENTBUS_SET(result, snapshot_result, seq, snapshot->seq);
    RENTBUS_SET(result, snapshot_result, time, snapshot->time);
    RENTBUS_SET(result, snapshot_result, bytes, snapshot->bytes);
    RENTBUS_SET(result, snapshot_result, took_ms, took > 0 ? (uint64_t)took / 1000 : 0);
}

/* The client may have asked again over another connection: the reply goes to the last one. */
static int note_route(struct snapshot_request *request, const struct rentbus_bytes *route)
{
    if (route->length > sizeof request->route)
        return -EMSGSIZE;
    memcpy(request->route, route->data, route->length);
    request->route_length = route->length;
    return API_LATER;
}

static int refuse_busy(struct api_call *call)
{
    api_refuse(call, BUSY, NULL, "a snapshot is being written");
    call->fault.retry_after_ms = SNAPSHOT_BUSY_RETRY_MS;
    return RENTBUS_ERROR_BUSY;
}

static int begin(struct api_call *call, struct snapshot_request *request)
{
    struct engine *engine = call->api->engine;
    int status = note_route(request, &call->message->route);
    if (status == API_LATER)
        status = engine_snapshot_begin(engine);
    if (status == -EALREADY) {
        fill_result(engine_snapshot(engine), 0, &call->result.admin_snapshot);
        return 0;
    }
    if (status == -EBUSY)
        return refuse_busy(call);
    if (status == -EAGAIN) {
        api_refuse(call, UNAVAILABLE, NULL, "the journal cannot be written at the moment");
        call->fault.retry_after_ms = ENGINE_UNAVAILABLE_RETRY_MS;
        return RENTBUS_ERROR_UNAVAILABLE;
    }
    return status ? status : API_LATER;
}

int api_answer_admin_snapshot(struct api_call *call)
{
    struct api *api = call->api;
    if (api->snapshot) {
        bool same = memcmp(&api->snapshot->id, &call->id, sizeof call->id) == 0;
        return same ? note_route(api->snapshot, &call->message->route) : refuse_busy(call);
    }
    struct snapshot_request *request = calloc(1, sizeof *request);
    if (!request)
        return -ENOMEM;
    request->id = call->id;
    request->asked_at = call->now;
    int status = begin(call, request);
    if (status == API_LATER)
        api->snapshot = request;
    else
        free(request);
    return status;
}

void snapshot_process(struct api *api)
{
    struct snapshot_request *request = api->snapshot;
    if (!request || engine_snapshot_running(api->engine))
        return;
    int64_t took = api->settings.now(api->settings.context) - request->asked_at;
    int status = engine_snapshot_status(api->engine);
    rentbus_buffer_clear(&api->reply);
    if (status) {
        api_encode_failure(&request->id, status, &api->reply);
    } else {
        fill_result(engine_snapshot(api->engine), took, &api->call.result.admin_snapshot);
        api_encode_result(&request->id, RENTBUS_OP_admin_snapshot, &api->call.result.admin_snapshot,
                          &api->reply);
    }
    struct rentbus_bytes route = {request->route, request->route_length};
    if (!api->reply.failed)
        api->settings.send(api->settings.context, route,
                           (struct rentbus_bytes){api->reply.data, api->reply.length});
    snapshot_stop(api);
}

void snapshot_stop(struct api *api)
{
    free(api->snapshot);
    api->snapshot = NULL;
}
