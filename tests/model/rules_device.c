/* SPDX-License-Identifier: MPL-2.0 */
/* The devices behind the scans: what of their sequences came. */
#include "tests/model/rules.h"

static bool hole_has(struct model_hole hole, uint64_t device_seq)
{
    return hole.first <= device_seq && device_seq <= hole.last;
}

static bool came_elsewhere(const struct model_device *device, uint64_t device_seq)
{
    for (size_t i = 0; i < device->left_out.count; i++)
        if (hole_has(device->left_out.items[i], device_seq))
            return false;
    return device_seq <= device->imported;
}

bool model_device_came(const struct model_device *device, uint64_t device_seq)
{
    if (device && came_elsewhere(device, device_seq))
        return true;
    for (size_t i = 0; device && i < device->scan_count; i++)
        if (device->scans[i] == device_seq)
            return true;
    return false;
}

uint64_t model_device_last(const struct model_device *device)
{
    uint64_t scanned = device && device->scan_count > 0 ? device->scans[device->scan_count - 1] : 0;
    return device && device->imported > scanned ? device->imported : scanned;
}

uint64_t model_device_missing(const struct model_device *device)
{
    struct model_hole holes[MODEL_DEVICE_HOLES_MAX];
    size_t count = model_device_holes(device, holes);
    uint64_t missing = 0;
    for (size_t i = 0; i < count; i++)
        missing += holes[i].last - holes[i].first + 1;
    return missing;
}

/* What the scans leave of a hole; returns how many holes that makes. */
static size_t rest_of(const struct model_device *device, struct model_hole hole,
                      struct model_hole *holes)
{
    size_t count = 0;
    uint64_t next = hole.first;
    for (size_t i = 0; i < device->scan_count; i++) {
        uint64_t scan = device->scans[i];
        if (!hole_has(hole, scan))
            continue;
        if (scan != next)
            holes[count++] = (struct model_hole){next, scan - 1};
        next = scan + 1;
    }
    if (next <= hole.last)
        holes[count++] = (struct model_hole){next, hole.last};
    return count;
}

size_t model_device_holes(const struct model_device *device, struct model_hole *holes)
{
    size_t count = 0;
    if (!device)
        return 0;
    for (size_t i = 0; i < device->left_out.count; i++)
        count += rest_of(device, device->left_out.items[i], holes + count);
    struct model_hole behind = {device->imported + 1, model_device_last(device)};
    return count + rest_of(device, behind, holes + count);
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

static bool holes_fit(const struct model_holes *holes, uint64_t device_seq)
{
    uint64_t before = 0;
    for (size_t i = 0; i < holes->count; i++) {
        struct model_hole hole = holes->items[i];
        if (hole.first == 0 || hole.last < hole.first || hole.last >= device_seq ||
            (i > 0 && hole.first <= before + 1))
            return false;
        before = hole.last;
    }
    return holes->count <= RENTBUS_HOLES_MAX;
}

void model_decide_import_device(const struct model_state *state,
                                const struct model_command *command,
                                const struct model_context *context,
                                struct model_decision *decision)
{
    (void)context;
    if (command->device_seq < 1 || command->device_seq > (uint64_t)INT64_MAX) {
        model_refuse(decision, RENTBUS_ERROR_INVALID_ARGUMENT, "device_seq");
    } else if (!holes_fit(&command->holes, command->device_seq)) {
        model_refuse(decision, RENTBUS_ERROR_INVALID_ARGUMENT, "holes");
    } else if (model_device(state, &command->device_id)) {
        model_add_unchanged(decision, command, command->device_id, NULL);
        decision->events[0].device_id = command->device_id;
        decision->events[0].device_seq = command->device_seq;
    } else {
        struct model_event *event =
            model_add(decision, RENTBUS_DEVICE_IMPORTED_EVENT, command->device_id);
        event->device_id = command->device_id;
        event->device_seq = command->device_seq;
        event->holes = command->holes;
    }
}
