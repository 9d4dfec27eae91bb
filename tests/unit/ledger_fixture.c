/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/unit/ledger_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct world *world_create(void)
{
    struct world *world = calloc(1, sizeof(*world));

    assert_non_null(world);
    world->ledger = ledger_create();
    assert_non_null(world->ledger);
    world->now = NOW;
    return world;
}

void world_destroy(struct world **world)
{
    ledger_destroy(&(*world)->ledger);
    rentbus_buffer_release(&(*world)->bytes);
    free((*world)->journal);
    free(*world);
    *world = NULL;
}

int world_decide(struct world *world, const struct ledger_command *command)
{
    struct ledger_context context = {
        .now = world->now,
        .next_seq = ledger_head(world->ledger) + 1,
        .archived = world->archived,
    };

    snprintf(world->rental_id, sizeof(world->rental_id), "r%u", world->rentals + 1);
    context.new_rental_id = rentbus_text(world->rental_id);
    /* What decide does not set must not matter. */
    memset(&world->decision, 0xa5, sizeof(world->decision));
    memset(&world->fault, 0, sizeof(world->fault));
    return ledger_decide(world->ledger, command, &context, &world->decision, &world->fault);
}

static void journal_add(struct world *world, const struct ledger_event *event)
{
    size_t index = ledger_head(world->ledger) - 1;
    struct world_entry *entry;

    if (index >= world->journal_capacity) {
        world->journal_capacity = 2 * (index + 8);
        world->journal = realloc(world->journal, world->journal_capacity * sizeof(*world->journal));
        assert_non_null(world->journal);
    }
    entry = &world->journal[index];
    entry->type = event->type;
    entry->subject = world->bytes.length;
    rentbus_buffer_append(&world->bytes, event->subject.data, event->subject.length);
    entry->data = world->bytes.length;
    rentbus_encode(rentbus_event_rows[event->type].data, ledger_event_data(event), &world->bytes);
    entry->end = world->bytes.length;
    assert_false(world->bytes.failed);
}

/* Applies and journals the decision. */
static void take_decision(struct world *world)
{
    for (size_t i = 0; i < world->decision.count; i++) {
        struct ledger_event *event = &world->decision.events[i];

        assert_int_equal(ledger_apply(world->ledger, event, ledger_head(world->ledger) + 1), 0);
        journal_add(world, event);
        if (event->type == RENTBUS_RENTAL_CREATED_EVENT)
            world->rentals++;
    }
}

int world_run(struct world *world, const struct ledger_command *command)
{
    int error = world_decide(world, command);

    if (error != 0)
        return error;
    assert_in_range(world->decision.count, 1, LEDGER_DECISION_MAX);
    memset(&world->result, 0xa5, sizeof(world->result));
    take_decision(world);
    ledger_outcome(world->decision.events, world->decision.count, ledger_head(world->ledger),
                   &world->result);
    assert_int_equal(world->result.seq, ledger_head(world->ledger));
    return 0;
}

size_t world_tick(struct world *world)
{
    struct ledger_context context = {
        .now = world->now,
        .next_seq = ledger_head(world->ledger) + 1,
    };

    memset(&world->decision, 0xa5, sizeof(world->decision));
    ledger_decide_timers(world->ledger, &context, &world->decision);
    assert_in_range(world->decision.count, 0, LEDGER_DECISION_MAX);
    take_decision(world);
    return world->decision.count;
}

struct ledger_command world_scan(enum rentbus_op op, const char *user, const char *asset,
                                 const char *rental, int64_t occurred_at)
{
    return (struct ledger_command){
        .op = op,
        .args.scan = {.user_id = rentbus_text(user),
                      .asset_id = rentbus_text(asset),
                      .rental_id = rentbus_text(rental),
                      .location_id = rentbus_text("counter"),
                      .occurred_at = occurred_at},
    };
}

struct ledger_command world_device_scan(enum rentbus_op op, const char *user, const char *asset,
                                        const char *device, uint64_t device_seq)
{
    struct ledger_command command = world_scan(op, user, asset, NULL, NOW);

    command.args.scan.device_id = rentbus_text(device);
    command.args.scan.device_seq = device_seq;
    return command;
}

enum rentbus_outcome world_device_return(struct world *world, const char *device, uint64_t seq)
{
    struct ledger_command command =
        world_device_scan(RENTBUS_OP_rental_return, "ann", "box1", device, seq);

    assert_int_equal(world_run(world, &command), 0);
    return world->result.outcome;
}

