/* SPDX-License-Identifier: MPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bridge-http/ring.h"

static const uint8_t data_cbor[] = {0xa1, 0x61, 'a', 0x62, 'x', '\n'}; /* {"a": "x\n"} */
static const uint8_t hash[RENTBUS_HASH_SIZE];

static struct rentbus_event event_make(uint64_t seq, const char *type)
{
    struct rentbus_event event = {0};
    RENTBUS_SET(&event, event, id, rentbus_text("main-1"));
    RENTBUS_SET(&event, event, seq, seq);
    RENTBUS_SET(&event, event, data, ((struct rentbus_bytes){data_cbor, sizeof(data_cbor)}));
    RENTBUS_SET(&event, event, hash, ((struct rentbus_bytes){hash, sizeof(hash)}));
    RENTBUS_SET(&event, event, time, 0);
    RENTBUS_SET(&event, event, type, rentbus_text(type));
    RENTBUS_SET(&event, event, actor, rentbus_text("a"));
    RENTBUS_SET(&event, event, source, rentbus_text("/rentbus/main"));
    RENTBUS_SET(&event, event, specversion, rentbus_text("1.0"));
    return event;
}

static void an_event_is_three_lines_and_an_empty_one(void **state)
{
    struct rentbus_event event = event_make(42, "X_EVENT");
    struct http_chunk *chunk = http_chunk_event(&event);
    static const char head[] = "id: 42\nevent: X_EVENT\ndata: {";
    (void)state;
    assert_non_null(chunk);
    assert_memory_equal(chunk->data, head, strlen(head));
    assert_memory_equal(chunk->data + chunk->length - 3, "}\n\n", 3);
    assert_true(rentbus_text_equal(chunk->type, rentbus_text("X_EVENT")));
    size_t lines = 0;
    for (size_t i = 0; i < chunk->length; i++)
        lines += chunk->data[i] == '\n';
    assert_int_equal(lines, 4);
    http_chunk_drop(&chunk);
    assert_null(chunk);
}

static void a_type_with_a_line_break_forges_no_field(void **state)
{
    struct rentbus_event event = event_make(1, "X\nid: 7");
    struct http_chunk *chunk = http_chunk_event(&event);
    static const char head[] = "id: 1\ndata: {";
    (void)state;
    assert_memory_equal(chunk->data, head, strlen(head));
    http_chunk_drop(&chunk);
}

static void a_page_has_a_limit(void **state)
{
    struct rentbus_event event = event_make(1, "X");
    struct http_buffer buffer = {0};
    (void)state;
    assert_int_equal(http_sse_append(&buffer, &event, 100000), 0);
    assert_int_equal(http_sse_append(&buffer, &event, buffer.length + 10), -EFBIG);
    http_buffer_release(&buffer);
}

/* ---- the ring ---- */

static struct http_chunk *bytes_make(size_t length)
{
    char *bytes = calloc(1, length);
    assert_non_null(bytes);
    struct http_chunk *chunk = http_chunk_bytes(bytes, length);
    free(bytes);
    assert_non_null(chunk);
    return chunk;
}

static struct http_ring *ring_make(uint64_t next)
{
    struct http_ring *ring = calloc(1, sizeof(*ring));
    assert_non_null(ring);
    http_ring_start(ring, next);
    return ring;
}

static void ring_free(struct http_ring *ring)
{
    http_ring_release(ring);
    free(ring);
}

static void the_oldest_make_room(void **state)
{
    struct http_ring *ring = ring_make(10);
    (void)state;
    assert_null(http_ring_get(ring, 10));
    for (uint64_t seq = 10; seq < 10 + HTTP_RING_EVENTS + 5; seq++)
        http_ring_push(ring, seq, bytes_make(1));
    assert_int_equal(ring->first, 15);
    assert_null(http_ring_get(ring, 14));
    assert_non_null(http_ring_get(ring, 15));
    assert_non_null(http_ring_get(ring, ring->next - 1));
    assert_null(http_ring_get(ring, ring->next));
    assert_int_equal(ring->bytes, HTTP_RING_EVENTS);
    ring_free(ring);
}

