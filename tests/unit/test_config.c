/* SPDX-License-Identifier: MPL-2.0 */
#include <fcntl.h>
#include <getopt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/config/config.h"
#include "sdk/protocol/time.h"

#define ARGUMENTS_MAX 8

/* A file for settings and one for what is said about them. */
static char path[] = "/tmp/test_config.XXXXXX";
static char said_path[] = "/tmp/test_config.XXXXXX";
static char said[4096];

static int setup(void **state)
{
    (void)state;
    int files[] = {mkstemp(path), mkstemp(said_path)};
    if (files[0] < 0 || files[1] < 0)
        return -1;
    close(files[0]);
    close(files[1]);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return unlink(path) || unlink(said_path);
}

static int clear_environment(void **state)
{
    (void)state;
    static const char *const names[] = {"DATA", "API", "EVENTS", "LEDGER", "CONFIG", "MAX_SKEW"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char name[32];
        snprintf(name, sizeof name, "RENTBUS_%s", names[i]);
        unsetenv(name);
    }
    return 0;
}

static void write_file(const char *text, size_t length)
{
    FILE *stream = fopen(path, "w");
    assert_non_null(stream);
    assert_int_equal(fwrite(text, 1, length, stream), length);
    assert_int_equal(fclose(stream), 0);
}

/* config_read() with its stderr in `said`. */
static int read_config(struct config *config, const char *const *arguments)
{
    char *argv[ARGUMENTS_MAX + 2] = {(char *)(uintptr_t) "rentbusd"};
    int argc = 1;
    while (arguments[argc - 1]) {
        assert_true(argc <= ARGUMENTS_MAX);
        argv[argc] = (char *)(uintptr_t)arguments[argc - 1];
        argc++;
    }
    int file = open(said_path, O_RDWR | O_TRUNC);
    int before = dup(STDERR_FILENO);
    fflush(stderr);
    dup2(file, STDERR_FILENO);
    optind = 0; /* glibc: begin anew */
    int status = config_read(config, argc, argv);
    fflush(stderr);
    dup2(before, STDERR_FILENO);
    close(before);
    ssize_t length = pread(file, said, sizeof said - 1, 0);
    close(file);
    said[length > 0 ? length : 0] = '\0';
    return status;
}

#define READ(config, ...) read_config(config, (const char *const[]){__VA_ARGS__, NULL})

static int read_text(struct config *config, const char *text)
{
    write_file(text, strlen(text));
    return READ(config, "-c", path);
}

static void test_defaults(void **state)
{
    (void)state;
    struct config config;
    assert_int_equal(read_text(&config, ""), 0);
    assert_int_equal(config.action, CONFIG_RUN);
    assert_string_equal(config.data, CONFIG_DATA_DEFAULT);
    assert_string_equal(config.api, CONFIG_API_DEFAULT);
    assert_string_equal(config.events, CONFIG_EVENTS_DEFAULT);
    assert_string_equal(config.ledger, CONFIG_LEDGER_DEFAULT);
    assert_string_equal(said, "");
}

static void test_flag_environment_file(void **state)
{
    (void)state;
    struct config config;
    assert_int_equal(read_text(&config, "ledger = file\n"), 0);
    assert_string_equal(config.ledger, "file");
    setenv("RENTBUS_LEDGER", "environment", 1);
    setenv("RENTBUS_CONFIG", path, 1);
    assert_int_equal(READ(&config, "--check-config"), 0);
    assert_int_equal(config.action, CONFIG_CHECK);
    assert_string_equal(config.ledger, "environment");
    assert_int_equal(READ(&config, "--ledger=flag", "-l", "last"), 0);
    assert_string_equal(config.ledger, "last");
}

static void test_help_and_version_read_nothing_else(void **state)
{
    (void)state;
    struct config config;
    assert_int_equal(READ(&config, "-c", "/no/such/file", "--help"), 0);
    assert_int_equal(config.action, CONFIG_HELP);
    assert_int_equal(READ(&config, "-V", "-l", "///"), 0);
    assert_int_equal(config.action, CONFIG_VERSION);
}

