/* SPDX-License-Identifier: MPL-2.0 */
/* From arguments to the ledger's commands: one function an operation of mode COMMAND. */
#include <errno.h>

#include "daemon/api/call.h"
#include "daemon/bus/items.h"
#include "sdk/protocol/text.h"
#include "sdk/protocol/time.h"

/* The id that an argument gives as it is or as QR data, but not as both. 0 with *id, absent if
 * neither was given. The codec has checked that the QR data holds an id. */
static int scanned_id(struct api_call *call, struct rentbus_text given, struct rentbus_text qr,
                      const char *qr_field, char decoded[RENTBUS_ID_MAX], struct rentbus_text *id)
{
    *id = given;
    if (!qr.data)
        return 0;
    if (given.data)
        return api_refuse(call, INVALID_ARGUMENT, qr_field, "stands beside an id: give only one");
    int length = rentbus_base64_decode(qr, (uint8_t *)decoded, RENTBUS_ID_MAX);
    if (length <= 0)
        return api_refuse(call, INVALID_ARGUMENT, qr_field, "is not base64 of an id");
    *id = (struct rentbus_text){decoded, (size_t)length};
    return 0;
}

#define FIELD_OR_NONE(args, name, field)                                                           \
    (RENTBUS_HAS(args, name, field) ? (args)->field : (struct rentbus_text){0})

/* The times that can be written: from year 1 to 9999. */
#define TIME_FIRST (INT64_C(-62135596800) * RENTBUS_SECOND)
#define TIME_END (INT64_C(253402300800) * RENTBUS_SECOND)

/* What both scans say in the same words; absent texts and NULL were not given. */
struct scan_args {
    struct rentbus_text user_id;
    struct rentbus_text user_qr_data;
    struct rentbus_text asset_id;
    struct rentbus_text asset_qr_data;
    struct rentbus_text location_id;
    struct rentbus_text override;
    struct rentbus_text device_id;
    const uint64_t *device_seq;
    const int64_t *timestamp;
    const int64_t *clock_offset_ms;
};

static int scanned_things(struct api_call *call, const struct scan_args *args,
                          struct ledger_scan *scan)
{
    int status = scanned_id(call, args->user_id, args->user_qr_data, "user_qr_data", call->user_id,
                            &scan->user_id);
    return status ? status
                  : scanned_id(call, args->asset_id, args->asset_qr_data, "asset_qr_data",
                               call->asset_id, &scan->asset_id);
}

/* When it happened: the device's clock was ahead by the offset. */
static int scanned_time(struct api_call *call, const struct scan_args *args,
                        struct ledger_scan *scan)
{
    int64_t offset_ms = args->clock_offset_ms ? *args->clock_offset_ms : 0;
    if (args->clock_offset_ms && !args->timestamp)
        return api_refuse(call, INVALID_ARGUMENT, "clock_offset_ms", "needs a timestamp");
    if (offset_ms > RENTBUS_CLOCK_OFFSET_MAX_MS || offset_ms < -RENTBUS_CLOCK_OFFSET_MAX_MS)
        return api_refuse(call, INVALID_ARGUMENT, "clock_offset_ms", "is over 100 years");
    int64_t given = args->timestamp ? *args->timestamp : call->now;
    scan->occurred_at = given - offset_ms * (RENTBUS_SECOND / 1000);
    if (scan->occurred_at < TIME_FIRST || scan->occurred_at >= TIME_END)
        return api_refuse(call, INVALID_ARGUMENT, "clock_offset_ms",
                          "puts the scan before year 1 or behind year 9999");
    scan->has_device_time = offset_ms != 0;
    scan->device_time = given;
    return 0;
}

/* Its place in the sequence of a device. */
static int scanned_place(struct api_call *call, const struct scan_args *args,
                         struct ledger_scan *scan)
{
    if (args->device_id.data && !args->device_seq)
        return api_refuse(call, INVALID_ARGUMENT, "device_seq", "is required beside device_id");
    if (!args->device_id.data && args->device_seq)
        return api_refuse(call, INVALID_ARGUMENT, "device_id", "is required beside device_seq");
    if (args->device_seq && *args->device_seq == 0)
        return api_refuse(call, INVALID_ARGUMENT, "device_seq", "begins at 1");
    scan->device_id = args->device_id;
    scan->device_seq = args->device_seq ? *args->device_seq : 0;
    return 0;
}

static int refuse_empty_override(struct api_call *call, struct rentbus_text override)
{
    return override.data && override.length == 0
               ? api_refuse(call, INVALID_ARGUMENT, "override", "is empty")
               : 0;
}

static int scanned(struct api_call *call, const struct scan_args *args, struct ledger_scan *scan)
{
    int status = scanned_things(call, args, scan);
    if (status == 0)
        status = scanned_time(call, args, scan);
    if (status == 0)
        status = scanned_place(call, args, scan);
    if (status == 0)
        status = refuse_empty_override(call, args->override);
    scan->location_id = args->location_id;
    scan->override = args->override;
    return status;
}

