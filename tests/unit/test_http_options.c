/* SPDX-License-Identifier: MPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bridge-http/log.h"
#include "bridge-http/options.h"

static struct http_options options;
static char message[HTTP_OPTIONS_MESSAGE_SIZE];

#define READ(...) read_argv((const char *[]){"rentbus-http", __VA_ARGS__, NULL})
static enum http_exit read_argv(const char **arguments)
{
    char storage[16][300];
    char *argv[17];
    int argc = 0;
    for (; arguments[argc]; argc++) {
        strncpy(storage[argc], arguments[argc], sizeof(storage[argc]) - 1);
        storage[argc][sizeof(storage[argc]) - 1] = '\0';
        argv[argc] = storage[argc];
    }
    argv[argc] = NULL;
    message[0] = '\0';
    return http_options_read(argc, argv, &options, message);
}

static const char *address_text(void)
{
    static char text[HTTP_ADDRESS_TEXT_SIZE];
    http_address_format(&options.listen, text);
    return text;
}

static int environment_clear(void **state)
{
    (void)state;
    unsetenv("RENTBUS_LISTEN");
    return 0;
}

static void defaults_are_modest(void **state)
{
    (void)state;
    assert_int_equal(read_argv((const char *[]){"rentbus-http", NULL}), HTTP_EXIT_OK);
    assert_string_equal(address_text(), "127.0.0.1:8080");
    assert_int_equal(options.connections_max, HTTP_CONNECTIONS_DEFAULT);
    assert_int_equal(options.connections_per_ip, 0);
    assert_null(options.api);
}

static void a_flag_goes_before_the_environment(void **state)
{
    (void)state;
    setenv("RENTBUS_LISTEN", "[::1]:9000", 1);
    assert_int_equal(READ("--api=tcp://x"), HTTP_EXIT_OK);
    assert_string_equal(address_text(), "[::1]:9000");
    assert_int_equal(READ("--listen", "127.0.0.2:0"), HTTP_EXIT_OK);
    assert_string_equal(address_text(), "127.0.0.2:0");
}

static void other_machines_need_a_word(void **state)
{
    static const char *const addresses[] = {"0.0.0.0:80", "192.0.2.1:80", "[::]:80",
                                            "[::ffff:127.0.0.1]:80"};
    (void)state;
    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        assert_int_equal(READ("--listen", addresses[i]), HTTP_EXIT_CONFIG);
        assert_non_null(strstr(message, "--allow-remote"));
        assert_non_null(strstr(message, "access control"));
        assert_int_equal(READ("--allow-remote", "--listen", addresses[i]), HTTP_EXIT_OK);
    }
    setenv("RENTBUS_LISTEN", "0.0.0.0:80", 1);
    assert_int_equal(READ("--api=x"), HTTP_EXIT_CONFIG);
    assert_non_null(strstr(message, "RENTBUS_LISTEN"));
}

static void what_is_no_address_is_configuration(void **state)
{
    static const char *const addresses[] = {
        "",       "8080",  ":8080",   "127.0.0.1",    "127.0.0.1:", "127.0.0.1:65536",
        "::1:80", "[::1]", "[::1:80", "127.0.0.1:-1", "[]:80",      "127.0.0.1:80x",
        "[:80",   "]:80",  "[]",      "127.0.0.1: 80"};
    (void)state;
    for (size_t i = 1; i < sizeof(addresses) / sizeof(addresses[0]); i++)
        if (READ("--listen", addresses[i]) != HTTP_EXIT_CONFIG)
            fail_msg("%s was taken", addresses[i]);
}

static void what_is_no_option_is_usage(void **state)
{
    (void)state;
    assert_int_equal(READ("--nothing"), HTTP_EXIT_USAGE);
    assert_int_equal(READ("--listen"), HTTP_EXIT_USAGE);
    assert_int_equal(READ("--help=x"), HTTP_EXIT_USAGE);
    assert_int_equal(READ("-x"), HTTP_EXIT_USAGE);
    assert_int_equal(READ("more"), HTTP_EXIT_USAGE);
    assert_int_equal(READ("--max-connections", "0"), HTTP_EXIT_USAGE);
    assert_int_equal(READ("--max-connections", "1e3"), HTTP_EXIT_USAGE);
    assert_int_equal(READ("--max-connections-per-ip", "99999999"), HTTP_EXIT_USAGE);
    assert_int_equal(READ("--max-connections-per-ip", "7", "--max-connections", "8"), HTTP_EXIT_OK);
    assert_int_equal(options.connections_per_ip, 7);
    assert_int_equal(options.connections_max, 8);
}

static void help_needs_no_configuration(void **state)
{
    (void)state;
    setenv("RENTBUS_LISTEN", "nonsense", 1);
    assert_int_equal(READ("--help"), HTTP_EXIT_OK);
    assert_true(options.help);
    assert_int_equal(READ("--version"), HTTP_EXIT_OK);
    assert_true(options.version);
}

static void port_0_picks_one(void **state)
{
    (void)state;
    assert_int_equal(READ("--listen", "127.0.0.1:0"), HTTP_EXIT_OK);
    int fd = http_listen(&options.listen);
    assert_true(fd >= 0);
    assert_string_not_equal(address_text(), "127.0.0.1:0");
    struct http_address again = options.listen;
    assert_true(http_listen(&again) < 0);
    close(fd);
}

static void a_log_line_stays_one_line(void **state)
{
    char line[HTTP_LOG_LINE_SIZE];
    char hostile[3000];
    size_t length = http_log_line(line, HTTP_LOG_WARNING, 1, "a\nb \"c\" \\");
    (void)state;
    line[length] = '\0';
    assert_string_equal(line, "<4>level=warning msg=\"a b \\\"c\\\" \\\\\"\n");
    memset(hostile, '"', sizeof(hostile) - 1);
    hostile[sizeof(hostile) - 1] = '\0';
    length = http_log_line(line, HTTP_LOG_INFO, 0, hostile);
    assert_true(length <= sizeof(line));
    assert_memory_equal(line + length - 2, "\"\n", 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(defaults_are_modest, environment_clear),
        cmocka_unit_test_teardown(a_flag_goes_before_the_environment, environment_clear),
        cmocka_unit_test_teardown(other_machines_need_a_word, environment_clear),
        cmocka_unit_test_teardown(what_is_no_address_is_configuration, environment_clear),
        cmocka_unit_test_teardown(what_is_no_option_is_usage, environment_clear),
        cmocka_unit_test_teardown(help_needs_no_configuration, environment_clear),
        cmocka_unit_test_teardown(port_0_picks_one, environment_clear),
        cmocka_unit_test_teardown(a_log_line_stays_one_line, environment_clear),
    };
    return cmocka_run_group_tests(tests, environment_clear, NULL);
}