void world_device_is(const struct world *world, const char *device, const char *expected)
{
    struct ledger_device_view view;
    char text[256];
    uint64_t missing = 0;
    size_t length;

    assert_true(ledger_device_get(world->ledger, rentbus_text(device), &view));
    assert_true(says(view.id, device));
    length = (size_t)snprintf(text, sizeof(text), "%llu:", (unsigned long long)view.device_seq);
    for (size_t i = 0; i < view.hole_count; i++) {
        missing += view.holes[i].last - view.holes[i].first + 1;
        length += (size_t)snprintf(text + length, sizeof(text) - length, " %llu-%llu",
                                   (unsigned long long)view.holes[i].first,
                                   (unsigned long long)view.holes[i].last);
    }
    assert_string_equal(text, expected);
    assert_true(view.missing == missing);
}

struct ledger_command world_import_command(const char *id, enum rentbus_status status,
                                           const char *user, const char *asset, const char *type,
                                           int64_t created_at, int64_t expires_at)
{
    struct ledger_command command = {.op = RENTBUS_OP_admin_import};
    struct rentbus_import_args *args = &command.args.admin_import;

    RENTBUS_SET(args, import_args, id, rentbus_text(id));
    RENTBUS_SET(args, import_args, status, status);
    RENTBUS_SET(args, import_args, user_id, rentbus_text(user));
    RENTBUS_SET(args, import_args, asset_id, rentbus_text(asset));
    RENTBUS_SET(args, import_args, created_at, created_at);
    RENTBUS_SET(args, import_args, expires_at, expires_at);
    RENTBUS_SET(args, import_args, created_at_location_id, rentbus_text("old counter"));
    args->has |= RENTBUS_BIT(import_args, eligible_asset_types);
    args->eligible_asset_types.count = 1;
    args->eligible_asset_types.items[0] = rentbus_text(type);
    if (status == RENTBUS_STATUS_COMPLETED)
        RENTBUS_SET(args, import_args, returned_at, created_at + DAY);
    return command;
}

void world_user(struct world *world, const char *id)
{
    struct ledger_command command = {.op = RENTBUS_OP_user_put};

    RENTBUS_SET(&command.args.user_put, user_put_args, id, rentbus_text(id));
    assert_int_equal(world_run(world, &command), 0);
}

void world_asset(struct world *world, const char *id, const char *type)
{
    struct ledger_command command = {.op = RENTBUS_OP_asset_put};

    RENTBUS_SET(&command.args.asset_put, asset_put_args, id, rentbus_text(id));
    RENTBUS_SET(&command.args.asset_put, asset_put_args, asset_type, rentbus_text(type));
    assert_int_equal(world_run(world, &command), 0);
}

void world_asset_type(struct world *world, const char *id, int64_t loan_period, const char *type,
                      const char *other_type)
{
    struct ledger_command command = {.op = RENTBUS_OP_asset_type_put};
    struct rentbus_asset_type_put_args *args = &command.args.asset_type_put;

    RENTBUS_SET(args, asset_type_put_args, id, rentbus_text(id));
    RENTBUS_SET(args, asset_type_put_args, loan_period, loan_period);
    args->has |= RENTBUS_BIT(asset_type_put_args, eligible_asset_types);
    args->eligible_asset_types.count = other_type ? 2 : 1;
    args->eligible_asset_types.items[0] = rentbus_text(type);
    args->eligible_asset_types.items[1] = rentbus_text(other_type);
    assert_int_equal(world_run(world, &command), 0);
}

void world_location(struct world *world, const char *id, const char *name)
{
    struct ledger_command command = {.op = RENTBUS_OP_location_put};

    RENTBUS_SET(&command.args.location_put, location_put_args, id, rentbus_text(id));
    if (name)
        RENTBUS_SET(&command.args.location_put, location_put_args, name, rentbus_text(name));
    assert_int_equal(world_run(world, &command), 0);
}

struct ledger_command world_rental_command(enum rentbus_op op, const char *rental,
                                           const char *reason)
{
    struct ledger_command command = {.op = op};
    struct rentbus_reason_args *args = &command.args.rental_forgive;

    if (op == RENTBUS_OP_rental_renew) {
        RENTBUS_SET(&command.args.rental_renew, renew_args, rental_id, rentbus_text(rental));
    } else if (op == RENTBUS_OP_rental_unflag) {
        RENTBUS_SET(&command.args.rental_unflag, unflag_args, rental_id, rentbus_text(rental));
    } else {
        RENTBUS_SET(args, reason_args, rental_id, rentbus_text(rental));
        RENTBUS_SET(args, reason_args, reason, rentbus_text(reason));
    }
    return command;
}

enum rentbus_outcome world_judge(struct world *world, enum rentbus_op op, const char *rental,
                                 const char *reason)
{
    struct ledger_command command = world_rental_command(op, rental, reason);

    assert_int_equal(world_run(world, &command), 0);
    return world->result.outcome;
}