static void test_usage(void **state)
{
    (void)state;
    struct config config;
    assert_int_equal(READ(&config, "--no-such"), 2);
    assert_non_null(strstr(said, "no-such"));
    assert_int_equal(READ(&config, "-l"), 2);
    assert_int_equal(READ(&config, "word"), 2);
    assert_non_null(strstr(said, "\"word\""));
}

/* What is said begins with the path and this. */
static void assert_said(const char *rest)
{
    char expected[512];
    snprintf(expected, sizeof expected, "rentbusd: %s%s", path, rest);
    if (strncmp(said, expected, strlen(expected)) != 0)
        fail_msg("\"%s\" does not begin with \"%s\"", said, expected);
}

static void test_lines_are_counted(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *said;
    } files[] = {
        {"legder = x\n", ":1: no such option 'legder'"},
        {"\n\n\nlegder = x\n", ":4: "},
        {"# one\n  # two # too\n\n# \"three\nlegder = x\n", ":5: "},
        {"data = 'a#b' # 'c\nlegder = x\n", ":2: "},
        {"data = \"a\\\"#\" # '\nlegder = x\n", ":2: "},
        {"# one\nledger = 'a b'\n", ":2: ledger: \"a b\" has other characters"},
        {"# one\n\nledger = a/b # no name", ":3: ledger: \"a/b\" has"},
        {"api = \"\"\n", ":1: api: \"\" is neither"},
    };
    struct config config;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        assert_int_equal(read_text(&config, files[i].text), 78);
        assert_said(files[i].said);
    }
}

static void test_values_with_signs_of_comments(void **state)
{
    (void)state;
    struct config config;
    assert_int_equal(read_text(&config, "data = '/a#b' # c\n"), 0);
    assert_string_equal(config.data, "/a#b");
    assert_int_equal(read_text(&config, "# only this"), 0);
    assert_int_equal(read_text(&config, "data = \"/a\" #"), 0);
    assert_string_equal(config.data, "/a");
}

static void test_files_that_are_none(void **state)
{
    (void)state;
    struct config config;
    static char large[(64 << 10) + 1];
    assert_int_equal(READ(&config, "-c", "/no/such/file"), 78);
    assert_string_equal(said, "rentbusd: /no/such/file: No such file or directory\n");
    assert_int_equal(READ(&config, "-c", "/tmp"), 78);
    assert_string_equal(said, "rentbusd: /tmp: Is a directory\n");
    memset(large, '\n', sizeof large);
    write_file(large, sizeof large - 1);
    assert_int_equal(READ(&config, "-c", path), 0);
    write_file(large, sizeof large);
    assert_int_equal(READ(&config, "-c", path), 78);
    assert_said(": is longer");
}

/* Whatever bytes a file has: an answer, and the sanitizers are content. */
static void test_noise(void **state)
{
    (void)state;
    static const char pieces[][12] = {"ledger", "=",  "\"", "'",  "#",    "\\", "\n",   " ",
                                      "a",      "{",  "}",  "+=", "(",    ")",  ",",    "$",
                                      "${A",    "/*", "*/", "//", "\x80", "\1", "data", "include"};
    uint64_t random = 42;
    struct config config;
    for (int round = 0; round < 2000; round++) {
        char text[256] = "";
        size_t length = 0;
        for (int i = 0; i < 12; i++) {
            random = random * UINT64_C(6364136223846793005) + 1;
            const char *piece = pieces[(random >> 33) % (sizeof pieces / sizeof *pieces)];
            memcpy(text + length, piece, strlen(piece));
            length += strlen(piece);
        }
        write_file(text, length);
        int status = READ(&config, "-c", path);
        assert_true(status == 0 || status == 78);
        if ((status == 0) != (said[0] == '\0'))
            fail_msg("%d for \"%s\" and said \"%s\"", status, text, said);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_defaults, clear_environment),
        cmocka_unit_test_setup(test_flag_environment_file, clear_environment),
        cmocka_unit_test_setup(test_help_and_version_read_nothing_else, clear_environment),
        cmocka_unit_test_setup(test_usage, clear_environment),
        cmocka_unit_test_setup(test_lines_are_counted, clear_environment),
        cmocka_unit_test_setup(test_values_with_signs_of_comments, clear_environment),
        cmocka_unit_test_setup(test_files_that_are_none, clear_environment),
        cmocka_unit_test_setup(test_noise, clear_environment),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
