/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/ledger/undo.h"

#include "daemon/ledger/devices.h"
#include "daemon/ledger/things.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define CAPACITY_MIN 64

enum undo_kind {
    UNDO_ADD,
    UNDO_ADD_RENTAL,
    UNDO_LABEL,
    UNDO_USER,
    UNDO_ASSET,
    UNDO_ASSET_TYPE,
    UNDO_POLICY,
    UNDO_DEVICE,
    UNDO_UNANSWERED,
    UNDO_RENTAL,
};

struct ledger_undo {
    uint64_t seq; /* of the event that made the change */
    enum undo_kind kind;
    union {
        struct ledger_registry *registry;
        struct ledger_label **label;
        struct ledger_user *user;
        struct ledger_asset *asset;
        struct ledger_asset_type *asset_type;
        struct ledger_device *device;
        struct ledger_unanswered *unanswered; /* the new one */
        struct ledger_rental *rental;
    } of;
    union {
        struct ledger_label *label;
        struct ledger_user_state user;
        struct ledger_asset_state asset;
        struct ledger_asset_type_state asset_type;
        struct ledger_policy policy;
        struct {
            uint64_t greatest;
            uint64_t taken;
        } device;
        struct ledger_unanswered *unanswered;
        struct ledger_rental_state rental;
    } old;
};

int ledger_undo_reserve(struct ledger *ledger)
{
    struct ledger_undo_log *log = &ledger->undo;
    size_t capacity = log->capacity ? log->capacity * 2 : CAPACITY_MIN;
    struct ledger_undo *records;

    if (log->end + LEDGER_UNDO_EVENT_MAX <= log->capacity)
        return 0;
    if (log->first > 0 && log->first >= log->capacity / 2) {
        log->end -= log->first;
        memmove(log->records, log->records + log->first, log->end * sizeof(*records));
        log->first = 0;
        return 0;
    }
    records =
        ledger->memory.resize(ledger->memory.context, log->records, capacity * sizeof(*records));
    if (!records)
        return -ENOMEM;
    log->records = records;
    log->capacity = capacity;
    return 0;
}

/* Room for the next record, of the event that is being applied. */
static struct ledger_undo *undo_push(struct ledger *ledger, enum undo_kind kind)
{
    struct ledger_undo *record = &ledger->undo.records[ledger->undo.end++];

    assert(ledger->undo.end <= ledger->undo.capacity);
    record->seq = ledger->head + 1;
    record->kind = kind;
    return record;
}

void ledger_change_add(struct ledger *ledger, struct ledger_registry *registry,
                       struct ledger_key *thing)
{
    undo_push(ledger, UNDO_ADD)->of.registry = registry;
    ledger_registry_add(registry, thing);
}

void ledger_change_add_rental(struct ledger *ledger, struct ledger_rental *rental)
{
    undo_push(ledger, UNDO_ADD_RENTAL)->of.rental = rental;
    ledger_rental_enter(ledger, rental);
    ledger_rental_link(ledger, rental);
    ledger->rental_count++;
}

void ledger_change_label(struct ledger *ledger, struct ledger_label **place,
                         struct ledger_label *label)
{
    struct ledger_undo *record = undo_push(ledger, UNDO_LABEL);

    record->of.label = place;
    record->old.label = *place;
    *place = label;
}

void ledger_change_asset(struct ledger *ledger, struct ledger_asset *asset,
                         const struct ledger_asset_state *state)
{
    struct ledger_undo *record = undo_push(ledger, UNDO_ASSET);

    record->of.asset = asset;
    record->old.asset = asset->state;
    asset->state = *state;
}

void ledger_change_mark(struct ledger *ledger, struct ledger_asset *asset,
                        struct ledger_user *returned_by)
{
    struct ledger_asset_state state = {asset->state.type, returned_by};

