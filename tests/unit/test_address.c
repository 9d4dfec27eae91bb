/* SPDX-License-Identifier: MPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/config/address.h"

/* 107 bytes of path: as long as a socket address takes. */
#define PATH_50 "/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define PATH_107 PATH_50 PATH_50 "/xxxxxx"
static const char ipc_107[] = "ipc://" PATH_107;

static void test_good(void **state)
{
    (void)state;
    static const char *const good[] = {
        "ipc:///run/rentbus/api.sock",
        "ipc:///x",
        ipc_107,
        "tcp://127.0.0.1:5555",
        "tcp://127.1.2.3:0",
        "tcp://127.0.0.1:*",
        "tcp://127.0.0.1:65535",
        "tcp://localhost:1",
        "tcp://[::1]:5555",
        "tcp://::1:5555",
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (address_problem(good[i]))
            fail_msg("%s: %s", good[i], address_problem(good[i]));
}

static void test_bad(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "ipc",
        "ipc://",
        "ipc://x",
        "ipc://@abstract",
        "ipc://" PATH_107 "x",
        "tcp://",
        "tcp://:5555",
        "tcp://127.0.0.1",
        "tcp://127.0.0.1:",
        "tcp://127.0.0.1:x",
        "tcp://127.0.0.1:1x",
        "tcp://127.0.0.1: 1",
        "tcp://127.0.0.1:+1",
        "tcp://127.0.0.1:-1",
        "tcp://127.0.0.1:65536",
        "tcp://127.0.0.1:99999999999999999999999",
        "tcp://127.:1x",
        "tcp://127.0.0.1.example.org:5555",
        "tcp://localhost.example.org:5555",
        "tcp://localhos:5555",
        "tcp://0.0.0.0:5555",
        "tcp://*:5555",
        "tcp://[::]:5555",
        "tcp://10.0.0.1:5555",
        "tcp://128.0.0.1:5555",
        "TCP://127.0.0.1:5555",
        "inproc://x",
        "/run/api.sock",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (!address_problem(bad[i]))
            fail_msg("%s is taken", bad[i]);
}

static void test_ipc_path(void **state)
{
    (void)state;
    assert_string_equal(address_ipc_path("ipc:///run/x"), "/run/x");
    assert_string_equal(address_ipc_path("ipc://"), "");
    assert_null(address_ipc_path("tcp://127.0.0.1:1"));
    assert_null(address_ipc_path("ipc:/x"));
}

static void test_numeric(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"tcp://localhost:5555", "tcp://127.0.0.1:5555"},
        {"tcp://localhost:*", "tcp://127.0.0.1:*"},
        {"tcp://127.0.0.2:1", "tcp://127.0.0.2:1"},
        {"ipc:///tcp://localhost:1", "ipc:///tcp://localhost:1"},
    };
    char address[ADDRESS_SIZE];
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        address_numeric(pairs[i][0], address);
        assert_string_equal(address, pairs[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_ipc_path),
        cmocka_unit_test(test_numeric),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
