/* SPDX-License-Identifier: MPL-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sdk/protocol/time.h"
#include "tests/model/model.h"

void model_init(struct model_state *state)
{
    memset(state, 0, offsetof(struct model_state, rentals));
    state->policy = (struct model_policy){.max_skew = INT64_C(5) * 60,
                                          .late_return = model_text("reject"),
                                          .return_match = RENTBUS_RETURN_MATCH_oldest};
}

bool model_text_equal(const struct model_text *a, const struct model_text *b)
{
    return a->given == b->given && (!a->given || strcmp(a->text, b->text) == 0);
}

struct model_text model_text(const char *text)
{
    struct model_text copy = {.given = true};
    snprintf(copy.text, sizeof copy.text, "%s", text);
    return copy;
}

const struct model_user *model_user(const struct model_state *state, const struct model_text *id)
{
    for (size_t i = 0; i < state->user_count; i++)
        if (model_text_equal(&state->users[i].id, id))
            return &state->users[i];
    return NULL;
}

const struct model_location *model_location(const struct model_state *state,
                                            const struct model_text *id)
{
    for (size_t i = 0; i < state->location_count; i++)
        if (model_text_equal(&state->locations[i].id, id))
            return &state->locations[i];
    return NULL;
}

const struct model_asset *model_asset(const struct model_state *state, const struct model_text *id)
{
    for (size_t i = 0; i < state->asset_count; i++)
        if (model_text_equal(&state->assets[i].id, id))
            return &state->assets[i];
    return NULL;
}

const struct model_asset_type *model_asset_type(const struct model_state *state,
                                                const struct model_text *id)
{
    for (size_t i = 0; i < state->asset_type_count; i++)
        if (model_text_equal(&state->asset_types[i].id, id))
            return &state->asset_types[i];
    return NULL;
}

const struct model_rental *model_rental(const struct model_state *state,
                                        const struct model_text *id)
{
    for (size_t i = 0; i < state->rental_count; i++)
        if (model_text_equal(&state->rentals[i].id, id))
            return &state->rentals[i];
    return NULL;
}

const struct model_rental *model_out(const struct model_state *state,
                                     const struct model_text *asset_id)
{
    for (size_t i = 0; i < state->rental_count; i++) {
        const struct model_rental *rental = &state->rentals[i];
        if (rental->status == RENTBUS_STATUS_IN_PROGRESS && !rental->came_late &&
            model_text_equal(&rental->asset_id, asset_id))
            return rental;
    }
    return NULL;
}

const struct model_device *model_device(const struct model_state *state,
                                        const struct model_text *id)
{
    for (size_t i = 0; i < state->device_count; i++)
        if (model_text_equal(&state->devices[i].id, id))
            return &state->devices[i];
    return NULL;
}

size_t model_unanswered_count(const struct model_state *state, const struct model_text *asset_id)
{
    size_t count = 0;
    for (size_t i = 0; i < state->unanswered_count; i++)
        count += model_text_equal(&state->unanswered[i].asset_id, asset_id);
    return count;
}

bool model_is_unanswered(const struct model_state *state, const struct model_event *event)
{
    if (event->type != RENTBUS_RENTAL_RETURN_REJECTED_EVENT || !event->asset_id.given ||
        !model_asset(state, &event->asset_id))
        return false;
    if (event->user_id.given && !model_user(state, &event->user_id))
        return false;
    return event->reasons.items[0] == RENTBUS_REASON_NO_OPEN_RENTAL ||
           event->reasons.items[0] == RENTBUS_REASON_ASSET_TYPE_NOT_ELIGIBLE ||
           event->reasons.items[0] == RENTBUS_REASON_RENTAL_EXPIRED;
}

bool model_matches(const struct model_rental *rental, const struct model_filter *filter)
{
    if (filter->user_id.given && !model_text_equal(&filter->user_id, &rental->user_id))
        return false;
    if (filter->asset_id.given && !model_text_equal(&filter->asset_id, &rental->asset_id))
        return false;
    if (filter->status != RENTBUS_STATUS_NONE && filter->status != rental->status)
        return false;
    if (!filter->has_expired)
        return true;
    if (rental->status != RENTBUS_STATUS_IN_PROGRESS)
        return false;
    return filter->expired == (filter->now > rental->expires_at);
}

size_t model_status_count(const struct model_state *state, enum rentbus_status status)
{
    size_t count = 0;
    for (size_t i = 0; i < state->rental_count; i++)
        count += state->rentals[i].status == status;
    return count;
}

uint64_t model_expired_count(const struct model_state *state, int64_t now)
{
    uint64_t expired = 0;
    for (size_t i = 0; i < state->rental_count; i++)
        expired += state->rentals[i].status == RENTBUS_STATUS_IN_PROGRESS &&
                   state->rentals[i].expires_at < now;
    return expired;
}

static void must_have_room(size_t count, size_t room)
{
    if (count < room)
        return;
    fprintf(stderr, "the model has no room for more than %zu things\n", room);
    abort();
}

static struct model_asset *writable_asset(struct model_state *state, const struct model_text *id)
{
    const struct model_asset *asset = model_asset(state, id);
    return (struct model_asset *)(uintptr_t)asset;
}

/* Nothing has been told of this expires_at yet. The lead is the one that the type has now. */
static void arm(const struct model_state *state, struct model_rental *rental)
{
    const struct model_asset *asset = model_asset(state, &rental->asset_id);
    const struct model_asset_type *type = model_asset_type(state, &asset->asset_type);
    rental->told_due_soon = false;
    rental->told_expired = false;
    rental->due_soon_at = (struct model_number){0};
    if (type && type->due_soon_lead.given)
        rental->due_soon_at = (struct model_number){
            true, rental->expires_at - type->due_soon_lead.value * RENTBUS_SECOND};
}

