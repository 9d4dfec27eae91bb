/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/ledger/devices.h"

#include "daemon/ledger/state.h"

#include <errno.h>

#define CAPACITY_MIN 4

/* The first hole that does not end before seq, or hole_count. */
static size_t hole_at(const struct ledger_device *device, uint64_t seq)
{
    size_t low = 0;
    size_t high = device->hole_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (device->holes[middle].last < seq)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void hole_insert(struct ledger_device *device, size_t at, uint64_t first, uint64_t last)
{
    struct ledger_range *hole = &device->holes[at];

    memmove(hole + 1, hole, (device->hole_count++ - at) * sizeof(*hole));
    *hole = (struct ledger_range){first, last};
}

static void hole_remove(struct ledger_device *device, size_t at)
{
    struct ledger_range *hole = &device->holes[at];

    memmove(hole, hole + 1, (--device->hole_count - at) * sizeof(*hole));
}

bool ledger_device_has(const struct ledger_device *device, uint64_t seq)
{
    size_t at = hole_at(device, seq);

    return seq <= device->seq && (at == device->hole_count || seq < device->holes[at].first);
}

int ledger_device_reserve(struct ledger_device *device, uint64_t seq,
                          const struct ledger_memory *memory)
{
    size_t capacity = device->hole_capacity ? device->hole_capacity * 2 : CAPACITY_MIN;
    bool in_sequence = seq == device->seq + 1;
    struct ledger_range *holes;

    if (in_sequence || device->hole_count < device->hole_capacity)
        return 0;
    holes = memory->resize(memory->context, device->holes, capacity * sizeof(*holes));
    if (!holes)
        return -ENOMEM;
    device->holes = holes;
    device->hole_capacity = capacity;
    return 0;
}

/* Of a scan beyond all that came. */
static uint64_t skipped(uint64_t seq, uint64_t greatest)
{
    return seq - greatest - 1;
}

void ledger_device_take(struct ledger_device *device, uint64_t seq)
{
    struct ledger_range *hole;
    size_t at;

    if (seq > device->seq) {
        if (skipped(seq, device->seq) > 0)
            hole_insert(device, device->hole_count, device->seq + 1, seq - 1);
        device->missing += skipped(seq, device->seq);
        device->seq = seq;
        return;
    }
    at = hole_at(device, seq);
    hole = &device->holes[at];
    device->missing--;
    if (hole->first == hole->last) {
        hole_remove(device, at);
    } else if (seq == hole->first) {
        hole->first++;
    } else if (seq == hole->last) {
        hole->last--;
    } else {
        hole_insert(device, at, hole->first, seq - 1);
        device->holes[at + 1].first = seq + 1;
    }
}

void ledger_device_untake(struct ledger_device *device, uint64_t seq, uint64_t greatest)
{
    size_t at = hole_at(device, seq);
    bool left;
    bool right;

    if (seq > greatest) {
        if (skipped(seq, greatest) > 0)
            device->hole_count--;
        device->missing -= skipped(seq, greatest);
        device->seq = greatest;
        return;
    }
    left = at > 0 && device->holes[at - 1].last + 1 == seq;
    right = at < device->hole_count && device->holes[at].first == seq + 1;
    device->missing++;
    if (left && right) {
        device->holes[at - 1].last = device->holes[at].last;
        hole_remove(device, at);
    } else if (left) {
        device->holes[at - 1].last = seq;
    } else if (right) {
        device->holes[at].first = seq;
    } else {
        hole_insert(device, at, seq, seq);
    }
}

bool ledger_holes_read(const struct rentbus_list *list, uint64_t seq,
                       struct ledger_range holes[RENTBUS_HOLES_MAX], size_t *count,
                       uint64_t *missing)
{
    struct rentbus_device_hole hole;
    size_t position = 0;
    uint64_t sum = 0;
    uint64_t free_from = 1; /* the least that the next hole may begin with */

    if (list->count > RENTBUS_HOLES_MAX)
        return false;
    for (size_t i = 0; i < list->count; i++) {
        if (rentbus_list_next(list, &rentbus_device_hole_schema, &position, &hole) != 1 ||
            hole.first < free_from || hole.last < hole.first || hole.last >= seq)
            return false;
        holes[i] = (struct ledger_range){hole.first, hole.last};
        sum += hole.last - hole.first + 1;
        free_from = hole.last + 2;
    }
    *count = list->count;
    *missing = sum;
    return true;
}

int ledger_device_import(struct ledger_device *device, uint64_t seq,
                         const struct ledger_range *holes, size_t count, uint64_t missing,
                         const struct ledger_memory *memory)
{
    if (count > 0) {
        device->holes = memory->resize(memory->context, NULL, count * sizeof(*holes));
        if (!device->holes)
            return -ENOMEM;
        memcpy(device->holes, holes, count * sizeof(*holes));
    }
    device->hole_count = device->hole_capacity = count;
    device->missing = missing;
    device->seq = seq;
    return 0;
}

void ledger_device_release(struct ledger_device *device, const struct ledger_memory *memory)
{
    memory->resize(memory->context, device->holes, 0);
    device->holes = NULL;
    device->hole_count = device->hole_capacity = 0;
}

void ledger_device_view(const struct ledger_device *device, struct ledger_device_view *view)
{
    *view = (struct ledger_device_view){
        .id = {device->id, device->key.length},
        .device_seq = device->seq,
        .missing = device->missing,
        .hole_count = device->hole_count,
        .holes = device->holes,
    };
}

bool ledger_device_get(const struct ledger *ledger, struct rentbus_text id,
                       struct ledger_device_view *device)
{
    const struct ledger_device *found = ledger_find_device(ledger, id);

    if (found)
        ledger_device_view(found, device);
    return found != NULL;
}

void ledger_device_list(const struct ledger *ledger, uint64_t after, ledger_device_visitor *visit,
                        void *context)
{
    for (uint64_t i = after; i < ledger->devices.count; i++) {
        struct ledger_device_view view;

        ledger_device_view((const struct ledger_device *)ledger->devices.items[i], &view);
        if (!visit(context, &view))
            return;
    }
}
