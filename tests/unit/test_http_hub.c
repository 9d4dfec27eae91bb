/* SPDX-License-Identifier: MPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "bridge-http/hub.h"

#define MANY (10 * HTTP_WAKE_SLICE)
#define SLICE_MS ((int)(HTTP_WAKE_SLICE / HTTP_WAKE_PER_MS))

static struct http_hub hub;
static struct http_stream streams[MANY];
static size_t resumed;
static size_t suspended;
static MHD_ContentReaderCallback reader;
static MHD_ContentReaderFreeCallback reader_free;
static struct http_stream *reading;

/* In place of libmicrohttpd's: there are no connections here. */
void MHD_suspend_connection(struct MHD_Connection *connection)
{
    (void)connection;
    suspended++;
}

struct MHD_Response *MHD_create_response_from_callback(uint64_t size, size_t block_size,
                                                       MHD_ContentReaderCallback callback,
                                                       void *context,
                                                       MHD_ContentReaderFreeCallback release)
{
    static char response;
    (void)size;
    (void)block_size;
    reader = callback;
    reader_free = release;
    reading = context;
    return (struct MHD_Response *)&response;
}

enum MHD_Result MHD_add_response_header(struct MHD_Response *response, const char *name,
                                        const char *value)
{
    (void)response;
    (void)name;
    (void)value;
    return MHD_YES;
}

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

/* ---- what a stream is written ---- */

static void stream_begin(void)
{
    static struct http_request request;
    struct rentbus_events_read_args args = {0};
    struct rentbus_fault fault;
    begin(0);
    hub.started = true;
    hub.greeting = http_chunk_bytes("hello ", 6);
    RENTBUS_SET(&args, events_read_args, from_seq, 1);
    request = (struct http_request){.phase = HTTP_PHASE_SERVED};
    assert_int_equal(http_stream_open(&hub, &request, &args, &fault), 0);
}

static void stream_end(void)
{
    reader_free(reading);
    assert_int_equal(hub.stream_count, 0);
    http_chunk_drop(&hub.greeting);
    end();
}

static void expect_read(size_t room, const char *text)
{
    char buffer[64];
    assert_in_range(room, 1, sizeof(buffer));
    assert_int_equal(reader(reading, 0, buffer, room), strlen(text));
    assert_memory_equal(buffer, text, strlen(text));
}

/* Until it is woken; whether events wait for that. */
static void expect_suspended(bool waking)
{
    hub.waking = false;
    suspended = 0;
    expect_read(64, "");
    assert_int_equal(suspended, 1);
    assert_true(reading->suspended);
    assert_int_equal(hub.waking, waking);
}

static void what_comes_while_a_stream_is_written_has_its_next_turn(void **state)
{
    (void)state;
    stream_begin();
    expect_read(64, "hello ");
    expect_suspended(false);
    event_comes();
    event_comes();
    assert_int_equal(http_hub_wake(&hub), 0);
    expect_read(64, "eventevent");
    event_comes();
    expect_suspended(true);
    assert_int_equal(http_hub_wake(&hub), 0);
    expect_read(64, "event");
    expect_suspended(false);
    assert_int_equal(http_hub_wake(&hub), -1);
    stream_end();
}

static void a_turn_lasts_until_all_is_written(void **state)
{
    (void)state;
    stream_begin();
    expect_read(64, "hello ");
    expect_suspended(false);
    event_comes();
    event_comes();
    assert_int_equal(http_hub_wake(&hub), 0);
    expect_read(7, "eventev");
    event_comes();
    expect_read(64, "entevent");
    expect_suspended(false);
    stream_end();
}

static void one_that_is_written_to_still_ends(void **state)
{
    char byte;
    (void)state;
    stream_begin();
    event_comes();
    expect_read(64, "hello ");
    http_hub_end(&hub);
    assert_int_equal(reader(reading, 0, &byte, 1), MHD_CONTENT_READER_END_OF_STREAM);
    stream_end();
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
        cmocka_unit_test(what_comes_while_a_stream_is_written_has_its_next_turn),
        cmocka_unit_test(a_turn_lasts_until_all_is_written),
        cmocka_unit_test(one_that_is_written_to_still_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
