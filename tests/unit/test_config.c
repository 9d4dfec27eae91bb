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
#include "daemon/config/principal.h"
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
    static const char *const names[] = {"DATA", "API", "EVENTS", "LEDGER", "CONFIG", "STALL_AFTER"};
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

static void test_stall_after(void **state)
{
    (void)state;
    struct config config;
    assert_int_equal(read_text(&config, ""), 0);
    assert_int_equal(config.stall_after, 60);
    assert_int_equal(read_text(&config, "stall_after = PT90S\n"), 0);
    assert_int_equal(config.stall_after, 90);
    setenv("RENTBUS_STALL_AFTER", "P1D", 1);
    assert_int_equal(read_text(&config, "stall_after = PT90S\n"), 0);
    assert_int_equal(config.stall_after, 86400);
    setenv("RENTBUS_STALL_AFTER", "PT0S", 1);
    assert_int_equal(read_text(&config, ""), 78);
    assert_non_null(strstr(said, "RENTBUS_STALL_AFTER: \"PT0S\" is not from a second to a year"));
    unsetenv("RENTBUS_STALL_AFTER");
    assert_int_equal(read_text(&config, "stall_after = P367D\n"), 78);
    assert_int_equal(read_text(&config, "stall_after = 60\n"), 78);
    assert_non_null(strstr(said, ":1: stall_after: \"60\" is not an ISO 8601 duration"));
    assert_int_equal(READ(&config, "--stall_after=PT1S"), 2);
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

static const char principals[] = "default_role = reader\n"
                                 "principal \"uid:1001\" {\n"
                                 "    role = kiosk # at the door\n"
                                 "    locations = {\"north-bin\", 'counter 1/o\\'\\\\'}\n"
                                 "}\n"
                                 "principal uid:0 { role = admin }\n"
                                 "principal 'uid:4294967295' { role = kiosk }\n"
                                 "principal anonymous { role = kiosk locations = {a} }\n"
                                 "principal uid:7 { role = lambda consumers = {thanks, 'm-*'} }\n"
                                 "principal uid:8 { role = lambda }\n";

static void assert_principal(const struct access *access, size_t index, const char *name,
                             enum rentbus_role role, size_t locations)
{
    const struct access_principal *principal = &access->principals[index];
    assert_string_equal(principal->name, name);
    assert_int_equal(principal->role, role);
    assert_int_equal(principal->own_count, locations);
}

static void assert_principals(const struct access *access)
{
    assert_int_equal(access->default_role, RENTBUS_ROLE_reader);
    assert_int_equal(access->principal_count, 6);
    assert_principal(access, 0, "uid:1001", RENTBUS_ROLE_kiosk, 2);
    assert_principal(access, 1, "uid:0", RENTBUS_ROLE_admin, 0);
    assert_principal(access, 2, "uid:4294967295", RENTBUS_ROLE_kiosk, 0);
    assert_principal(access, 3, "anonymous", RENTBUS_ROLE_kiosk, 1);
    assert_principal(access, 4, "uid:7", RENTBUS_ROLE_lambda, 2);
    assert_principal(access, 5, "uid:8", RENTBUS_ROLE_lambda, 0);
    assert_int_equal(access->own_count, 5);
    assert_string_equal(access->own[0], "north-bin");
    assert_string_equal(access->own[1], "counter 1/o'\\");
    assert_int_equal(access->principals[3].own_first, 2);
    assert_string_equal(access->own[2], "a");
    assert_int_equal(access->principals[4].own_first, 3);
    assert_string_equal(access->own[3], "thanks");
    assert_string_equal(access->own[4], "m-*");
}

static void test_principals(void **state)
{
    (void)state;
    static struct config config;
    assert_int_equal(read_text(&config, ""), 0);
    assert_int_equal(config.access.default_role, RENTBUS_ROLE_admin);
    assert_int_equal(config.access.principal_count, 0);
    assert_int_equal(read_text(&config, principals), 0);
    assert_string_equal(said, "");
    assert_principals(&config.access);
}

static void test_principals_are_printed_as_a_file_has_them(void **state)
{
    (void)state;
    static struct config config;
    assert_int_equal(read_text(&config, principals), 0);
    FILE *stream = fopen(path, "w");
    assert_non_null(stream);
    principal_print(&config.access, stream);
    assert_int_equal(fclose(stream), 0);
    memset(&config, 0, sizeof config);
    assert_int_equal(READ(&config, "-c", path), 0);
    assert_principals(&config.access);
}

static void test_principals_that_are_none(void **state)
{
    (void)state;
    static const char name[] = ":1: principal: ";
    static const struct {
        const char *text;
        const char *said;
    } files[] = {
        {"default_role = clark\n", ":1: default_role: \"clark\" is not one of reader, kiosk,"},
        {"\n\ndefault_role = \"\"\n", ":3: default_role: \"\" is not one of"},
        {"principal uid:1 { role = boss }", ":1: role: \"boss\" is not one of"},
        {"principal uid:1 {\n role = clerk\n role = boss\n}", ":3: role: \"boss\" is not"},
        {"principal bob { role = clerk }", name},
        {"principal uid: { role = clerk }", name},
        {"principal uid:1x { role = clerk }", name},
        {"principal uid:-1 { role = clerk }", name},
        {"principal uid:01 { role = clerk }", name},
        {"principal uid:4294967296 { role = clerk }", name},
        {"principal uid:11111111111 { role = clerk }", name},
        {"principal Anonymous { locations = {a} role = kiosk }", name},
        {"principal uid:1 { }", ":1: principal: \"uid:1\" has no role"},
        {"\nprincipal uid:1 { locations = {a} }", ":2: principal: \"uid:1\" has no role"},
        {"principal uid:1 { role = clerk locations = {a} }",
         ":1: principal: \"uid:1\" has locations, and only a kiosk"},
        {"principal uid:1 { role = lambda locations = {a} }",
         ":1: principal: \"uid:1\" has locations, and only a kiosk"},
        {"principal uid:1 { role = kiosk\nconsumers = {a} }",
         ":2: principal: \"uid:1\" has consumers, and only a lambda"},
        {"principal uid:1 { role = lambda\nconsumers = {a, ''} }",
         ":2: consumers: \"\" is not an id"},
        {"principal uid:1 { role = kiosk\nlocations = {a, ''} }",
         ":2: locations: \"\" is not an id"},
        {"principal uid:1 { role = kiosk locations = {'a\tb'} }", ":1: locations: \"a"},
        {"principal uid:1 { role = kiosk }\n# again\nprincipal uid:1 { role = clerk }",
         ":3: found duplicate title 'uid:1'"},
        {"principal uid:1 { rule = kiosk }", ":1: no such option 'rule'"},
        {"principal { role = kiosk }", ":1: "},
        {"principal uid:1 { role = kiosk", ": has a section without an end"},
        {"principal uid:1 { role = kiosk # }\n", ": has a section without an end"},
        {"principal uid:1 { role = kiosk }}\n", ":1: "},
    };
    static struct config config;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (read_text(&config, files[i].text) != 78)
            fail_msg("taken: %s", files[i].text);
        assert_said(files[i].said);
    }
}

