/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/drill_state.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define PATH_SIZE 256

static char top[PATH_SIZE / 2];

static const char *in(const char *directory, const char *name)
{
    static char path[2 * PATH_SIZE];
    snprintf(path, sizeof(path), "%s/%s/%s", top, directory, name);
    return path;
}

static void put(const char *directory, const char *name, const char *content)
{
    FILE *file = fopen(in(directory, name), "w");
    assert_non_null(file);
    assert_true(fputs(content, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* Two directories a and b with the same in them. */
static int set_up(void **state)
{
    static const char *const both[] = {"a", "b"};
    (void)state;
    snprintf(top, sizeof(top), "/tmp/rentbus-state-XXXXXX");
    assert_non_null(mkdtemp(top));
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(mkdir(in(both[i], ""), 0700), 0);
        assert_int_equal(mkdir(in(both[i], "sub"), 0700), 0);
        assert_int_equal(mkdir(in(both[i], "sub/empty"), 0700), 0);
        put(both[i], "one", "1");
        put(both[i], "sub/.two", "22");
        assert_int_equal(symlink("one", in(both[i], "link")), 0);
        assert_int_equal(mkfifo(in(both[i], "pipe"), 0600), 0);
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    drill_state_remove(top);
    assert_int_equal(access(top, F_OK), -1);
    return 0;
}

/* "path how", or "". */
static const char *compared(struct drill_ignored ignored)
{
    static char text[PATH_SIZE];
    struct drill_state a = {0};
    struct drill_state b = {0};
    const char *how = "";
    char path[PATH_SIZE];
    snprintf(path, sizeof(path), "%s/a", top);
    assert_int_equal(drill_state_read(&a, path, ignored), 0);
    snprintf(path, sizeof(path), "%s/b", top);
    assert_int_equal(drill_state_read(&b, path, ignored), 0);
    const char *found = drill_state_differs(&a, &b, &how);
    snprintf(text, sizeof(text), "%s%s%s", found ? found : "", found ? " " : "", how);
    drill_state_release(&a);
    drill_state_release(&b);
    return text;
}

static const struct drill_ignored none = {NULL, 0};

static void test_the_same(void **state)
{
    (void)state;
    assert_string_equal(compared(none), "");
    /* Neither when it was written counts, nor who may read it. */
    assert_int_equal(chmod(in("b", "one"), 0644), 0);
    put("b", "one", "1");
    assert_string_equal(compared(none), "");
}

static void test_content(void **state)
{
    (void)state;
    put("b", "sub/.two", "23");
    assert_string_equal(compared(none), "sub/.two differs");
}

static void test_what_is_new_and_what_is_missing(void **state)
{
    (void)state;
    put("b", "last", "");
    assert_string_equal(compared(none), "last is new");
    put("a", "zero", "");
    put("a", "last", "");
    assert_string_equal(compared(none), "zero is missing");
    put("a", "b", "");
    assert_string_equal(compared(none), "b is missing");
    put("b", "b", "");
    put("b", "zero", "");
    put("b", "zzz", "");
    assert_string_equal(compared(none), "zzz is new");
}

static void test_kinds(void **state)
{
    (void)state;
    assert_int_equal(rmdir(in("b", "sub/empty")), 0);
    assert_string_equal(compared(none), "sub/empty is missing");
    put("b", "sub/empty", "");
    assert_string_equal(compared(none), "sub/empty differs");
    assert_int_equal(unlink(in("b", "link")), 0);
    assert_int_equal(symlink("sub", in("b", "link")), 0);
    assert_string_equal(compared(none), "link differs");
}

static void test_what_is_ignored(void **state)
{
    static const char *const names[] = {"*.db", "sub/.*"};
    static const char *const directory[] = {"sub"};
    (void)state;
    put("a", "x.db", "1");
    put("b", "sub/y.db", "2");
    put("b", "sub/.two", "23");
    assert_string_equal(compared((struct drill_ignored){names, 2}), "");
    assert_string_equal(compared((struct drill_ignored){names, 1}), "sub/.two differs");
    assert_string_equal(compared((struct drill_ignored){directory, 1}), "x.db is missing");
}

static void test_what_cannot_be_read(void **state)
{
    struct drill_state read = {0};
    (void)state;
    assert_int_equal(drill_state_read(&read, in("none", ""), none), -ENOENT);
    assert_int_equal(drill_state_read(&read, in("a", "one"), none), -ENOTDIR);
    drill_state_release(&read);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_same, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_content, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_new_and_what_is_missing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_kinds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_ignored, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_cannot_be_read, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