static struct model_rental *apply_new_rental(struct model_state *state,
                                             const struct model_rental *rental)
{
    must_have_room(state->rental_count, MODEL_RENTALS_MAX);
    struct model_rental *kept = &state->rentals[state->rental_count++];
    *kept = *rental;
    state->rentals_ever++;
    arm(state, kept);
    return kept;
}

static void apply_created(struct model_state *state, const struct model_event *event)
{
    struct model_rental *kept = apply_new_rental(state, &event->rental);
    kept->came_late = event->rejected_seq.given;
    if (!kept->came_late)
        writable_asset(state, &kept->asset_id)->returned_by = (struct model_text){0};
}

static void apply_imported(struct model_state *state, const struct model_rental *rental)
{
    struct model_rental *kept = apply_new_rental(state, rental);
    const struct model_text *returned_id =
        rental->returned_asset_id.given ? &rental->returned_asset_id : &rental->asset_id;
    if (rental->status == RENTBUS_STATUS_IN_PROGRESS) {
        writable_asset(state, &rental->asset_id)->returned_by = (struct model_text){0};
        return;
    }
    kept->closed_seq = state->head;
    bool came_back = rental->closed_by == RENTBUS_CLOSED_BY_return_scan ||
                     rental->closed_by == RENTBUS_CLOSED_BY_late_checkout;
    if (came_back && rental->status != RENTBUS_STATUS_FORGIVEN && !model_out(state, returned_id))
        writable_asset(state, returned_id)->returned_by = rental->user_id;
}

/* ---- scans ---- */

/* The device of the event, which may be known from then on. */
static struct model_device *device_of(struct model_state *state, const struct model_event *event)
{
    size_t index = 0;
    while (index < state->device_count &&
           !model_text_equal(&state->devices[index].id, &event->device_id))
        index++;
    must_have_room(index, MODEL_DEVICES_MAX);
    struct model_device *device = &state->devices[index];
    if (index == state->device_count) {
        state->device_count++;
        device->id = event->device_id;
        device->scan_count = 0;
        device->imported = 0;
        device->left_out.count = 0;
    }
    return device;
}

static void apply_imported_device(struct model_state *state, const struct model_event *event)
{
    struct model_device *device = device_of(state, event);
    device->imported = event->device_seq;
    device->left_out = event->holes;
}

