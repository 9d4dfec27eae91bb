/* SPDX-License-Identifier: MPL-2.0 */
/* The devices behind the scans: what of their sequences came. */
#include "tests/model/rules.h"

bool model_device_came(const struct model_device *device, uint64_t device_seq)
{
    for (size_t i = 0; device && i < device->scan_count; i++)
        if (device->scans[i] == device_seq)
            return true;
    return false;
}

uint64_t model_device_last(const struct model_device *device)
{
    return device ? device->scans[device->scan_count - 1] : 0;
}

uint64_t model_device_missing(const struct model_device *device)
{
    return model_device_last(device) - device->scan_count;
}

size_t model_device_holes(const struct model_device *device, struct model_hole *holes)
{
    size_t count = 0;
    uint64_t before = 0;
    for (size_t i = 0; device && i < device->scan_count; i++) {
        if (device->scans[i] != before + 1)
            holes[count++] = (struct model_hole){before + 1, device->scans[i] - 1};
        before = device->scans[i];
    }
    return count;
}

bool model_add_resend(const struct model_state *state, const struct model_command *command,
                      struct model_decision *decision)
{
    if (!command->device_id.given ||
        !model_device_came(model_device(state, &command->device_id), command->device_seq))
        return false;
    model_add_unchanged(decision, command, command->device_id, NULL);
    decision->events[0].device_id = command->device_id;
    decision->events[0].device_seq = command->device_seq;
    return true;
}

void model_set_scan(const struct model_command *command, struct model_event *event)
{
    event->user_id = command->user_id;
    event->asset_id = command->asset_id;
    event->location_id = command->location_id;
    event->occurred_at = command->occurred_at;
    event->device_id = command->device_id;
    event->device_seq = command->device_seq;
    event->device_time = command->device_time;
}

void model_add_gap(const struct model_state *state, const struct model_command *command,
                   struct model_decision *decision)
{
    uint64_t last = model_device_last(model_device(state, &command->device_id));
    if (!command->device_id.given || command->device_seq <= last || command->device_seq - last == 1)
        return;
    struct model_event *event = model_add(decision, RENTBUS_DEVICE_GAP_EVENT, command->device_id);
    event->device_id = command->device_id;
    event->missing = (struct model_hole){last + 1, command->device_seq - 1};
}