/* A file with `count` kiosks, each with `locations` locations of its own. */
static int read_kiosks(struct config *config, int count, int locations)
{
    static char text[CONFIG_FILE_MAX];
    size_t at = 0;
    for (int i = 0; i < count; i++) {
        at += (size_t)snprintf(text + at, sizeof text - at, "principal uid:%d { role = kiosk", i);
        for (int j = 0; j < locations; j++)
            at += (size_t)snprintf(text + at, sizeof text - at, "%s%d", j ? "," : " locations = {",
                                   j);
        at += (size_t)snprintf(text + at, sizeof text - at, "%s }\n", locations ? "}" : "");
    }
    return read_text(config, text);
}

static void test_as_many_principals_as_there_is_room_for(void **state)
{
    (void)state;
    static struct config config;
    assert_int_equal(read_kiosks(&config, ACCESS_PRINCIPALS_MAX, 0), 0);
    assert_int_equal(config.access.principal_count, ACCESS_PRINCIPALS_MAX);
    assert_int_equal(read_kiosks(&config, ACCESS_PRINCIPALS_MAX + 1, 0), 78);
    assert_said(":257: principal: \"uid:256\" is one principal too many");
    assert_int_equal(read_kiosks(&config, 1, ACCESS_OWN_MAX), 0);
    assert_int_equal(config.access.own_count, ACCESS_OWN_MAX);
    assert_int_equal(read_kiosks(&config, 1, ACCESS_OWN_MAX + 1), 78);
    assert_said(":1: locations: \"512\" is one location too many");
    assert_int_equal(read_kiosks(&config, 2, ACCESS_OWN_MAX / 2), 0);
    assert_int_equal(read_kiosks(&config, 2, ACCESS_OWN_MAX / 2 + 1), 78);
    assert_said(":2: principal: \"uid:1\" lists more than all");
}

/* Whatever bytes a file has: an answer, and the sanitizers are content. */
static void test_noise(void **state)
{
    (void)state;
    static const char pieces[][12] = {
        "ledger", "=",         "\"",        "'",     "#",     "\\",        "\n",    " ",
        "a",      "{",         "}",         "+=",    "(",     ")",         ",",     "$",
        "${A",    "/*",        "*/",        "//",    "\x80",  "\1",        "data",  "include",
        "role",   "locations", "principal", "uid:1", "kiosk", "consumers", "lambda"};
    uint64_t random = 42;
    struct config config;
    for (int round = 0; round < 2000; round++) {
        char text[512] = "";
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
        cmocka_unit_test_setup(test_stall_after, clear_environment),
        cmocka_unit_test_setup(test_help_and_version_read_nothing_else, clear_environment),
        cmocka_unit_test_setup(test_usage, clear_environment),
        cmocka_unit_test_setup(test_lines_are_counted, clear_environment),
        cmocka_unit_test_setup(test_values_with_signs_of_comments, clear_environment),
        cmocka_unit_test_setup(test_files_that_are_none, clear_environment),
        cmocka_unit_test_setup(test_principals, clear_environment),
        cmocka_unit_test_setup(test_principals_are_printed_as_a_file_has_them, clear_environment),
        cmocka_unit_test_setup(test_principals_that_are_none, clear_environment),
        cmocka_unit_test_setup(test_as_many_principals_as_there_is_room_for, clear_environment),
        cmocka_unit_test_setup(test_noise, clear_environment),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