static void apply_device(struct model_state *state, const struct model_event *event)
{
    if (!event->device_id.given)
        return;
    struct model_device *device = device_of(state, event);
    must_have_room(device->scan_count, MODEL_DEVICE_SCANS_MAX);
    size_t place = device->scan_count++;
    for (; place > 0 && device->scans[place - 1] > event->device_seq; place--)
        device->scans[place] = device->scans[place - 1];
    device->scans[place] = event->device_seq;
}

/* They stand in the order of their seqs. */
static void forget_unanswered(struct model_state *state, size_t index)
{
    state->unanswered_count--;
    for (size_t i = index; i < state->unanswered_count; i++)
        state->unanswered[i] = state->unanswered[i + 1];
}

static void apply_rejected_return(struct model_state *state, const struct model_event *event)
{
    if (!model_is_unanswered(state, event))
        return;
    if (model_unanswered_count(state, &event->asset_id) == MODEL_UNANSWERED_MAX) {
        size_t oldest = 0;
        while (!model_text_equal(&state->unanswered[oldest].asset_id, &event->asset_id))
            oldest++;
        forget_unanswered(state, oldest);
    }
    state->unanswered[state->unanswered_count++] =
        (struct model_unanswered){.seq = state->head,
                                  .asset_id = event->asset_id,
                                  .user_id = event->user_id,
                                  .location_id = event->location_id,
                                  .occurred_at = event->occurred_at};
}

/* A checkout that finds the asset out with the same user opens no rental, and says all the same
 * that it was taken again after a return for somebody else. One of an unknown user says nothing. */
static void apply_checkout(struct model_state *state, const struct model_event *event)
{
    const struct model_rental *out = model_out(state, &event->asset_id);
    if (out && model_text_equal(&out->user_id, &event->user_id))
        writable_asset(state, &event->asset_id)->returned_by = (struct model_text){0};
}

static struct model_rental *apply_changed_rental(struct model_state *state,
                                                 const struct model_rental *rental)
{
    for (size_t i = 0; i < state->rental_count; i++) {
        if (model_text_equal(&state->rentals[i].id, &rental->id)) {
            bool open = rental->status == RENTBUS_STATUS_IN_PROGRESS;
            state->rentals[i] = *rental;
            state->rentals[i].closed_seq = open ? 0 : state->head;
            return &state->rentals[i];
        }
    }
    abort();
}

static void apply_complete(struct model_state *state, const struct model_event *event)
{
    const struct model_rental *rental = &event->rental;
    struct model_asset *asset = writable_asset(state, &rental->returned_asset_id);
    apply_changed_rental(state, rental);
    if (rental->closed_by == RENTBUS_CLOSED_BY_return_scan)
        asset->returned_by = rental->user_id;
    if (rental->closed_by != RENTBUS_CLOSED_BY_late_checkout)
        return;
    for (size_t i = 0; i < state->unanswered_count; i++)
        if ((int64_t)state->unanswered[i].seq == event->rejected_seq.value)
            forget_unanswered(state, i);
    if (!asset->returned_by.given && !model_out(state, &asset->id))
        asset->returned_by = rental->user_id;
}

/* The rental names a thing that it did not name before, or that was not out. */
static void apply_taken_again(struct model_state *state, const struct model_rental *rental)
{
    apply_changed_rental(state, rental);
    if (rental->status == RENTBUS_STATUS_IN_PROGRESS)
        writable_asset(state, &rental->asset_id)->returned_by = (struct model_text){0};
}

static void apply_user(struct model_state *state, const struct model_user *put)
{
    for (size_t i = 0; i < state->user_count; i++) {
        if (model_text_equal(&state->users[i].id, &put->id)) {
            state->users[i] = *put;
            return;
        }
    }
    must_have_room(state->user_count, MODEL_THINGS_MAX);
    state->users[state->user_count++] = *put;
}

static void apply_location(struct model_state *state, const struct model_location *put)
{
    for (size_t i = 0; i < state->location_count; i++) {
        if (model_text_equal(&state->locations[i].id, &put->id)) {
            state->locations[i] = *put;
            return;
        }
    }
    must_have_room(state->location_count, MODEL_THINGS_MAX);
    state->locations[state->location_count++] = *put;
}

