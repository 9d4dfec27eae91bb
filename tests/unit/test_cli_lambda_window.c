/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/lambda_settings.h"
#include "cli/lambda_window.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct lambda_item *add(struct lambda_window *window, uint64_t seq)
{
    static const uint8_t empty_map[] = {0xa0};
    static const uint8_t hash[RENTBUS_HASH_SIZE];
    struct rentbus_delivery delivery = {.lease = seq + 1};
    struct rentbus_event *event = &delivery.event;
    RENTBUS_SET(event, event, seq, seq);
    RENTBUS_SET(event, event, type, rentbus_text("mine"));
    RENTBUS_SET(event, event, data, ((struct rentbus_bytes){empty_map, 1}));
    RENTBUS_SET(event, event, hash, ((struct rentbus_bytes){hash, sizeof(hash)}));
    RENTBUS_SET(event, event, id, rentbus_text("i"));
    RENTBUS_SET(event, event, actor, rentbus_text("a"));
    RENTBUS_SET(event, event, source, rentbus_text("s"));
    RENTBUS_SET(event, event, specversion, rentbus_text("1.0"));
    RENTBUS_SET(event, event, time, 0);
    return lambda_window_add(window, &delivery, (int64_t)seq);
}

/* What is in the window, compared with a plain list of seqs. */
static void check(struct lambda_window *window, const uint64_t *seqs, size_t count)
{
    assert_int_equal(window->count, count);
    for (size_t i = 0; i < count; i++) {
        const struct lambda_item *item = &window->items[window->first + i];
        char text[32];
        assert_int_equal(item->delivery.event.seq, seqs[i]);
        assert_int_equal(item->delivery.lease, seqs[i] + 1);
        assert_string_equal(item->type, "mine");
        assert_int_equal(item->line[item->line_length - 1], '\n');
        snprintf(text, sizeof(text), "\"seq\":%llu,", (unsigned long long)seqs[i]);
        assert_non_null(strstr(item->line, text));
        assert_ptr_equal(lambda_window_find(window, seqs[i]), item);
    }
}

static void random_histories(void **state)
{
    (void)state;
    struct lambda_window *window = calloc(1, sizeof(*window));
    uint64_t seqs[LAMBDA_WINDOW_MAX];
    size_t count = 0;
    uint64_t next = 1;
    srandom(7);
    assert_non_null(window);
    for (int step = 0; step < 20000; step++) {
        if (count < LAMBDA_WINDOW_MAX && random() % 2) {
            assert_non_null(add(window, next));
            seqs[count++] = next++;
        } else if (count > 0) {
            size_t gone = random() % 4 ? 0 : (size_t)random() % count;
            lambda_window_remove(window, lambda_window_find(window, seqs[gone]));
            memmove(seqs + gone, seqs + gone + 1, (--count - gone) * sizeof(*seqs));
        }
        if (step % 500 == 0)
            check(window, seqs, count);
    }
    assert_null(lambda_window_find(window, next));
    lambda_window_clear(window);
    assert_int_equal(window->count, 0);
    free(window);
}

static void full(void **state)
{
    (void)state;
    struct lambda_window *window = calloc(1, sizeof(*window));
    uint64_t seqs[LAMBDA_WINDOW_MAX];
    assert_non_null(window);
    for (uint64_t i = 0; i < 5 * LAMBDA_WINDOW_MAX; i++) {
        if (i >= LAMBDA_WINDOW_MAX)
            lambda_window_remove(window, &window->items[window->first]);
        assert_non_null(add(window, i));
        seqs[i % LAMBDA_WINDOW_MAX] = i;
    }
    check(window, seqs, LAMBDA_WINDOW_MAX);
    lambda_window_clear(window);
    free(window);
}

static void ages(void **state)
{
    (void)state;
    static const struct {
        int64_t seconds;
        const char *text;
    } cases[] = {{-5, "0s"},     {0, "0s"},    {119, "119s"},   {120, "2m"},
                 {7199, "119m"}, {7200, "2h"}, {172799, "47h"}, {172800, "2d"}};
    struct rentbus_consumer_status status = {0};
    char age[LAMBDA_AGE_SIZE];
    assert_string_equal(lambda_age(&status, 0, age), "");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        RENTBUS_SET(&status, consumer_status, oldest_at, 1000);
        int64_t now = 1000 + cases[i].seconds * RENTBUS_SECOND;
        assert_string_equal(lambda_age(&status, now, age), cases[i].text);
    }
}

static void states(void **state)
{
    (void)state;
    struct rentbus_consumer_status status = {0};
    assert_string_equal(lambda_state(&status), "idle");
    status.lag = 1;
    assert_string_equal(lambda_state(&status), "behind");
    status.stalled = true;
    assert_string_equal(lambda_state(&status), "stalled");
    status.paused = true;
    assert_string_equal(lambda_state(&status), "paused");
}

static void program_is(const char *name, const char *path, const char *expected, int expected_error)
{
    int error = 0;
    char *found = lambda_program_find(name, path, &error);
    if (expected)
        assert_string_equal(found, expected);
    else
        assert_int_equal(error, expected_error);
    assert_true((found != NULL) == (expected != NULL));
    free(found);
}

static void programs(void **state)
{
    (void)state;
    program_is("/bin/sh", NULL, "/bin/sh", 0);
    program_is("sh", "/no/such:/bin", "/bin/sh", 0);
    program_is("passwd", "/no/such:/etc", NULL, -EACCES);
    program_is("sh", NULL, NULL, -ENOENT);
    program_is("sh", "", NULL, -ENOENT);
    program_is("", "/bin", NULL, -ENOENT);
    program_is("/etc/passwd", "/bin", NULL, -EACCES);
    program_is("/bin/", NULL, NULL, -EISDIR);
    program_is("/no/such", "/bin", NULL, -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_histories), cmocka_unit_test(full),     cmocka_unit_test(ages),
        cmocka_unit_test(states),           cmocka_unit_test(programs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
