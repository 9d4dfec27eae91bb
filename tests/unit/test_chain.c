/* SPDX-License-Identifier: MPL-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "daemon/engine/chain.h"
#include "sdk/protocol/cbor.h"
#include "sdk/protocol/text.h"

static struct ledger_event user_event(const char *id)
{
    struct ledger_event event = {.type = RENTBUS_USER_CREATED_EVENT, .subject = rentbus_text(id)};
    RENTBUS_SET(&event.data.user, user, id, rentbus_text(id));
    return event;
}

static struct chain_origin origin_of(uint8_t command)
{
    struct chain_origin origin = {.actor = rentbus_text("uid:1000")};
    origin.has_command = command != 0;
    memset(&origin.command, command, sizeof origin.command);
    return origin;
}

static struct chain new_chain(void)
{
    struct chain chain;
    const struct journal_head start = {0};
    chain_init(&chain, "north", &start);
    return chain;
}

static void append(struct chain *chain, const char *id, int64_t now, struct rentbus_buffer *out)
{
    struct ledger_event event = user_event(id);
    struct chain_origin origin = origin_of(9);
    assert_int_equal(chain_append(chain, &origin, &event, now, out), 0);
}

/* Seals the one event of `out`, and leaves its hash in `hash`. */
static void seal(const struct chain *chain, uint8_t hash[RENTBUS_HASH_SIZE],
                 struct rentbus_buffer *out)
{
    chain_seal(hash, out->data, out->length, chain->hash_pair);
}

static struct rentbus_event decode(struct rentbus_bytes bytes)
{
    struct rentbus_event event;
    struct rentbus_fault fault;
    assert_int_equal(rentbus_cbor_check(bytes, &rentbus_request_limits), RENTBUS_CBOR_OK);
    assert_int_equal(rentbus_decode(&rentbus_event_schema, bytes, RENTBUS_STRICT, &event, &fault),
                     0);
    return event;
}

static void assert_text(struct rentbus_text text, const char *expected)
{
    assert_true(rentbus_text_equal(text, rentbus_text(expected)));
}

static void test_envelope(void **state)
{
    (void)state;
    struct chain chain = new_chain();
    struct rentbus_buffer out = {0};
    append(&chain, "ada", 1000000, &out);
    struct rentbus_event event = decode((struct rentbus_bytes){out.data, out.length});
    assert_text(event.id, "north-1");
    assert_text(event.source, "/rentbus/north");
    assert_text(event.specversion, "1.0");
    assert_text(event.type, "USER_CREATED_EVENT");
    assert_text(event.subject, "ada");
    assert_text(event.actor, "uid:1000");
    assert_int_equal(event.seq, 1);
    assert_int_equal(event.time, 1000000);
    assert_int_equal(event.command.bytes[15], 9);
    assert_false(RENTBUS_HAS(&event, event, traceparent));
    assert_int_equal(chain.head.seq, 1);
    assert_int_equal(chain.head.time, 1000000);
    rentbus_buffer_release(&out);
}

/* The bytes are those that the codec writes of the decoded event, and the hash is that of the bytes
 * which it writes without one. */
static void test_bytes_and_hash(void **state)
{
    (void)state;
    struct chain chain = new_chain();
    struct rentbus_buffer out = {0};
    struct rentbus_buffer again = {0};
    uint8_t previous[RENTBUS_HASH_SIZE] = {0};
    uint8_t sealed[RENTBUS_HASH_SIZE] = {0};
    for (int i = 0; i < 3; i++) {
        uint8_t hash[RENTBUS_HASH_SIZE];
        rentbus_buffer_clear(&out);
        rentbus_buffer_clear(&again);
        append(&chain, "ada", i, &out);
        seal(&chain, sealed, &out);
        struct rentbus_bytes bytes = {out.data, out.length};
        struct rentbus_event event = decode(bytes);
        rentbus_encode(&rentbus_event_schema, &event, &again);
        assert_int_equal(again.length, out.length);
        assert_memory_equal(again.data, out.data, out.length);
        assert_memory_equal(event.hash.data, sealed, sizeof sealed);

        rentbus_buffer_clear(&again);
        rentbus_buffer_append(&again, previous, sizeof previous);
        event.has &= ~RENTBUS_BIT(event, hash);
        rentbus_encode(&rentbus_event_schema, &event, &again);
        crypto_generichash(hash, sizeof hash, again.data, again.length, NULL, 0);
        assert_memory_equal(hash, sealed, sizeof hash);
        assert_int_equal(chain_hash(previous, bytes, hash), 0);
        assert_memory_equal(hash, sealed, sizeof hash);
        memcpy(previous, hash, sizeof hash);
    }
    rentbus_buffer_release(&out);
    rentbus_buffer_release(&again);
}