enum rentbus_outcome world_policy(struct world *world, const struct rentbus_policy_put_args *args)
{
    struct ledger_command command = {.op = RENTBUS_OP_policy_put};

    command.args.policy_put = *args;
    assert_int_equal(world_run(world, &command), 0);
    return world->result.outcome;
}

void world_late_return(struct world *world, const char *late_return)
{
    struct rentbus_policy_put_args args = {0};

    RENTBUS_SET(&args, policy_put_args, late_return, rentbus_text(late_return));
    world_policy(world, &args);
}

void world_return_match(struct world *world, enum rentbus_return_match return_match)
{
    struct rentbus_policy_put_args args = {0};

    RENTBUS_SET(&args, policy_put_args, return_match, return_match);
    world_policy(world, &args);
}

enum rentbus_outcome world_block(struct world *world, const char *user, const char *reason)
{
    struct ledger_command command = {.op = RENTBUS_OP_user_block};

    if (reason) {
        RENTBUS_SET(&command.args.user_block, user_block_args, id, rentbus_text(user));
        RENTBUS_SET(&command.args.user_block, user_block_args, reason, rentbus_text(reason));
    } else {
        command.op = RENTBUS_OP_user_unblock;
        RENTBUS_SET(&command.args.user_unblock, user_unblock_args, id, rentbus_text(user));
    }
    assert_int_equal(world_run(world, &command), 0);
    return world->result.outcome;
}

void world_import(struct world *world, const char *id, enum rentbus_status status, const char *user,
                  const char *asset, const char *type, int64_t created_at, int64_t expires_at)
{
    struct ledger_command command =
        world_import_command(id, status, user, asset, type, created_at, expires_at);

    assert_int_equal(world_run(world, &command), 0);
}

enum rentbus_outcome world_checkout(struct world *world, const char *user, const char *asset,
                                    int64_t occurred_at)
{
    struct ledger_command command =
        world_scan(RENTBUS_OP_rental_checkout, user, asset, NULL, occurred_at);

    assert_int_equal(world_run(world, &command), 0);
    return world->result.outcome;
}

enum rentbus_outcome world_return(struct world *world, const char *user, const char *asset,
                                  const char *rental, int64_t occurred_at)
{
    struct ledger_command command =
        world_scan(RENTBUS_OP_rental_return, user, asset, rental, occurred_at);

    assert_int_equal(world_run(world, &command), 0);
    return world->result.outcome;
}

uint64_t world_lost_return(struct world *world, const char *user, const char *asset,
                           int64_t occurred_at)
{
    assert_int_equal(world_return(world, user, asset, NULL, occurred_at), RENTBUS_OUTCOME_REJECTED);
    assert_int_equal(world->decision.count, 2);
    return ledger_head(world->ledger);
}

struct ledger_command world_loan(const char *user, const char *asset, int64_t created_at,
                                 int64_t expires_at)
{
    struct ledger_command command =
        world_scan(RENTBUS_OP_rental_checkout, user, asset, NULL, created_at);

    command.args.scan.has_expires_at = true;
    command.args.scan.expires_at = expires_at;
    return command;
}

bool world_comes_late(struct world *world, const char *user, const char *asset, int64_t created_at,
                      int64_t expires_at)
{
    struct ledger_command command = world_loan(user, asset, created_at, expires_at);

    assert_int_equal(world_run(world, &command), 0);
    return world->result.outcome == RENTBUS_OUTCOME_COMPLETED;
}

enum rentbus_reason world_reason(const struct world *world)
{
    return RENTBUS_HAS(&world->result, command_result, reason) ? world->result.reason
                                                               : RENTBUS_REASON_NONE;
}

void world_reasons_are(const struct world *world, const char *reasons)
{
    const struct rentbus_command_result *result = &world->result;
    char words[256] = "";
    size_t length = 0;

    if (RENTBUS_HAS(result, command_result, reasons)) {
        for (size_t i = 0; i < result->reasons.count; i++)
            length +=
                (size_t)snprintf(words + length, sizeof(words) - length, "%s%.*s", i > 0 ? " " : "",
                                 RENTBUS_TEXT_ARGS(result->reasons.items[i]));
        assert_true(RENTBUS_HAS(result, command_result, reason));
        assert_true(says(result->reasons.items[0],
                         rentbus_word_text(&rentbus_reason_words, (int)result->reason)));
    }
    assert_string_equal(words, reasons);
}

const struct ledger_event *world_event(const struct world *world, enum rentbus_event_type type)
{
    for (size_t i = 0; i < world->decision.count; i++)
        if (world->decision.events[i].type == type)
            return &world->decision.events[i];
    return NULL;
}

