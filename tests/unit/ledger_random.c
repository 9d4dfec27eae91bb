/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/unit/ledger_random.h"

#include "daemon/ledger/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static uint64_t random_next(uint64_t *state)
{
    *state += UINT64_C(0x9e3779b97f4a7c15);
    return ledger_mix(*state, UINT64_C(0xbf58476d1ce4e5b9));
}

unsigned ledger_random_below(uint64_t *random, unsigned count)
{
    return (unsigned)(random_next(random) % count);
}

static const char *const user_ids[] = {"ann", "bob", "cid", "eve"};
static const char *const asset_ids[] = {"box1", "box2", "box3", "box4", "cup1", "cup2", "cup3"};
static const char *const types[] = {"box", "cup", "lid"};
static const char *const names[] = {NULL, "", "One", "Another one"};

#define ANY(random, set) set[ledger_random_below(random, sizeof(set) / sizeof(set[0]))]

/* Of one of a few devices, whose scans come in disorder, and some again. */
static void random_device(uint64_t *random, struct ledger_scan *scan)
{
    static const char *const devices[] = {"bin", "desk", "van"};

    scan->device_id = rentbus_text(ANY(random, devices));
    scan->device_seq = 1 + ledger_random_below(random, 1 + ledger_random_below(random, 200));
    if (ledger_random_below(random, 2) == 0) {
        scan->has_device_time = true;
        scan->device_time = scan->occurred_at + DAY;
    }
}

static struct ledger_command random_scan(uint64_t *random, const struct world *world)
{
    static char rental[16];
    bool checkout = ledger_random_below(random, 2) == 0;
    int64_t occurred_at = world->now - (int64_t)ledger_random_below(random, 4) * DAY;
    struct ledger_command command =
        world_scan(checkout ? RENTBUS_OP_rental_checkout : RENTBUS_OP_rental_return,
                   ANY(random, user_ids), ANY(random, asset_ids), NULL, occurred_at);

    snprintf(rental, sizeof(rental), "r%u", 1 + ledger_random_below(random, world->rentals + 1));
    if (!checkout && ledger_random_below(random, 3) == 0)
        command.args.scan.user_id = (struct rentbus_text){0};
    if (!checkout && ledger_random_below(random, 4) == 0) {
        command.args.scan.rental_id = rentbus_text(rental);
        if (ledger_random_below(random, 2) == 0)
            command.args.scan.asset_id = (struct rentbus_text){0};
    }
    command.args.scan.location_id = rentbus_text(ANY(random, types));
    if (ledger_random_below(random, 3) == 0)
        random_device(random, &command.args.scan);
    if (ledger_random_below(random, 6) == 0)
        command.args.scan.override = rentbus_text("the boss said so");
    return command;
}

static struct ledger_command random_put(uint64_t *random)
{
    struct ledger_command command = {.op = RENTBUS_OP_user_put};
    const char *name = ANY(random, names);

    switch (ledger_random_below(random, 3)) {
    case 0:
        command.op = RENTBUS_OP_asset_put;
        RENTBUS_SET(&command.args.asset_put, asset_put_args, id,
                    rentbus_text(ANY(random, asset_ids)));
        RENTBUS_SET(&command.args.asset_put, asset_put_args, asset_type,
                    rentbus_text(ANY(random, types)));
        return command;
    case 1:
        command.op = RENTBUS_OP_location_put;
        break;
    default:
        if (ledger_random_below(random, 3) == 0)
            RENTBUS_SET(&command.args.user_put, user_put_args, user_limit,
                        ledger_random_below(random, 9));
        break;
    }
    RENTBUS_SET(&command.args.user_put, user_put_args, id, rentbus_text(ANY(random, user_ids)));
    if (name)
        RENTBUS_SET(&command.args.user_put, user_put_args, name, rentbus_text(name));
    return command;
}

static struct ledger_command random_asset_type(uint64_t *random)
{
    struct ledger_command command = {.op = RENTBUS_OP_asset_type_put};
    struct rentbus_asset_type_put_args *args = &command.args.asset_type_put;

    RENTBUS_SET(args, asset_type_put_args, id, rentbus_text(ANY(random, types)));
    RENTBUS_SET(args, asset_type_put_args, loan_period,
                86400 * (int64_t)(1 + ledger_random_below(random, 3)));
    if (ledger_random_below(random, 2) == 0)
        RENTBUS_SET(args, asset_type_put_args, due_soon_lead,
                    3600 * (int64_t)ledger_random_below(random, 60));
    if (ledger_random_below(random, 3) == 0)
        RENTBUS_SET(args, asset_type_put_args, user_limit, ledger_random_below(random, 4));
    if (ledger_random_below(random, 3) == 0)
        RENTBUS_SET(args, asset_type_put_args, renewals_max, ledger_random_below(random, 4));
    return command;
}

static struct ledger_command random_policy(uint64_t *random)
{
    static const char *const late_returns[] = {"reject", "flag", "forgive_within:P1D"};
    struct ledger_command command = {.op = RENTBUS_OP_policy_put};
    struct rentbus_policy_put_args *args = &command.args.policy_put;

