/* SPDX-License-Identifier: MPL-2.0 */
/* From arguments to the ledger's commands: one function an operation of mode COMMAND. */
#include "daemon/api/call.h"
#include "sdk/protocol/text.h"

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

int api_prepare_rental_return(struct api_call *call, struct ledger_command *command)
{
    const struct rentbus_return_args *args = &call->args.rental_return;
    struct ledger_scan *scan = &command->args.scan;
    int status = scanned_id(call, FIELD_OR_NONE(args, return_args, user_id),
                            FIELD_OR_NONE(args, return_args, user_qr_data), "user_qr_data",
                            call->user_id, &scan->user_id);
    if (status == 0)
        status = scanned_id(call, FIELD_OR_NONE(args, return_args, asset_id),
                            FIELD_OR_NONE(args, return_args, asset_qr_data), "asset_qr_data",
                            call->asset_id, &scan->asset_id);
    if (status)
        return status;
    scan->rental_id = FIELD_OR_NONE(args, return_args, rental_id);
    scan->location_id = FIELD_OR_NONE(args, return_args, location_id);
    scan->occurred_at = args->timestamp;
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
    int status = scanned_id(call, FIELD_OR_NONE(args, checkout_args, user_id),
                            FIELD_OR_NONE(args, checkout_args, user_qr_data), "user_qr_data",
                            call->user_id, &scan->user_id);
    if (status == 0)
        status = scanned_id(call, FIELD_OR_NONE(args, checkout_args, asset_id),
                            FIELD_OR_NONE(args, checkout_args, asset_qr_data), "asset_qr_data",
                            call->asset_id, &scan->asset_id);
    if (status)
        return status;
    if (!scan->user_id.data)
        return api_refuse(call, INVALID_ARGUMENT, "user_qr_data", "is required, or user_id");
    if (!scan->asset_id.data)
        return api_refuse(call, INVALID_ARGUMENT, "asset_qr_data", "is required, or asset_id");
    scan->location_id = args->location_id;
    scan->occurred_at = RENTBUS_HAS(args, checkout_args, timestamp) ? args->timestamp : call->now;
    scan->has_expires_at = RENTBUS_HAS(args, checkout_args, expires_at);
    scan->expires_at = args->expires_at;
    scan->has_loan_period = RENTBUS_HAS(args, checkout_args, loan_period);
    scan->loan_period = args->loan_period;
    scan->has_eligible_asset_types = RENTBUS_HAS(args, checkout_args, eligible_asset_types);
    if (scan->has_eligible_asset_types)
        scan->eligible_asset_types = args->eligible_asset_types;
    return 0;
}

/* An operation whose arguments are the ledger's command as they are. */
#define PREPARE_AS_IT_IS(name)                                                                     \
    int api_prepare_##name(struct api_call *call, struct ledger_command *command)                  \
    {                                                                                              \
        command->args.name = call->args.name;                                                      \
        return 0;                                                                                  \
    }
PREPARE_AS_IT_IS(rental_renew)
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