    if (asset->state.returned_by == returned_by)
        return;
    ledger_name_retain(state.type);
    ledger_change_asset(ledger, asset, &state);
}

void ledger_change_asset_type(struct ledger *ledger, struct ledger_asset_type *asset_type,
                              const struct ledger_asset_type_state *state)
{
    struct ledger_undo *record = undo_push(ledger, UNDO_ASSET_TYPE);

    record->of.asset_type = asset_type;
    record->old.asset_type = asset_type->state;
    asset_type->state = *state;
}

void ledger_change_user(struct ledger *ledger, struct ledger_user *user,
                        const struct ledger_user_state *state)
{
    struct ledger_undo *record = undo_push(ledger, UNDO_USER);

    record->of.user = user;
    record->old.user = user->state;
    user->state = *state;
}

void ledger_change_policy(struct ledger *ledger, const struct ledger_policy *policy)
{
    undo_push(ledger, UNDO_POLICY)->old.policy = ledger->policy;
    ledger->policy = *policy;
}

void ledger_change_device(struct ledger *ledger, struct ledger_device *device, uint64_t seq)
{
    struct ledger_undo *record = undo_push(ledger, UNDO_DEVICE);

    record->of.device = device;
    record->old.device.greatest = device->seq;
    record->old.device.taken = seq;
    ledger_device_take(device, seq);
}

void ledger_change_unanswered(struct ledger *ledger, struct ledger_unanswered *old,
                              struct ledger_unanswered *new)
{
    struct ledger_undo *record = undo_push(ledger, UNDO_UNANSWERED);

    record->of.unanswered = new;
    record->old.unanswered = old;
    ledger_unanswered_replace(ledger, old, new);
}

static void rental_set(struct ledger *ledger, struct ledger_rental *rental,
                       const struct ledger_rental_state *state)
{
    ledger_rental_unlink(ledger, rental);
    rental->state = *state;
    ledger_rental_link(ledger, rental);
}

void ledger_change_rental(struct ledger *ledger, struct ledger_rental *rental,
                          const struct ledger_rental_state *state)
{
    struct ledger_undo *record = undo_push(ledger, UNDO_RENTAL);

    record->of.rental = rental;
    record->old.rental = rental->state;
    rental_set(ledger, rental, state);
}

/* ---- how each kind is forgotten: the old state's references go ---- */

static void forget_nothing(struct ledger *ledger, struct ledger_undo *record)
{
    (void)ledger;
    (void)record;
}

static void forget_label(struct ledger *ledger, struct ledger_undo *record)
{
    ledger_label_free(ledger, record->old.label);
}

static void forget_asset(struct ledger *ledger, struct ledger_undo *record)
{
    ledger_name_release(ledger, record->old.asset.type);
}

static void forget_user(struct ledger *ledger, struct ledger_undo *record)
{
    ledger_user_state_release(ledger, &record->old.user);
}

static void forget_asset_type(struct ledger *ledger, struct ledger_undo *record)
{
    ledger_type_list_release(ledger, record->old.asset_type.eligible);
}

static void forget_policy(struct ledger *ledger, struct ledger_undo *record)
{
    ledger_name_release(ledger, record->old.policy.late_return);
}

static void forget_unanswered(struct ledger *ledger, struct ledger_undo *record)
{
    ledger_unanswered_free(ledger, record->old.unanswered);
}

static void forget_rental(struct ledger *ledger, struct ledger_undo *record)
{
    ledger_rental_state_release(ledger, &record->old.rental);
}

/* ---- how each kind is taken back: the new state's references go ---- */

static void undo_add(struct ledger *ledger, struct ledger_undo *record)
{
    struct ledger_registry *registry = record->of.registry;
    struct ledger_key *thing = registry->items[registry->count - 1];

    ledger_registry_pop(registry);
    ledger_thing_free(ledger, registry, thing);
}

