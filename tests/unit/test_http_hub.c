/* SPDX-License-Identifier: MPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bridge-http/hub.h"

#define MANY (10 * HTTP_WAKE_SLICE)
#define SLICE_MS ((int)(HTTP_WAKE_SLICE / HTTP_WAKE_PER_MS))

static struct http_hub hub;
static struct http_stream streams[MANY];
static size_t resumed;

/* In place of libmicrohttpd's: there are no connections here. */
void MHD_resume_connection(struct MHD_Connection *connection)
{
    (void)connection;
    resumed++;
}

/* Streams that have all been written what there is, after a rest. */
static void begin(size_t count)
{
    hub = (struct http_hub){.now_ms = 1000000};
    http_ring_start(&hub.ring, 1);
    for (size_t i = 0; i < count; i++) {
        streams[i] = (struct http_stream){.hub = &hub, .next_seq = 1, .suspended = true};
        http_hub_add(&hub, &streams[i]);
    }
    resumed = 0;
    assert_int_equal(hub.stream_count, count);
}

static void end(void)
{
    http_ring_release(&hub.ring);
}

static void event_comes(void)
{
    struct http_chunk *chunk = http_chunk_bytes("event", 5);
    assert_non_null(chunk);
    http_ring_push(&hub.ring, hub.ring.next, chunk);
    hub.waking = true;
}

/* Those that were resumed have been written everything. */
static void all_is_written(void)
{
    for (struct http_stream *stream = hub.first; stream; stream = stream->next) {
        if (stream->suspended)
            continue;
        stream->suspended = true;
        stream->next_seq = hub.ring.next;
    }
}

static void expect_woken(int next_ms, size_t count)
{
    resumed = 0;
    assert_int_equal(http_hub_wake(&hub), next_ms);
    assert_int_equal(resumed, count);
    all_is_written();
}

static void nothing_wakes_them_without_events(void **state)
{
    (void)state;
    begin(10);
    expect_woken(-1, 0);
    hub.now_ms += 1000;
    expect_woken(-1, 0);
    end();
}

static void few_are_woken_at_once(void **state)
{
    (void)state;
    begin(10);
    for (int i = 0; i < 10; i++) {
        event_comes();
        expect_woken(0, 10);
    }
    expect_woken(-1, 0);
    end();
}

static void many_have_their_turns_at_once_after_a_rest(void **state)
{
    (void)state;
    begin(MANY);
    event_comes();
    for (size_t i = 1; i < MANY / HTTP_WAKE_SLICE; i++)
        expect_woken(0, HTTP_WAKE_SLICE);
    expect_woken(0, HTTP_WAKE_SLICE);
    expect_woken(-1, 0);
    end();
}

static void many_have_their_turns_in_time(void **state)
{
    (void)state;
    begin(MANY);
    hub.earned_ms = hub.now_ms;
    event_comes();
    expect_woken(SLICE_MS, 0);
    hub.now_ms += SLICE_MS - 1;
    expect_woken(1, 0);
    hub.now_ms++;
    for (size_t i = 1; i < MANY / HTTP_WAKE_SLICE; i++) {
        expect_woken(0, HTTP_WAKE_SLICE);
        expect_woken(SLICE_MS, 0);
        hub.now_ms += SLICE_MS;
    }
    expect_woken(0, HTTP_WAKE_SLICE);
    expect_woken(-1, 0);
    end();
}

static void what_comes_meanwhile_is_for_all(void **state)
{
    (void)state;
    begin(2 * HTTP_WAKE_SLICE);
    event_comes();
    expect_woken(0, HTTP_WAKE_SLICE);
    event_comes();
    /* These have both events now, and the others one of them. */
    expect_woken(0, HTTP_WAKE_SLICE);
    hub.now_ms += 1000;
    expect_woken(0, HTTP_WAKE_SLICE);
    expect_woken(-1, 0);
    for (size_t i = 0; i < 2 * HTTP_WAKE_SLICE; i++)
        assert_int_equal(streams[i].next_seq, hub.ring.next);
    end();
}

static void a_turn_passes_to_the_next_when_its_stream_goes(void **state)
{
    (void)state;
    begin(HTTP_WAKE_SLICE + 2);
    event_comes();
    expect_woken(0, HTTP_WAKE_SLICE);
    assert_ptr_equal(hub.turn, &streams[HTTP_WAKE_SLICE]);
    http_hub_remove(&hub, &streams[HTTP_WAKE_SLICE]);
    expect_woken(0, 1);
    assert_int_equal(streams[HTTP_WAKE_SLICE + 1].next_seq, hub.ring.next);
    end();
}

static void who_wants_nothing_of_it_sleeps_on(void **state)
{
    (void)state;
    begin(10);
    for (size_t i = 0; i < 5; i++)
        streams[i].paging = true;
    event_comes();
    expect_woken(0, 5);
    expect_woken(-1, 0);
    end();
}

static void the_silent_get_a_heartbeat(void **state)
{
    (void)state;
    begin(10);
    hub.ending = true; /* so that it opens no subscriber */
    hub.now_ms += HTTP_HEARTBEAT_MS - 1;
    streams[3].written_ms = hub.now_ms;
    assert_int_equal(http_hub_tick(&hub), 0);
    assert_int_equal(resumed, 0);
    hub.now_ms++;
    assert_int_equal(http_hub_tick(&hub), 0);
    assert_int_equal(resumed, 9);
    assert_true(streams[2].beat);
    assert_false(streams[3].beat);
    assert_int_equal(http_hub_tick(&hub), 0);
    assert_int_equal(resumed, 9);
    end();
}

static void the_list_is_empty_when_all_have_gone(void **state)
{
    (void)state;
    begin(3);
    http_hub_remove(&hub, &streams[1]);
    http_hub_remove(&hub, &streams[2]);
    http_hub_remove(&hub, &streams[0]);
    assert_int_equal(hub.stream_count, 0);
    assert_null(hub.first);
    assert_null(hub.last);
    event_comes();
    expect_woken(-1, 0);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_wakes_them_without_events),
        cmocka_unit_test(few_are_woken_at_once),
        cmocka_unit_test(many_have_their_turns_at_once_after_a_rest),
        cmocka_unit_test(many_have_their_turns_in_time),
        cmocka_unit_test(what_comes_meanwhile_is_for_all),
        cmocka_unit_test(a_turn_passes_to_the_next_when_its_stream_goes),
        cmocka_unit_test(who_wants_nothing_of_it_sleeps_on),
        cmocka_unit_test(the_silent_get_a_heartbeat),
        cmocka_unit_test(the_list_is_empty_when_all_have_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
