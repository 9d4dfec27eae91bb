/* SPDX-License-Identifier: MPL-2.0 */
/* A ledger written and read again is that ledger, and bytes that are none are refused. */
#include "daemon/ledger/snapshot.h"
#include "daemon/ledger/state.h"
#include "tests/unit/ledger_random.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BYTES_MAX ((uint64_t)1 << 30)

static int append(void *context, const void *data, size_t size)
{
    rentbus_buffer_append(context, data, size);
    return 0;
}

static void write_ledger(const struct ledger *ledger, struct rentbus_buffer *out)
{
    rentbus_buffer_clear(out);
    assert_int_equal(ledger_snapshot_write(ledger, append, out), 0);
    assert_false(out->failed);
}

/* Bytes that come in pieces of all sizes. */
struct pieces {
    struct rentbus_bytes left;
    size_t piece;
};

static int give(void *context, void *data, size_t size, size_t *got)
{
    struct pieces *pieces = context;
    size_t count = pieces->piece < size ? pieces->piece : size;

    if (count > pieces->left.length)
        count = pieces->left.length;
    if (count)
        memcpy(data, pieces->left.data, count);
    pieces->left.data += count;
    pieces->left.length -= count;
    pieces->piece = pieces->piece % 4096 + 1;
    *got = count;
    return 0;
}

static int read_bytes(const uint8_t *data, size_t length, struct ledger **ledger)
{
    struct pieces pieces = {{data, length}, 1};

    return ledger_snapshot_read(give, &pieces, length, ledger);
}

static struct ledger *read_ledger(const struct rentbus_buffer *bytes)
{
    struct ledger *ledger = NULL;

    assert_int_equal(read_bytes(bytes->data, bytes->length, &ledger), 0);
    return ledger;
}

static void must_be_bytes(const struct rentbus_buffer *a, const struct rentbus_buffer *b)
{
    assert_int_equal(a->length, b->length);
    assert_memory_equal(a->data, b->data, a->length);
}

/* Whatever can be seen, and what follows. */
static void must_be_same(const struct ledger *a, const struct ledger *b)
{
    struct rentbus_buffer left = {0};
    struct rentbus_buffer right = {0};

    ledger_print(a, &left);
    ledger_print(b, &right);
    must_be_bytes(&left, &right);
    assert_int_equal(ledger_head(a), ledger_head(b));
    assert_int_equal(ledger_digest(a), ledger_digest(b));
    assert_int_equal(ledger_timer_next(a), ledger_timer_next(b));
    write_ledger(a, &left);
    write_ledger(b, &right);
    must_be_bytes(&left, &right);
    rentbus_buffer_release(&left);
    rentbus_buffer_release(&right);
}

static void make_durable(struct ledger *ledger)
{
    ledger_durable(ledger, ledger_head(ledger));
}

/* One from the first event, one read in the middle, and replayed from there. */
static void reading_is_replaying(void **state)
{
    struct rentbus_buffer bytes = {0};

    (void)state;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        uint64_t random = seed;
        struct world *world = world_create();
        struct ledger *read;
        uint64_t middle;

        ledger_random_commands(&random, world, ledger_random_below(&random, 400));
        middle = ledger_head(world->ledger);
        make_durable(world->ledger);
        if (seed % 2)
            ledger_archived(world->ledger, ledger_random_below(&random, 2 + (unsigned)middle));
        write_ledger(world->ledger, &bytes);
        read = read_ledger(&bytes);
        must_be_same(world->ledger, read);
        ledger_random_commands(&random, world, 200);
        assert_int_equal(world_replay(world, middle + 1, ledger_head(world->ledger), read), 0);
        ledger_rollback(read);
        write_ledger(read, &bytes);
        assert_int_equal(world_replay(world, middle + 1, ledger_head(world->ledger), read), 0);
        make_durable(read);
        make_durable(world->ledger);
        ledger_archived(read, middle);
        ledger_archived(world->ledger, middle);
        must_be_same(world->ledger, read);
        ledger_destroy(&read);
        world_destroy(&world);
    }
    rentbus_buffer_release(&bytes);
}

static void equal_ledgers_give_equal_bytes(void **state)
{
    uint64_t random = 9;
    struct world *world = world_create();
    struct ledger *again = ledger_create();

    (void)state;
    ledger_random_commands(&random, world, 1000);
    assert_int_equal(world_replay(world, 1, ledger_head(world->ledger), again), 0);
    make_durable(world->ledger);
    make_durable(again);
    must_be_same(world->ledger, again);
    ledger_destroy(&again);
    world_destroy(&world);
}

