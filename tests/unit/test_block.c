/* SPDX-License-Identifier: MPL-2.0 */
/* Damage to a block is found wherever it is, whichever checksum the block has. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/journal/block.h"
#include "tests/unit/journal_fixture.h"

#define FIRST_SEQ 200

struct block_case {
    sqlite3 *db;
    sqlite3_stmt *row; /* of parameters, so that block_read() reads what is bound */
    struct rentbus_buffer events;
    struct block block;
    int64_t sum;
};

static int read_block(struct block_case *is)
{
    struct block read = {0};

    sqlite3_reset(is->row);
    sqlite3_bind_int64(is->row, 1, (sqlite3_int64)is->block.first_seq);
    sqlite3_bind_int64(is->row, 2, (sqlite3_int64)is->block.count);
    sqlite3_bind_int64(is->row, 3, is->block.time);
    sqlite3_bind_int64(is->row, 4, is->sum);
    assert_int_equal(sqlite_bind_bytes(is->row, 5, is->block.events), 0);
    assert_int_equal(sqlite3_step(is->row), SQLITE_ROW);
    int r = block_read(is->row, &read);
    if (r == 0) {
        assert_int_equal(read.first_seq, is->block.first_seq);
        assert_int_equal(read.count, is->block.count);
        assert_int_equal(read.time, is->block.time);
        assert_int_equal(read.events.length, is->block.events.length);
    }
    return r;
}

static void begin(struct block_case *is, size_t count, int64_t (*sum)(const struct block *))
{
    memset(is, 0, sizeof(*is));
    assert_int_equal(sqlite3_open(":memory:", &is->db), SQLITE_OK);
    assert_int_equal(sqlite_prepare(is->db, "SELECT ?1, ?2, ?3, ?4, ?5", &is->row), 0);
    for (size_t i = 0; i < count; i++)
        journal_fixture_event(FIRST_SEQ + i, &is->events);
    is->block = (struct block){
        .first_seq = FIRST_SEQ,
        .count = count,
        .time = journal_fixture_time(FIRST_SEQ + count - 1),
        .events = {is->events.data, is->events.length},
    };
    is->sum = sum(&is->block);
    assert_int_equal(read_block(is), 0);
}

static void end(struct block_case *is)
{
    assert_int_equal(read_block(is), 0);
    sqlite_finalize(&is->row);
    sqlite_close(&is->db);
    rentbus_buffer_release(&is->events);
}

static void expect_damage(struct block_case *is, const char *what, size_t at)
{
    if (read_block(is) != -EBADMSG)
        fail_msg("%s %zu of a block of %zu events", what, at, is->block.count);
}

/* Changes one bit in each byte, or in some of them. */
static void damage_bytes(struct block_case *is, size_t step)
{
    for (size_t i = 0; i < is->events.length; i += step) {
        uint8_t bit = (uint8_t)(1u << (i % 8));
        is->events.data[i] ^= bit;
        expect_damage(is, "byte", i);
        is->events.data[i] ^= bit;
    }
    is->events.data[is->events.length - 1] ^= 0x80;
    expect_damage(is, "byte", is->events.length - 1);
    is->events.data[is->events.length - 1] ^= 0x80;
}

/* Two pieces of a size in each other's place, as when sectors go astray. */
static void damage_order(struct block_case *is, size_t size)
{
    for (size_t i = 0; i + 2 * size <= is->events.length; i += 2 * size) {
        uint8_t *one = is->events.data + i;
        uint8_t *other = is->events.data + is->events.length - size;
        uint8_t kept[4096];
        assert_true(size <= sizeof(kept));
        if (one + size > other || memcmp(one, other, size) == 0)
            break;
        memcpy(kept, one, size);
        memcpy(one, other, size);
        memcpy(other, kept, size);
        expect_damage(is, "order", i);
        memcpy(other, one, size);
        memcpy(one, kept, size);
        if (size >= 512)
            break;
    }
}

static void damage_frame(struct block_case *is)
{
    struct block whole = is->block;
    int64_t sum = is->sum;

    for (int i = 0; i < 64; i++) {
        is->sum = (int64_t)((uint64_t)sum ^ UINT64_C(1) << i);
        expect_damage(is, "sum", (size_t)i);
    }
    is->sum = sum;
    for (int i = 0; i < 62; i++) {
        is->block.first_seq = whole.first_seq ^ UINT64_C(1) << i;
        expect_damage(is, "seq", (size_t)i);
        is->block.first_seq = whole.first_seq;
        is->block.time = whole.time ^ INT64_C(1) << i;
        expect_damage(is, "time", (size_t)i);
        is->block.time = whole.time;
    }
    is->block.events.length--;
    expect_damage(is, "end", 1);
    is->block.events.length++;
    is->block.events.data++;
    is->block.events.length--;
    expect_damage(is, "start", 1);
    is->block = whole;
}

static void find_damage(int64_t (*sum)(const struct block *))
{
    struct block_case is;

    begin(&is, 1, sum);
    damage_bytes(&is, 1);
    damage_frame(&is);
    damage_order(&is, 8);
    end(&is);
    begin(&is, JOURNAL_BLOCK_EVENTS, sum);
    damage_bytes(&is, 509);
    damage_frame(&is);
    damage_order(&is, 64);
    damage_order(&is, 4096);
    end(&is);
}

static void test_finds_damage(void **state)
{
    (void)state;
    find_damage(block_sum);
}

static void test_finds_damage_of_the_old_format(void **state)
{
    (void)state;
    find_damage(journal_fixture_old_sum);
}

/* Journals are read for ever: the checksum of a block does not change with the machine or with what
 * computes it. */
static void test_checksum_is_the_same_for_ever(void **state)
{
    const struct block block = {.first_seq = 7,
                                .count = 1,
                                .time = INT64_C(1739185200000000),
                                .events = {(const uint8_t *)"mug", 3}};

    (void)state;
    assert_int_equal(block_sum(&block), 0x804bf058efb03ff8);
    assert_int_equal(journal_fixture_old_sum(&block), 0x5869b4d82e440f84);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds_damage),
        cmocka_unit_test(test_finds_damage_of_the_old_format),
        cmocka_unit_test(test_checksum_is_the_same_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
