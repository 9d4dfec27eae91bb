/* SPDX-License-Identifier: MPL-2.0 */
/* What a scan itself tells, whatever came of it, and what an import tells of its device. */
#include "daemon/ledger/apply.h"
#include "daemon/ledger/devices.h"
#include "daemon/ledger/things.h"

#include <errno.h>

/* The device that the scan is of, with room for it; *fresh when it is not in the ledger yet. */
static int device_prepare(struct ledger *ledger, struct rentbus_text id, uint64_t seq,
                          struct ledger_device **device, bool *fresh)
{
    int error;

    *device = ledger_find_device(ledger, id);
    *fresh = !*device;
    if (*device)
        return seq == 0 || ledger_device_has(*device, seq)
                   ? -EBADMSG
                   : ledger_device_reserve(*device, seq, &ledger->memory);
    if (seq == 0)
        return -EBADMSG;
    if (ledger_registry_reserve(&ledger->devices, &ledger->memory) < 0)
        return -ENOMEM;
    *device = ledger_device_create(ledger, id);
    if (!*device)
        return -ENOMEM;
    error = ledger_device_reserve(*device, seq, &ledger->memory);
    if (error < 0)
        ledger_thing_free(ledger, &ledger->devices, &(*device)->key);
    return error;
}

static int apply_device(struct ledger *ledger, struct rentbus_text id, uint64_t seq)
{
    struct ledger_device *device;
    bool fresh;
    int error = device_prepare(ledger, id, seq, &device, &fresh);

    if (error < 0)
        return error;
    if (fresh)
        ledger_change_add(ledger, &ledger->devices, &device->key);
    ledger_change_device(ledger, device, seq);
    return 0;
}

int ledger_apply_device_imported(struct ledger *ledger, const struct ledger_event *event,
                                 uint64_t seq)
{
    const struct rentbus_device *data = &event->data.device;
    struct ledger_range holes[RENTBUS_HOLES_MAX];
    struct ledger_device *device;
    uint64_t missing;
    size_t count;

    (void)seq;
    if (data->device_seq == 0 || ledger_find_device(ledger, data->id) ||
        !ledger_holes_read(&data->holes, data->device_seq, holes, &count, &missing) ||
        missing != data->missing)
        return -EBADMSG;
    if (ledger_registry_reserve(&ledger->devices, &ledger->memory) < 0)
        return -ENOMEM;
    device = ledger_device_create(ledger, data->id);
    if (!device)
        return -ENOMEM;
    if (ledger_device_import(device, data->device_seq, holes, count, missing, &ledger->memory) <
        0) {
        ledger_thing_free(ledger, &ledger->devices, &device->key);
        return -ENOMEM;
    }
    ledger_change_add(ledger, &ledger->devices, &device->key);
    return 0;
}

int ledger_apply_return(struct ledger *ledger, const struct ledger_event *event, uint64_t seq)
{
    const struct rentbus_return_data *data = &event->data.return_data;

    (void)seq;
    if (!RENTBUS_HAS(data, return_data, device_id))
        return 0;
    return apply_device(ledger, data->device_id, data->device_seq);
}

/* A checkout by the user who holds the asset makes no new rental, but shows that the user has it.
 */
int ledger_apply_checkout(struct ledger *ledger, const struct ledger_event *event, uint64_t seq)
{
    const struct rentbus_checkout_data *data = &event->data.checkout_data;
    struct ledger_asset *asset = ledger_find_asset(ledger, data->asset_id);
    int error = 0;

    (void)seq;
    if (RENTBUS_HAS(data, checkout_data, device_id))
        error = apply_device(ledger, data->device_id, data->device_seq);
    if (error < 0)
        return error;
    if (asset && asset->rental &&
        rentbus_text_equal(ledger_user_id(asset->rental->user), data->user_id))
        ledger_change_mark(ledger, asset, NULL);
    return 0;
}

/* Whether a checkout that is still to come may explain the return. */
static bool may_be_answered(enum rentbus_reason reason)
{
    return reason == RENTBUS_REASON_NO_OPEN_RENTAL ||
           reason == RENTBUS_REASON_ASSET_TYPE_NOT_ELIGIBLE ||
           reason == RENTBUS_REASON_RENTAL_EXPIRED;
}

int ledger_apply_return_rejected(struct ledger *ledger, const struct ledger_event *event,
                                 uint64_t seq)
{
    const struct rentbus_rejected_data *data = &event->data.rejected_data;
    struct ledger_unanswered_return item = {.seq = seq, .occurred_at = data->occurred_at};
    struct ledger_unanswered *old;
    struct ledger_unanswered *new;
    struct ledger_asset *asset = NULL;

    if (RENTBUS_HAS(data, rejected_data, asset_id))
        asset = ledger_find_asset(ledger, data->asset_id);
    if (RENTBUS_HAS(data, rejected_data, user_id))
        item.user = ledger_find_user(ledger, data->user_id);
    if (!asset || !may_be_answered(data->reason) ||
        (RENTBUS_HAS(data, rejected_data, user_id) && !item.user))
        return 0;
    old = ledger_unanswered_find(ledger, asset);
    if (!old && ledger_table_reserve(&ledger->unanswered, &ledger->memory) < 0)
        return -ENOMEM;
    if (RENTBUS_HAS(data, rejected_data, location_id)) {
        item.location = ledger_name_intern(ledger, data->location_id);
        if (!item.location)
            return -ENOMEM;
    }
    new = ledger_unanswered_with(ledger, old, asset, &item);
    if (!new)
        return -ENOMEM;
    ledger_change_unanswered(ledger, old, new);
    return 0;
}
