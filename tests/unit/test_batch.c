/* SPDX-License-Identifier: MPL-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/engine/batch.h"
#include "sdk/protocol/text.h"

static struct rentbus_bytes bytes_of(const char *text)
{
    return (struct rentbus_bytes){(const uint8_t *)text, strlen(text)};
}

static void assert_bytes(struct rentbus_bytes bytes, const char *expected)
{
    assert_int_equal(bytes.length, strlen(expected));
    assert_memory_equal(bytes.data, expected, bytes.length);
}

/* `type` is not one of rentbus itself; NULL: HELLO_EVENT. */
static void add_typed(struct batch *batch, uint64_t seq, const char *bytes, const char *type)
{
    const struct chain chain = {.head = {.seq = seq, .time = (int64_t)seq * 10}};
    struct ledger_event event = {.type = RENTBUS_HELLO_EVENT};
    if (type) {
        event.type = RENTBUS_EVENT_NONE;
        event.data.published.type = rentbus_text(type);
    }
    assert_int_equal(batch_reserve(batch, 1), 0);
    rentbus_buffer_append(&batch->events, bytes, strlen(bytes));
    assert_int_equal(batch_add(batch, &chain, &event), 0);
}

static void add(struct batch *batch, uint64_t seq, const char *bytes)
{
    add_typed(batch, seq, bytes, NULL);
}

static void test_events(void **state)
{
    (void)state;
    struct batch batch = {0};
    for (int use = 0; use < 3; use++) {
        add(&batch, 41, "first");
        add(&batch, 42, "");
        add(&batch, 43, "third");
        assert_int_equal(batch.first_seq, 41);
        assert_int_equal(batch.count, 3);
        assert_bytes(batch_event(&batch, 0), "first");
        assert_bytes(batch_event(&batch, 1), "");
        assert_bytes(batch_event(&batch, 2), "third");
        assert_int_equal(batch.entries[2].time, 430);
        assert_int_equal(batch.notes[1].type, RENTBUS_HELLO_EVENT);
        batch_clear(&batch);
        assert_int_equal(batch.count, 0);
    }
    batch_release(&batch);
    assert_null(batch.entries);
}

static void test_growth_keeps_what_there_is(void **state)
{
    (void)state;
    struct batch batch = {0};
    char event[16];
    for (uint64_t seq = 1; seq <= 5000; seq++) {
        snprintf(event, sizeof event, "event %u", (unsigned)seq);
        add(&batch, seq, event);
    }
    for (uint64_t seq = 1; seq <= 5000; seq++) {
        snprintf(event, sizeof event, "event %u", (unsigned)seq);
        assert_bytes(batch_event(&batch, seq - 1), event);
        assert_int_equal(batch.entries[seq - 1].time, seq * 10);
    }
    batch_release(&batch);
}

static void assert_type(const struct batch *batch, size_t index, const char *expected)
{
    assert_true(rentbus_text_equal(batch_type_text(batch, index), rentbus_text(expected)));
}

/* Those that are not of rentbus itself are kept, for as long as their events are. */
static void test_names_of_types(void **state)
{
    (void)state;
    struct batch batch = {0};
    char name[] = "bin.full";
    for (int use = 0; use < 2; use++) {
        add_typed(&batch, 1, "1", name);
        add(&batch, 2, "2");
        add_typed(&batch, 3, "3", "lost");
        batch_truncate(&batch, 2);
        add_typed(&batch, 3, "3", "counter.opened");
        name[0] = 'f'; /* what is kept is a copy */
        assert_type(&batch, 0, use ? "fin.full" : "bin.full");
        assert_type(&batch, 1, "HELLO_EVENT");
        assert_type(&batch, 2, "counter.opened");
        batch_clear(&batch);
    }
    batch_release(&batch);
}

/* Too long for any memory: nothing of it stays, and the batch goes on. */
static void test_no_memory_for_a_name(void **state)
{
    (void)state;
    struct batch batch = {0};
    const struct chain chain = {.head = {.seq = 2}};
    struct ledger_event event = {.type = RENTBUS_EVENT_NONE};
    event.data.published.type = (struct rentbus_text){"x", SIZE_MAX / 2};
    assert_int_equal(batch_reserve(&batch, 2), 0);
    add_typed(&batch, 1, "first", "bin.full");
    rentbus_buffer_append(&batch.events, "lost", 4);
    assert_int_equal(batch_add(&batch, &chain, &event), -ENOMEM);
    batch_truncate(&batch, 1);
    add_typed(&batch, 2, "second", "bin.empty");
    assert_int_equal(batch.count, 2);
    assert_bytes(batch_event(&batch, 1), "second");
    assert_type(&batch, 0, "bin.full");
    assert_type(&batch, 1, "bin.empty");
    batch_release(&batch);
}