static void apply_asset(struct model_state *state, const struct model_asset *put)
{
    struct model_asset *known = writable_asset(state, &put->id);
    if (!known) {
        must_have_room(state->asset_count, MODEL_THINGS_MAX);
        known = &state->assets[state->asset_count++];
        known->returned_by = (struct model_text){0};
    }
    known->id = put->id;
    known->asset_type = put->asset_type;
}

static void apply_asset_type(struct model_state *state, const struct model_asset_type *put)
{
    for (size_t i = 0; i < state->asset_type_count; i++) {
        if (model_text_equal(&state->asset_types[i].id, &put->id)) {
            state->asset_types[i] = *put;
            return;
        }
    }
    must_have_room(state->asset_type_count, MODEL_THINGS_MAX);
    state->asset_types[state->asset_type_count++] = *put;
}

void model_apply(struct model_state *state, const struct model_event *event)
{
    state->head++;
    switch (event->type) {
    case RENTBUS_RENTAL_CREATED_EVENT:
        apply_created(state, event);
        break;
    case RENTBUS_RENTAL_IMPORTED_EVENT:
        apply_imported(state, &event->rental);
        break;
    case RENTBUS_RENTAL_RETURN_EVENT:
        apply_device(state, event);
        break;
    case RENTBUS_DEVICE_IMPORTED_EVENT:
        apply_imported_device(state, event);
        break;
    case RENTBUS_RENTAL_RETURN_REJECTED_EVENT:
        apply_rejected_return(state, event);
        break;
    case RENTBUS_RENTAL_RETURN_COMPLETE_EVENT:
        apply_complete(state, event);
        break;
    case RENTBUS_RENTAL_ASSET_SWAPPED_EVENT:
    case RENTBUS_RENTAL_UNFLAGGED_EVENT:
        apply_taken_again(state, &event->rental);
        break;
    case RENTBUS_RENTAL_RENEWED_EVENT:
        arm(state, apply_changed_rental(state, &event->rental));
        break;
    case RENTBUS_RENTAL_FORGIVEN_EVENT:
    case RENTBUS_RENTAL_FLAGGED_EVENT:
    case RENTBUS_RENTAL_DUE_SOON_EVENT:
    case RENTBUS_RENTAL_EXPIRED_EVENT:
        apply_changed_rental(state, &event->rental);
        break;
    case RENTBUS_RENTAL_CHECKOUT_EVENT:
        apply_checkout(state, event);
        apply_device(state, event);
        break;
    case RENTBUS_USER_CREATED_EVENT:
    case RENTBUS_USER_UPDATED_EVENT:
    case RENTBUS_USER_BLOCKED_EVENT:
    case RENTBUS_USER_UNBLOCKED_EVENT:
        apply_user(state, &event->user);
        break;
    case RENTBUS_LOCATION_CREATED_EVENT:
    case RENTBUS_LOCATION_UPDATED_EVENT:
        apply_location(state, &event->location);
        break;
    case RENTBUS_ASSET_CREATED_EVENT:
    case RENTBUS_ASSET_UPDATED_EVENT:
        apply_asset(state, &event->asset);
        break;
    case RENTBUS_ASSET_TYPE_CREATED_EVENT:
    case RENTBUS_ASSET_TYPE_UPDATED_EVENT:
        apply_asset_type(state, &event->asset_type);
        break;
    case RENTBUS_POLICY_UPDATED_EVENT:
        state->policy = event->policy;
        break;
    default:
        break;
    }
}

void model_archived(struct model_state *state, uint64_t seq)
{
    size_t kept = 0;
    for (size_t i = 0; i < state->rental_count; i++) {
        const struct model_rental *rental = &state->rentals[i];
        if (!model_final(rental->status) || rental->closed_seq > seq)
            state->rentals[kept++] = *rental;
    }
    state->rental_count = kept;
}

/* The tail of the arrays is megabytes that nobody uses. */
void model_copy(struct model_state *to, const struct model_state *from)
{
    memcpy(to, from, offsetof(struct model_state, rentals));
    memcpy(to->rentals, from->rentals, from->rental_count * sizeof from->rentals[0]);
}
