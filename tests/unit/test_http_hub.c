/* SPDX-License-Identifier: MPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bridge-http/hub.h"

#define MANY ((size_t)100 * HTTP_WAKE_STREAMS)

static struct http_hub hub;
static struct http_stream streams[MANY];

/* Streams that have all been written what there is. */
static void begin(size_t count, int64_t now_ms)
{
    hub = (struct http_hub){.now_ms = now_ms, .woken_ms = now_ms};
    for (size_t i = 0; i < count; i++) {
        streams[i] = (struct http_stream){.hub = &hub};
        http_hub_add(&hub, &streams[i]);
    }
    assert_int_equal(hub.stream_count, count);
}

static void nothing_wakes_them_without_events(void **state)
{
    (void)state;
    begin(10, 1000);
    assert_int_equal(http_hub_wake(&hub), -1);
    hub.now_ms += 1000;
    assert_int_equal(http_hub_wake(&hub), -1);
    assert_int_equal(hub.woken_ms, 1000);
}

static void few_are_woken_at_once(void **state)
{
    (void)state;
    begin(HTTP_WAKE_STREAMS - 1, 1000);
    hub.waking = true;
    assert_int_equal(http_hub_wake(&hub), -1);
    assert_false(hub.waking);
}

static void many_rest_between_two_times(void **state)
{
    (void)state;
    begin((size_t)7 * HTTP_WAKE_STREAMS, 1000);
    hub.waking = true;
    assert_int_equal(http_hub_wake(&hub), 7);
    hub.now_ms += 6;
    assert_int_equal(http_hub_wake(&hub), 1);
    assert_true(hub.waking);
    hub.now_ms += 1;
    assert_int_equal(http_hub_wake(&hub), -1);
    assert_false(hub.waking);
    assert_int_equal(hub.woken_ms, 1007);
}

static void they_never_rest_for_long(void **state)
{
    (void)state;
    begin(MANY, 1000);
    hub.waking = true;
    assert_int_equal(http_hub_wake(&hub), HTTP_WAKE_MAX_MS);
    for (size_t i = 0; i < MANY; i++)
        http_hub_remove(&hub, &streams[i]);
    assert_int_equal(hub.stream_count, 0);
    assert_int_equal(http_hub_wake(&hub), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_wakes_them_without_events),
        cmocka_unit_test(few_are_woken_at_once),
        cmocka_unit_test(many_rest_between_two_times),
        cmocka_unit_test(they_never_rest_for_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