static void undo_add_rental(struct ledger *ledger, struct ledger_undo *record)
{
    ledger_rental_unlink(ledger, record->of.rental);
    ledger_rental_leave(ledger, record->of.rental);
    ledger_rental_free(ledger, record->of.rental);
    ledger->rental_count--;
}

static void undo_label(struct ledger *ledger, struct ledger_undo *record)
{
    ledger_label_free(ledger, *record->of.label);
    *record->of.label = record->old.label;
}

static void undo_asset(struct ledger *ledger, struct ledger_undo *record)
{
    ledger_name_release(ledger, record->of.asset->state.type);
    record->of.asset->state = record->old.asset;
}

static void undo_asset_type(struct ledger *ledger, struct ledger_undo *record)
{
    struct ledger_asset_type *asset_type = record->of.asset_type;

    ledger_type_list_release(ledger, asset_type->state.eligible);
    asset_type->state = record->old.asset_type;
}

static void undo_user(struct ledger *ledger, struct ledger_undo *record)
{
    ledger_user_state_release(ledger, &record->of.user->state);
    record->of.user->state = record->old.user;
}

static void undo_policy(struct ledger *ledger, struct ledger_undo *record)
{
    ledger_name_release(ledger, ledger->policy.late_return);
    ledger->policy = record->old.policy;
}

static void undo_device(struct ledger *ledger, struct ledger_undo *record)
{
    (void)ledger;
    ledger_device_untake(record->of.device, record->old.device.taken, record->old.device.greatest);
}

static void undo_unanswered(struct ledger *ledger, struct ledger_undo *record)
{
    ledger_unanswered_replace(ledger, record->of.unanswered, record->old.unanswered);
    ledger_unanswered_free(ledger, record->of.unanswered);
}

static void undo_rental(struct ledger *ledger, struct ledger_undo *record)
{
    struct ledger_rental_state state = record->of.rental->state;

    rental_set(ledger, record->of.rental, &record->old.rental);
    ledger_rental_state_release(ledger, &state);
}

static const struct {
    void (*forget)(struct ledger *ledger, struct ledger_undo *record);
    void (*undo)(struct ledger *ledger, struct ledger_undo *record);
} undo_kinds[] = {
    [UNDO_ADD] = {forget_nothing, undo_add},
    [UNDO_ADD_RENTAL] = {forget_nothing, undo_add_rental},
    [UNDO_LABEL] = {forget_label, undo_label},
    [UNDO_USER] = {forget_user, undo_user},
    [UNDO_ASSET] = {forget_asset, undo_asset},
    [UNDO_ASSET_TYPE] = {forget_asset_type, undo_asset_type},
    [UNDO_POLICY] = {forget_policy, undo_policy},
    [UNDO_DEVICE] = {forget_nothing, undo_device},
    [UNDO_UNANSWERED] = {forget_unanswered, undo_unanswered},
    [UNDO_RENTAL] = {forget_rental, undo_rental},
};

void ledger_undo_forget(struct ledger *ledger, uint64_t seq)
{
    struct ledger_undo_log *log = &ledger->undo;

    for (; log->first < log->end && log->records[log->first].seq <= seq; log->first++) {
        struct ledger_undo *record = &log->records[log->first];

        undo_kinds[record->kind].forget(ledger, record);
    }
    if (log->first == log->end)
        log->first = log->end = 0;
}

void ledger_undo_beyond(struct ledger *ledger, uint64_t seq)
{
    struct ledger_undo_log *log = &ledger->undo;

    while (log->end > log->first && log->records[log->end - 1].seq > seq) {
        struct ledger_undo *record = &log->records[--log->end];

        undo_kinds[record->kind].undo(ledger, record);
    }
    if (log->first == log->end)
        log->first = log->end = 0;
}

void ledger_undo_release(struct ledger *ledger)
{
    ledger->memory.resize(ledger->memory.context, ledger->undo.records, 0);
    ledger->undo = (struct ledger_undo_log){0};
}