static void test_optional_members(void **state)
{
    (void)state;
    struct chain chain = new_chain();
    struct rentbus_buffer out = {0};
    struct ledger_event event = user_event("ada");
    struct chain_origin origin = origin_of(0);
    event.subject = (struct rentbus_text){0};
    origin.traceparent = rentbus_text("00-trace");
    assert_int_equal(chain_append(&chain, &origin, &event, 5, &out), 0);
    struct rentbus_event read = decode((struct rentbus_bytes){out.data, out.length});
    assert_false(RENTBUS_HAS(&read, event, command));
    assert_false(RENTBUS_HAS(&read, event, subject));
    assert_text(read.traceparent, "00-trace");
    rentbus_buffer_release(&out);
}

static void test_time_never_goes_back(void **state)
{
    (void)state;
    struct chain chain = new_chain();
    struct rentbus_buffer out = {0};
    const int64_t nows[] = {50, 20, 50, 60, -1};
    const int64_t times[] = {50, 50, 50, 60, 60};
    for (size_t i = 0; i < sizeof nows / sizeof *nows; i++) {
        rentbus_buffer_clear(&out);
        append(&chain, "ada", nows[i], &out);
        assert_int_equal(decode((struct rentbus_bytes){out.data, out.length}).time, times[i]);
    }
    rentbus_buffer_release(&out);
}

static void test_out_of_memory_moves_nothing(void **state)
{
    (void)state;
    struct chain chain = new_chain();
    struct rentbus_buffer out = {0};
    append(&chain, "ada", 1, &out);
    struct chain before = chain;
    size_t length = out.length;
    struct ledger_event event = user_event("bob");
    struct chain_origin origin = origin_of(1);
    out.failed = true;
    assert_int_equal(chain_append(&chain, &origin, &event, 2, &out), -ENOMEM);
    assert_memory_equal(&chain, &before, sizeof chain);
    assert_int_equal(out.length, length);
    assert_false(out.failed);
    append(&chain, "bob", 2, &out);
    assert_int_equal(chain.head.seq, 2);
    rentbus_buffer_release(&out);
}

/* One changed bit anywhere in an event, and it has another hash or is none. */
static void test_every_bit_counts(void **state)
{
    (void)state;
    struct chain chain = new_chain();
    struct rentbus_buffer out = {0};
    const uint8_t previous[RENTBUS_HASH_SIZE] = {0};
    uint8_t sealed[RENTBUS_HASH_SIZE] = {0};
    append(&chain, "ada", 1, &out);
    seal(&chain, sealed, &out);
    for (size_t bit = 0; bit < out.length * 8; bit++) {
        uint8_t hash[RENTBUS_HASH_SIZE];
        struct rentbus_bytes bytes = {out.data, out.length};
        out.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        bool well_formed = rentbus_cbor_check(bytes, &rentbus_request_limits) == RENTBUS_CBOR_OK;
        struct rentbus_event event;
        struct rentbus_fault fault;
        if (well_formed && chain_hash(previous, bytes, hash) == 0 &&
            rentbus_decode(&rentbus_event_schema, bytes, RENTBUS_LENIENT, &event, &fault) == 0)
            assert_memory_not_equal(hash, event.hash.data, sizeof hash);
        out.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    rentbus_buffer_release(&out);
}

static void test_what_is_no_event(void **state)
{
    (void)state;
    static const uint8_t bytes[][8] = {{0x01}, {0xa0}, {0xa1, 0x61, 'a', 0x01}, {0x80}};
    static const size_t lengths[] = {1, 1, 4, 1};
    static const uint8_t short_hash[] = "\xa1\x64hash\x41x";
    const uint8_t previous[RENTBUS_HASH_SIZE] = {0};
    uint8_t hash[RENTBUS_HASH_SIZE];
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(chain_hash(previous, (struct rentbus_bytes){bytes[i], lengths[i]}, hash),
                         -EBADMSG);
    struct rentbus_bytes item = {short_hash, sizeof short_hash - 1};
    assert_int_equal(chain_hash(previous, item, hash), -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_envelope),
        cmocka_unit_test(test_bytes_and_hash),
        cmocka_unit_test(test_optional_members),
        cmocka_unit_test(test_time_never_goes_back),
        cmocka_unit_test(test_out_of_memory_moves_nothing),
        cmocka_unit_test(test_every_bit_counts),
        cmocka_unit_test(test_what_is_no_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