static void chain_user(struct chain *chain, const char *id, struct batch *batch)
{
    const struct chain_origin origin = {.actor = rentbus_text("uid:1000")};
    struct ledger_event event = {.type = RENTBUS_USER_CREATED_EVENT, .subject = rentbus_text(id)};
    RENTBUS_SET(&event.data.user, user, id, rentbus_text(id));
    assert_int_equal(batch_reserve(batch, 1), 0);
    assert_int_equal(chain_append(chain, &origin, &event, 5, &batch->events), 0);
    assert_int_equal(batch_add(batch, chain, &event), 0);
}

/* Each event has the hash that follows from the one before it, also where some were taken back. */
static void test_sealed(void **state)
{
    (void)state;
    struct batch batch = {0};
    struct chain chain;
    struct journal_head head = {.seq = 7, .time = 1, .hash = "of the event before the first"};
    struct rentbus_event event;
    struct rentbus_fault fault;
    chain_init(&chain, "north", &head);
    chain_user(&chain, "ada", &batch);
    struct chain_head before = chain.head;
    chain_user(&chain, "taken back", &batch);
    batch_truncate(&batch, 1);
    chain.head = before;
    chain_user(&chain, "bob, whose id is longer", &batch);
    batch_seal(&batch, head.hash, 1);
    assert_int_equal(batch.sealed, 1);
    chain_user(&chain, "taken back too", &batch);
    batch_truncate(&batch, 2);
    chain.head.seq--;
    batch_seal(&batch, head.hash, 0);
    assert_int_equal(batch.sealed, 1);
    chain_user(&chain, "eve", &batch);
    batch_seal(&batch, head.hash, 5);
    assert_int_equal(batch.sealed, 3);
    for (size_t i = 0; i < 3; i++) {
        struct rentbus_bytes bytes = batch_event(&batch, i);
        assert_int_equal(chain_hash(head.hash, bytes, head.hash), 0);
        assert_int_equal(
            rentbus_decode(&rentbus_event_schema, bytes, RENTBUS_STRICT, &event, &fault), 0);
        assert_int_equal(event.seq, 8 + i);
        assert_memory_equal(event.hash.data, head.hash, RENTBUS_HASH_SIZE);
    }
    batch_release(&batch);
}

static struct waiting waiting_of(unsigned number, char text[32])
{
    struct waiting waiting = {.kind = number % 3 ? WAITING_REPLY : WAITING_REQUEST};
    snprintf(text, 32, "%u", number);
    memcpy(waiting.id.bytes, &number, sizeof number);
    waiting.route = bytes_of(text);
    waiting.actor = number % 2 ? bytes_of("") : bytes_of("uid:1000");
    waiting.body = number % 5 ? bytes_of("body") : bytes_of("");
    return waiting;
}

static void test_waiting_in_order(void **state)
{
    (void)state;
    struct batch batch = {0};
    struct waiting waiting;
    char text[32];
    size_t position = 0;
    assert_false(batch_next_waiting(&batch, &position, &waiting));
    for (unsigned number = 0; number < 3000; number++) {
        struct waiting given = waiting_of(number, text);
        assert_int_equal(batch_wait(&batch, &given), 0);
    }
    memset(text, 'x', sizeof text); /* what is kept is a copy */
    assert_int_equal(batch.waiting_count, 3000);
    for (unsigned number = 0; number < 3000; number++) {
        struct waiting expected = waiting_of(number, text);
        assert_true(batch_next_waiting(&batch, &position, &waiting));
        assert_int_equal(waiting.kind, expected.kind);
        assert_memory_equal(&waiting.id, &expected.id, sizeof waiting.id);
        assert_bytes(waiting.route, (const char *)expected.route.data);
        assert_bytes(waiting.actor, (const char *)expected.actor.data);
        assert_bytes(waiting.body, (const char *)expected.body.data);
    }
    assert_false(batch_next_waiting(&batch, &position, &waiting));
    batch_release(&batch);
}

/* Too large for any memory: nothing of it stays, and the batch goes on. */
static void test_no_memory_for_a_waiting_one(void **state)
{
    (void)state;
    struct batch batch = {0};
    struct waiting waiting;
    char text[32];
    size_t position = 0;
    struct waiting given = waiting_of(1, text);
    struct waiting endless = given;
    endless.body = (struct rentbus_bytes){(const uint8_t *)text, SIZE_MAX / 2};
    assert_int_equal(batch_wait(&batch, &given), 0);
    assert_int_equal(batch_wait(&batch, &endless), -ENOMEM);
    assert_int_equal(batch.waiting_count, 1);
    assert_int_equal(batch_wait(&batch, &given), 0);
    for (int i = 0; i < 2; i++) {
        assert_true(batch_next_waiting(&batch, &position, &waiting));
        assert_bytes(waiting.body, "body");
    }
    assert_false(batch_next_waiting(&batch, &position, &waiting));
    batch_release(&batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_growth_keeps_what_there_is),
        cmocka_unit_test(test_names_of_types),
        cmocka_unit_test(test_no_memory_for_a_name),
        cmocka_unit_test(test_sealed),
        cmocka_unit_test(test_waiting_in_order),
        cmocka_unit_test(test_no_memory_for_a_waiting_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