static void an_empty_ledger_is_read(void **state)
{
    struct rentbus_buffer bytes = {0};
    struct ledger *empty = ledger_create();
    struct ledger *read;

    (void)state;
    write_ledger(empty, &bytes);
    read = read_ledger(&bytes);
    must_be_same(empty, read);
    ledger_destroy(&empty);
    ledger_destroy(&read);
    rentbus_buffer_release(&bytes);
}

static void what_is_not_durable_is_not_written(void **state)
{
    struct world *world = world_create();
    struct rentbus_buffer bytes = {0};

    (void)state;
    world_user(world, "ann");
    assert_int_equal(ledger_snapshot_write(world->ledger, append, &bytes), -EBUSY);
    assert_int_equal(bytes.length, 0);
    world_destroy(&world);
}

static int refuse(void *context, const void *data, size_t size)
{
    (void)data;
    (void)size;
    return *(int *)context;
}

static int refuse_to_give(void *context, void *data, size_t size, size_t *got)
{
    (void)data;
    (void)size;
    *got = 0;
    return *(int *)context;
}

static void what_the_other_side_says_is_returned(void **state)
{
    uint64_t random = 4;
    struct world *world = world_create();
    struct ledger *ledger = NULL;
    int error = -ENOSPC;

    (void)state;
    ledger_random_commands(&random, world, 100);
    make_durable(world->ledger);
    assert_int_equal(ledger_snapshot_write(world->ledger, refuse, &error), -ENOSPC);
    assert_int_equal(ledger_snapshot_read(refuse_to_give, &error, BYTES_MAX, &ledger), -ENOSPC);
    assert_null(ledger);
    world_destroy(&world);
}

/* Bytes of a small ledger that has everything. */
static void write_sample(struct rentbus_buffer *bytes)
{
    uint64_t random = 12;
    struct world *world = world_create();

    ledger_random_commands(&random, world, 400);
    make_durable(world->ledger);
    write_ledger(world->ledger, bytes);
    world_destroy(&world);
}

static void a_part_is_refused(void **state)
{
    struct rentbus_buffer bytes = {0};
    struct ledger *ledger = NULL;

    (void)state;
    write_sample(&bytes);
    for (size_t length = 0; length < bytes.length; length++)
        assert_int_equal(read_bytes(bytes.data, length, &ledger), -EBADMSG);
    rentbus_buffer_append(&bytes, "", 1);
    assert_int_equal(read_bytes(bytes.data, bytes.length, &ledger), -EBADMSG);
    assert_null(ledger);
    rentbus_buffer_release(&bytes);
}

/* Every thing that is out knows on which rental. */
static void must_be_sound(const struct ledger *ledger)
{
    for (size_t i = 0; i < ledger->created.count; i++) {
        const struct ledger_rental *rental = ledger->created.entries[i].rental;

        if (ledger_rental_open(rental) && !rental->state.late)
            assert_ptr_equal(rental->state.asset->rental, rental);
    }
}

/* Another ledger, or none; never one that is unsound: whatever is read can be written, listed and
 * read again. */
static void a_flipped_bit_makes_nothing_unsound(void **state)
{
    struct rentbus_buffer bytes = {0};
    struct rentbus_buffer again = {0};
    unsigned refused = 0;

    (void)state;
    write_sample(&bytes);
    for (size_t i = 0; i < bytes.length; i++) {
        struct ledger *ledger = NULL;
        struct ledger *read = NULL;
        int status;

        bytes.data[i] ^= (uint8_t)(1 << i % 8);
        status = read_bytes(bytes.data, bytes.length, &ledger);
        bytes.data[i] ^= (uint8_t)(1 << i % 8);
        refused += status != 0;
        if (status) {
            assert_true(status == -EBADMSG || status == -ENOMEM);
            continue;
        }
        must_be_sound(ledger);
        write_ledger(ledger, &again);
        read = read_ledger(&again);
        if (i % 16 == 0)
            must_be_same(ledger, read);
        ledger_destroy(&ledger);
        ledger_destroy(&read);
    }
    assert_in_range(refused, bytes.length / 10, bytes.length);
    rentbus_buffer_release(&bytes);
    rentbus_buffer_release(&again);
}