void world_events_are(const struct world *world, const char *types)
{
    char text[512] = "";
    size_t length = 0;

    for (size_t i = 0; i < world->decision.count; i++)
        length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%s", i > 0 ? " " : "",
                                   rentbus_event_rows[world->decision.events[i].type].type);
    assert_string_equal(text, types);
}

bool says(struct rentbus_text text, const char *string)
{
    return text.data && rentbus_text_equal(text, rentbus_text(string));
}

bool world_status_is(const struct world *world, const char *rental, enum rentbus_status status)
{
    struct rentbus_rental view;

    return ledger_rental_get(world->ledger, rentbus_text(rental), &view) && view.status == status;
}

bool world_out_on(const struct world *world, const char *asset, const char *rental)
{
    struct rentbus_asset view;

    assert_true(ledger_asset_get(world->ledger, rentbus_text(asset), &view));
    if (!rental)
        return !RENTBUS_HAS(&view, asset, rental_id);
    return RENTBUS_HAS(&view, asset, rental_id) && says(view.rental_id, rental);
}

int world_replay(const struct world *world, uint64_t from, uint64_t to, struct ledger *into)
{
    static struct ledger_event event;

    for (uint64_t seq = from; seq <= to; seq++) {
        const struct world_entry *entry = &world->journal[seq - 1];
        struct rentbus_event wire = {0};
        struct rentbus_text subject = {(const char *)world->bytes.data + entry->subject,
                                       entry->data - entry->subject};
        int error;

        RENTBUS_SET(&wire, event, type, rentbus_text(rentbus_event_rows[entry->type].type));
        RENTBUS_SET(&wire, event, subject, subject);
        wire.data =
            (struct rentbus_bytes){world->bytes.data + entry->data, entry->end - entry->data};
        assert_int_equal(ledger_event_decode(&wire, &event), 0);
        error = ledger_apply(into, &event, seq);
        if (error != 0)
            return error;
    }
    return 0;
}

static bool print_rental(void *out, const struct rentbus_rental *rental)
{
    rentbus_encode(&rentbus_rental_schema, rental, out);
    return true;
}

static bool print_user(void *out, const struct rentbus_user *user)
{
    rentbus_encode(&rentbus_user_schema, user, out);
    return true;
}

static bool print_asset(void *out, const struct rentbus_asset *asset)
{
    rentbus_encode(&rentbus_asset_schema, asset, out);
    return true;
}

static bool print_asset_type(void *out, const struct rentbus_asset_type *asset_type)
{
    rentbus_encode(&rentbus_asset_type_schema, asset_type, out);
    return true;
}

static bool print_location(void *out, const struct rentbus_location *location)
{
    rentbus_encode(&rentbus_location_schema, location, out);
    return true;
}

static bool print_device(void *out, const struct ledger_device_view *device)
{
    rentbus_buffer_append(out, device->id.data, device->id.length);
    rentbus_buffer_append(out, &device->device_seq, sizeof(device->device_seq));
    rentbus_buffer_append(out, &device->missing, sizeof(device->missing));
    rentbus_buffer_append(out, &device->hole_count, sizeof(device->hole_count));
    if (device->hole_count > 0)
        rentbus_buffer_append(out, device->holes, device->hole_count * sizeof(*device->holes));
    return true;
}

struct user_print {
    const struct ledger *ledger;
    struct rentbus_buffer *out;
};

static bool print_rentals_of(void *context, const struct rentbus_user *user)
{
    struct user_print *print = context;
    struct ledger_rental_filter filter = {.user_id = user->id};

    ledger_rental_list(print->ledger, &filter, 0, print_rental, print->out);
    return true;
}

void ledger_print(const struct ledger *ledger, struct rentbus_buffer *out)
{
    struct ledger_rental_filter all = {0};
    struct user_print of_users = {ledger, out};
    struct ledger_counts counts = ledger_counts(ledger);
    uint64_t digest = ledger_digest(ledger);
    uint64_t head = ledger_head(ledger);
    struct rentbus_policy policy;

    rentbus_buffer_clear(out);
    ledger_policy_get(ledger, &policy);
    rentbus_encode(&rentbus_policy_schema, &policy, out);
    ledger_user_list(ledger, 0, print_user, out);
    ledger_asset_list(ledger, 0, print_asset, out);
    ledger_asset_type_list(ledger, 0, print_asset_type, out);
    ledger_location_list(ledger, 0, print_location, out);
    ledger_device_list(ledger, 0, print_device, out);
    ledger_rental_list(ledger, &all, 0, print_rental, out);
    ledger_user_list(ledger, 0, print_rentals_of, &of_users);
    rentbus_buffer_append(out, &counts, sizeof(counts));
    rentbus_buffer_append(out, &digest, sizeof(digest));
    rentbus_buffer_append(out, &head, sizeof(head));
    assert_false(out->failed);
}