static void bytes_are_bounded(void **state)
{
    struct http_ring *ring = ring_make(1);
    (void)state;
    for (uint64_t seq = 1; seq <= 20; seq++) {
        http_ring_push(ring, seq, bytes_make((size_t)1 << 20));
        assert_true(ring->bytes <= HTTP_RING_BYTES);
    }
    assert_int_equal(ring->next - ring->first, 4);
    http_ring_push(ring, 21, bytes_make(HTTP_RING_BYTES + 1));
    assert_int_equal(ring->next - ring->first, 1);
    ring_free(ring);
}

static void a_gap_starts_it_anew(void **state)
{
    struct http_ring *ring = ring_make(1);
    (void)state;
    http_ring_push(ring, 1, bytes_make(1));
    http_ring_push(ring, 5, bytes_make(1));
    assert_null(http_ring_get(ring, 1));
    assert_int_equal(ring->first, 5);
    assert_int_equal(ring->next, 6);
    ring_free(ring);
}

static void a_held_chunk_outlives_the_ring(void **state)
{
    struct http_ring *ring = ring_make(1);
    (void)state;
    http_ring_push(ring, 1, bytes_make(3));
    struct http_chunk *chunk = http_chunk_hold(http_ring_get(ring, 1));
    ring_free(ring);
    assert_int_equal(chunk->length, 3);
    assert_int_equal(chunk->holders, 1);
    http_chunk_drop(&chunk);
    http_chunk_drop(&chunk);
}

static void expect_taken(struct http_ring *ring, uint64_t seq, uint64_t next, size_t length)
{
    struct http_chunk *chunk = http_ring_take(ring, &seq);
    assert_non_null(chunk);
    assert_int_equal(chunk->length, length);
    assert_int_equal(seq, next);
    http_chunk_drop(&chunk);
}

static void events_are_taken_together(void **state)
{
    struct http_ring *ring = ring_make(1);
    uint64_t seq = 1;
    (void)state;
    assert_null(http_ring_take(ring, &seq));
    for (uint64_t i = 1; i <= 3; i++)
        http_ring_push(ring, i, http_chunk_bytes("one two three", 4 * (size_t)i));
    struct http_chunk *chunk = http_ring_take(ring, &seq);
    assert_int_equal(seq, 4);
    assert_int_equal(chunk->length, 24);
    assert_memory_equal(chunk->data, "one one two one two thre", 24);
    seq = 1;
    struct http_chunk *again = http_ring_take(ring, &seq);
    assert_ptr_equal(again, chunk);
    http_chunk_drop(&again);
    expect_taken(ring, 2, 4, 20);
    expect_taken(ring, 1, 4, 24);
    /* What is held stays as it was. */
    http_ring_push(ring, 4, bytes_make(1));
    expect_taken(ring, 1, 5, 25);
    assert_int_equal(chunk->length, 24);
    assert_int_equal(chunk->holders, 1);
    http_chunk_drop(&chunk);
    ring_free(ring);
}

static void what_is_taken_together_has_a_limit(void **state)
{
    struct http_ring *ring = ring_make(1);
    (void)state;
    http_ring_push(ring, 1, bytes_make(HTTP_RING_JOIN_BYTES + 1));
    http_ring_push(ring, 2, bytes_make(HTTP_RING_JOIN_BYTES - 1));
    http_ring_push(ring, 3, bytes_make(1));
    http_ring_push(ring, 4, bytes_make(1));
    expect_taken(ring, 1, 2, HTTP_RING_JOIN_BYTES + 1);
    expect_taken(ring, 2, 4, HTTP_RING_JOIN_BYTES);
    expect_taken(ring, 4, 5, 1);
    http_ring_start(ring, 3);
    http_ring_push(ring, 3, bytes_make(2));
    expect_taken(ring, 3, 4, 2);
    ring_free(ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_is_three_lines_and_an_empty_one),
        cmocka_unit_test(a_type_with_a_line_break_forges_no_field),
        cmocka_unit_test(a_page_has_a_limit),
        cmocka_unit_test(the_oldest_make_room),
        cmocka_unit_test(bytes_are_bounded),
        cmocka_unit_test(a_gap_starts_it_anew),
        cmocka_unit_test(a_held_chunk_outlives_the_ring),
        cmocka_unit_test(events_are_taken_together),
        cmocka_unit_test(what_is_taken_together_has_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