/* Whether the bytes are refused when one id in them is another one of the same length. */
static void must_stand_once(const struct rentbus_buffer *bytes, const char *id, const char *other)
{
    struct rentbus_buffer changed = {0};
    struct ledger *ledger = NULL;
    uint8_t *at;

    rentbus_buffer_append(&changed, bytes->data, bytes->length);
    at = memmem(changed.data, changed.length, id, strlen(id));
    assert_non_null(at);
    assert_non_null(memmem(changed.data, changed.length, other, strlen(other)));
    memcpy(at, other, strlen(other));
    assert_int_equal(read_bytes(changed.data, changed.length, &ledger), -EBADMSG);
    assert_null(ledger);
    rentbus_buffer_release(&changed);
}

static void an_id_stands_once(void **state)
{
    struct world *world = world_create();
    struct rentbus_buffer bytes = {0};
    char asset[16];

    (void)state;
    for (unsigned i = 10; i < 60; i++) {
        snprintf(asset, sizeof(asset), "asset%u", i);
        world_user(world, i % 2 ? "user1" : "user2");
        world_asset(world, asset, "mug");
        world_checkout(world, "user1", asset, NOW);
    }
    make_durable(world->ledger);
    write_ledger(world->ledger, &bytes);
    must_stand_once(&bytes, "\005user1", "\005user2");
    must_stand_once(&bytes, "\007asset10", "\007asset11");
    must_stand_once(&bytes, "\007asset10", "\007asset59");
    must_stand_once(&bytes, "\003r11", "\003r12");
    must_stand_once(&bytes, "\003r11", "\003r49");
    must_stand_once(&bytes, "\003r49", "\003r48");
    rentbus_buffer_release(&bytes);
    world_destroy(&world);
}

/* Numbers that promise what is not there cost no memory. */
static void a_promise_reserves_nothing(void **state)
{
    uint8_t bytes[64];
    struct ledger *ledger = NULL;

    (void)state;
    memset(bytes, 0xff, sizeof(bytes));
    for (size_t i = 4; i < sizeof(bytes); i += 5)
        bytes[i] = 0x7f;
    assert_int_equal(read_bytes(bytes, sizeof(bytes), &ledger), -EBADMSG);
    assert_null(ledger);
}

/* ---- memory ---- */

struct heap {
    unsigned left;
    size_t blocks;
};

static void *heap_resize(void *context, void *block, size_t size)
{
    struct heap *heap = context;

    if (size == 0) {
        heap->blocks -= block != NULL;
        free(block);
        return NULL;
    }
    if (heap->left == 0)
        return NULL;
    heap->left--;
    heap->blocks += block == NULL;
    return realloc(block, size);
}

static void no_memory_leaves_nothing_behind(void **state)
{
    struct heap heap = {0};
    struct ledger_memory memory = {heap_resize, &heap};
    struct rentbus_buffer bytes = {0};
    struct rentbus_buffer out = {0};
    struct ledger *ledger = NULL;
    int status = -ENOMEM;

    (void)state;
    write_sample(&bytes);
    for (unsigned left = 0; status; left++) {
        struct pieces pieces = {{bytes.data, bytes.length}, 1};

        heap.left = left;
        status = ledger_snapshot_read_in(&memory, give, &pieces, bytes.length, &ledger);
        assert_true(status == 0 || (status == -ENOMEM && heap.blocks == 0));
    }
    size_t blocks = heap.blocks;
    status = -ENOMEM;
    for (unsigned left = 0; status; left++) {
        rentbus_buffer_clear(&out);
        heap.left = left;
        status = ledger_snapshot_write(ledger, append, &out);
        assert_true(status == 0 || status == -ENOMEM);
        assert_int_equal(heap.blocks, blocks);
    }
    must_be_bytes(&bytes, &out);
    ledger_destroy(&ledger);
    assert_int_equal(heap.blocks, 0);
    rentbus_buffer_release(&bytes);
    rentbus_buffer_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading_is_replaying),
        cmocka_unit_test(equal_ledgers_give_equal_bytes),
        cmocka_unit_test(an_empty_ledger_is_read),
        cmocka_unit_test(what_is_not_durable_is_not_written),
        cmocka_unit_test(what_the_other_side_says_is_returned),
        cmocka_unit_test(a_part_is_refused),
        cmocka_unit_test(a_flipped_bit_makes_nothing_unsound),
        cmocka_unit_test(an_id_stands_once),
        cmocka_unit_test(a_promise_reserves_nothing),
        cmocka_unit_test(no_memory_leaves_nothing_behind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