    if (ledger_random_below(random, 2) == 0)
        RENTBUS_SET(args, policy_put_args, late_return, rentbus_text(ANY(random, late_returns)));
    if (ledger_random_below(random, 2) == 0)
        RENTBUS_SET(args, policy_put_args, return_match,
                    (enum rentbus_return_match)(1 + ledger_random_below(random, 3)));
    if (ledger_random_below(random, 2) == 0)
        RENTBUS_SET(args, policy_put_args, user_limit, ledger_random_below(random, 6));
    if (ledger_random_below(random, 2) == 0)
        RENTBUS_SET(args, policy_put_args, renewal_grace,
                    86400 * (int64_t)ledger_random_below(random, 2));
    return command;
}

static struct ledger_command random_judgement(uint64_t *random, const struct world *world)
{
    static const enum rentbus_op ops[] = {RENTBUS_OP_rental_renew, RENTBUS_OP_rental_forgive,
                                          RENTBUS_OP_rental_flag, RENTBUS_OP_rental_unflag};
    static char rental[16];

    if (ledger_random_below(random, 8) == 0)
        snprintf(rental, sizeof(rental), "i%u", ledger_random_below(random, 100));
    else
        snprintf(rental, sizeof(rental), "r%u",
                 1 + ledger_random_below(random, world->rentals + 1));
    return world_rental_command(ANY(random, ops), rental, ANY(random, user_ids));
}

static struct ledger_command random_block(uint64_t *random)
{
    struct ledger_command command = {.op = RENTBUS_OP_user_unblock};

    RENTBUS_SET(&command.args.user_unblock, user_unblock_args, id,
                rentbus_text(ANY(random, user_ids)));
    if (ledger_random_below(random, 3) > 0)
        return command;
    command.op = RENTBUS_OP_user_block;
    RENTBUS_SET(&command.args.user_block, user_block_args, id, rentbus_text(ANY(random, user_ids)));
    RENTBUS_SET(&command.args.user_block, user_block_args, reason,
                rentbus_text(ANY(random, types)));
    return command;
}

static struct ledger_command random_import(uint64_t *random)
{
    static char id[16];
    enum rentbus_status status = (enum rentbus_status)(1 + ledger_random_below(random, 4));
    int64_t created_at = NOW - (int64_t)ledger_random_below(random, 5) * DAY;
    uint64_t optional = RENTBUS_BIT(import_args, rev) | RENTBUS_BIT(import_args, renewals);
    struct ledger_command command;
    struct rentbus_import_args *args = &command.args.admin_import;

    if (status != RENTBUS_STATUS_IN_PROGRESS)
        optional |= RENTBUS_BIT(import_args, closed_by) | RENTBUS_BIT(import_args, flag_reason) |
                    RENTBUS_BIT(import_args, returned_at) |
                    RENTBUS_BIT(import_args, returned_asset_id);
    snprintf(id, sizeof(id), "i%u", ledger_random_below(random, 100));
    command = world_import_command(id, status, ANY(random, user_ids), ANY(random, asset_ids),
                                   ANY(random, types), created_at, created_at + 3 * DAY);
    args->has |= random_next(random) & optional;
    args->rev = args->renewals = 1 + ledger_random_below(random, 9);
    args->closed_by = (enum rentbus_closed_by)(1 + ledger_random_below(random, 5));
    args->flag_reason = rentbus_text(ANY(random, types));
    args->returned_at = created_at + DAY;
    args->returned_asset_id = rentbus_text(ANY(random, asset_ids));
    return command;
}

/* Up to three holes of a device that may be known already. */
static struct ledger_command random_import_device(uint64_t *random)
{
    static struct rentbus_buffer holes;
    static char id[16];
    struct ledger_command command = {.op = RENTBUS_OP_admin_import_device};
    struct rentbus_import_device_args *args = &command.args.admin_import_device;
    uint64_t seq = 1;
    size_t count = 0;

    rentbus_buffer_clear(&holes);
    for (; count < ledger_random_below(random, 4); count++) {
        struct rentbus_device_hole hole = {0};

        RENTBUS_SET(&hole, device_hole, first, seq + ledger_random_below(random, 3));
        RENTBUS_SET(&hole, device_hole, last, hole.first + ledger_random_below(random, 3));
        rentbus_encode(&rentbus_device_hole_schema, &hole, &holes);
        seq = hole.last + 2;
    }
    snprintf(id, sizeof(id), "d%u", ledger_random_below(random, 40));
    RENTBUS_SET(args, import_device_args, id, rentbus_text(id));
    RENTBUS_SET(args, import_device_args, device_seq, seq);
    RENTBUS_SET(args, import_device_args, holes,
                ((struct rentbus_list){holes.data, holes.length, count}));
    return command;
}

struct ledger_command ledger_random_command(uint64_t *random, struct world *world)
{
    unsigned dice = ledger_random_below(random, 24);

    world->now += ledger_random_below(random, 3600) * RENTBUS_SECOND;
    if (dice < 2)
        return random_put(random);
    if (dice < 3)
        return random_asset_type(random);
    if (dice < 4)
        return random_block(random);
    if (dice < 5)
        return random_policy(random);
    if (dice < 9)
        return random_judgement(random, world);
    if (dice < 10)
        return ledger_random_below(random, 3) == 0 ? random_import_device(random)
                                                   : random_import(random);
    return random_scan(random, world);
}

void ledger_random_commands(uint64_t *random, struct world *world, unsigned count)
{
    while (count-- > 0) {
        struct ledger_command command = ledger_random_command(random, world);

        (void)!world_run(world, &command);
        if (ledger_random_below(random, 4) == 0)
            world_tick(world);
    }
}