int api_prepare_rental_return(struct api_call *call, struct ledger_command *command)
{
    const struct rentbus_return_args *args = &call->args.rental_return;
    struct ledger_scan *scan = &command->args.scan;
    const struct scan_args given = {
        .user_id = FIELD_OR_NONE(args, return_args, user_id),
        .user_qr_data = FIELD_OR_NONE(args, return_args, user_qr_data),
        .asset_id = FIELD_OR_NONE(args, return_args, asset_id),
        .asset_qr_data = FIELD_OR_NONE(args, return_args, asset_qr_data),
        .location_id = FIELD_OR_NONE(args, return_args, location_id),
        .override = FIELD_OR_NONE(args, return_args, override),
        .device_id = FIELD_OR_NONE(args, return_args, device_id),
        .device_seq = API_GIVEN(args, return_args, device_seq),
        .timestamp = &args->timestamp,
        .clock_offset_ms = API_GIVEN(args, return_args, clock_offset_ms),
    };
    int status = scanned(call, &given, scan);
    if (status)
        return status;
    scan->rental_id = FIELD_OR_NONE(args, return_args, rental_id);
    if (!scan->asset_id.data && !scan->rental_id.data)
        return api_refuse(call, INVALID_ARGUMENT, "asset_qr_data",
                          "is required, or asset_id, or rental_id");
    if (!scan->location_id.data && !scan->rental_id.data)
        return api_refuse(call, INVALID_ARGUMENT, "location_id", "is required");
    return 0;
}

int api_prepare_rental_checkout(struct api_call *call, struct ledger_command *command)
{
    const struct rentbus_checkout_args *args = &call->args.rental_checkout;
    struct ledger_scan *scan = &command->args.scan;
    const struct scan_args given = {
        .user_id = FIELD_OR_NONE(args, checkout_args, user_id),
        .user_qr_data = FIELD_OR_NONE(args, checkout_args, user_qr_data),
        .asset_id = FIELD_OR_NONE(args, checkout_args, asset_id),
        .asset_qr_data = FIELD_OR_NONE(args, checkout_args, asset_qr_data),
        .location_id = args->location_id,
        .override = FIELD_OR_NONE(args, checkout_args, override),
        .device_id = FIELD_OR_NONE(args, checkout_args, device_id),
        .device_seq = API_GIVEN(args, checkout_args, device_seq),
        .timestamp = API_GIVEN(args, checkout_args, timestamp),
        .clock_offset_ms = API_GIVEN(args, checkout_args, clock_offset_ms),
    };
    int status = scanned(call, &given, scan);
    if (status)
        return status;
    if (!scan->user_id.data)
        return api_refuse(call, INVALID_ARGUMENT, "user_qr_data", "is required, or user_id");
    if (!scan->asset_id.data)
        return api_refuse(call, INVALID_ARGUMENT, "asset_qr_data", "is required, or asset_id");
    scan->has_expires_at = RENTBUS_HAS(args, checkout_args, expires_at);
    scan->expires_at = args->expires_at;
    scan->has_loan_period = RENTBUS_HAS(args, checkout_args, loan_period);
    scan->loan_period = args->loan_period;
    scan->has_eligible_asset_types = RENTBUS_HAS(args, checkout_args, eligible_asset_types);
    if (scan->has_eligible_asset_types)
        scan->eligible_asset_types = args->eligible_asset_types;
    return 0;
}

int api_prepare_rental_renew(struct api_call *call, struct ledger_command *command)
{
    const struct rentbus_renew_args *args = &call->args.rental_renew;
    command->args.rental_renew = *args;
    return refuse_empty_override(call, FIELD_OR_NONE(args, renew_args, override));
}

/* An operation whose arguments are the ledger's command as they are. */
#define PREPARE_AS_IT_IS(name)                                                                     \
    int api_prepare_##name(struct api_call *call, struct ledger_command *command)                  \
    {                                                                                              \
        command->args.name = call->args.name;                                                      \
        return 0;                                                                                  \
    }
PREPARE_AS_IT_IS(rental_forgive)
PREPARE_AS_IT_IS(rental_flag)
PREPARE_AS_IT_IS(rental_unflag)
PREPARE_AS_IT_IS(user_put)
PREPARE_AS_IT_IS(user_block)
PREPARE_AS_IT_IS(user_unblock)
PREPARE_AS_IT_IS(asset_put)
PREPARE_AS_IT_IS(asset_type_put)
PREPARE_AS_IT_IS(location_put)
PREPARE_AS_IT_IS(policy_put)
PREPARE_AS_IT_IS(admin_import)

/* What is journaled is deterministic, whatever order or lengths the request has: the holes are
 * encoded anew. */
int api_prepare_admin_import_device(struct api_call *call, struct ledger_command *command)
{
    struct rentbus_import_device_args *args = &command->args.admin_import_device;
    struct rentbus_buffer *holes = &call->api->holes;
    struct rentbus_device_hole hole;
    size_t position = 0;
    int next;
    *args = call->args.admin_import_device;
    if (args->holes.count > RENTBUS_HOLES_MAX)
        return api_refuse(call, INVALID_ARGUMENT, "holes", "are more than %d", RENTBUS_HOLES_MAX);
    rentbus_buffer_clear(holes);
    while ((next = items_next(&args->holes, &rentbus_device_hole_schema, &position, &hole, "holes",
                              &call->fault)) == 1)
        rentbus_encode(&rentbus_device_hole_schema, &hole, holes);
    args->holes = (struct rentbus_list){holes->data, holes->length, args->holes.count};
    return next != 0 ? next : holes->failed ? -ENOMEM : 0;
}
