/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/handler_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void tail_keeps_the_end(void **state)
{
    (void)state;
    struct handler_tail tail = {0};
    char expected[HANDLER_TAIL_SIZE];
    char piece[16];
    for (int i = 0; i < 1000; i++) {
        snprintf(piece, sizeof(piece), "%06d", i);
        handler_tail_add(&tail, piece, 6);
    }
    for (int i = 0; i < HANDLER_TAIL_SIZE / 6; i++) {
        snprintf(piece, sizeof(piece), "%06d", 1000 - HANDLER_TAIL_SIZE / 6 + i);
        memcpy(expected + 6 * i, piece, 6);
    }
    assert_int_equal(tail.length, HANDLER_TAIL_SIZE);
    assert_memory_equal(tail.bytes, expected, HANDLER_TAIL_SIZE);
}

static void tail_of_one_long_piece(void **state)
{
    (void)state;
    struct handler_tail tail = {0};
    char piece[3 * HANDLER_TAIL_SIZE];
    for (size_t i = 0; i < sizeof(piece); i++)
        piece[i] = (char)('a' + i % 26);
    handler_tail_add(&tail, "before", 6);
    handler_tail_add(&tail, piece, sizeof(piece));
    assert_int_equal(tail.length, HANDLER_TAIL_SIZE);
    assert_memory_equal(tail.bytes, piece + 2 * HANDLER_TAIL_SIZE, HANDLER_TAIL_SIZE);
    handler_tail_add(&tail, "", 0);
    handler_tail_add(&tail, "!", 1);
    assert_int_equal(tail.bytes[HANDLER_TAIL_SIZE - 1], '!');
    assert_memory_equal(tail.bytes, piece + 2 * HANDLER_TAIL_SIZE + 1, HANDLER_TAIL_SIZE - 1);
}

static void error_is(const char *what, const char *bytes, size_t length, const char *expected)
{
    struct handler_tail tail = {0};
    char error[HANDLER_ERROR_SIZE];
    handler_tail_add(&tail, bytes, length);
    assert_string_equal(handler_error(what, &tail, error), expected);
}

static void errors_are_clean(void **state)
{
    (void)state;
    error_is("exit 1", "", 0, "exit 1");
    error_is("exit 1", " \r\n\t\n", 5, "exit 1");
    error_is("exit 1", "a\n\tb\n", 5, "exit 1: a\n\tb");
    error_is("exit 1", "a\0b\x1b[31m\x7f", 9, "exit 1: a?b?[31m?");
    error_is("exit 1", "\xc3\xa4\xff\xe2\x82\xac", 6, "exit 1: \xc3\xa4?\xe2\x82\xac");
    /* The rest of a character that was cut. */
    error_is("exit 1", "\x82\xac!", 3, "exit 1: !");
}

static void errors_fit(void **state)
{
    (void)state;
    struct handler_tail tail = {0};
    char error[HANDLER_ERROR_SIZE];
    char what[200];
    memset(what, 'w', sizeof(what) - 1);
    what[sizeof(what) - 1] = '\0';
    for (int i = 0; i < HANDLER_TAIL_SIZE; i++)
        handler_tail_add(&tail, "\xc3\xa4", 2);
    handler_error(what, &tail, error);
    assert_int_equal(strlen(error), 100 + 2 + HANDLER_TAIL_SIZE);
    assert_true(rentbus_utf8_valid(error, strlen(error)));
}

static bool parse(const char *line, struct handler_answer *answer)
{
    return handler_answer_parse(rentbus_text(line), answer);
}

static void answers(void **state)
{
    (void)state;
    struct handler_answer answer;
    assert_true(parse("ack 12", &answer));
    assert_true(answer.word == HANDLER_ACK && answer.seq == 12);
    assert_true(parse("ack 12\r", &answer));
    assert_true(parse("retry 3", &answer));
    assert_true(answer.word == HANDLER_RETRY && answer.delay_ms == RENTBUS_DELAY_DEFAULT);
    assert_true(parse("retry 3 0", &answer));
    assert_true(answer.seq == 3 && answer.delay_ms == 0);
    assert_true(parse("retry 3 250", &answer));
    assert_int_equal(answer.delay_ms, 250);
    assert_true(parse("fail 4", &answer));
    assert_true(answer.word == HANDLER_FAIL && answer.text.length == 0);
    assert_true(parse("fail 4  two words", &answer));
    assert_int_equal(answer.text.length, 10);
    assert_memory_equal(answer.text.data, " two words", 10);
}

static void no_answers(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "",
        "ack",
        "ack ",
        "ack x",
        "ack -1",
        "ack 1 2",
        "ACK 1",
        "acknow 1",
        " ack 1",
        "retry",
        "retry x",
        "fail",
        "retry 1 x",
        "retry 1 -2",
        "retry 1 1 1",
        "retry 1 4294967296",
        "done 1",
        "ack 18446744073709551616",
    };
    struct handler_answer answer = {.seq = 77};
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        if (parse(lines[i], &answer))
            fail_msg("taken: %s", lines[i]);
    assert_int_equal(answer.seq, 77);
}

static void publications(void **state)
{
    (void)state;
    struct handler_publication publication;
    char problem[HANDLER_ERROR_SIZE];
    assert_int_equal(handler_publication_parse(rentbus_text(""), &publication, problem), 0);
    assert_int_equal(publication.count, 0);
    const char *two = "{\"type\":\"a\",\"data\":{\"n\":1}}\n \t\n{\"data\":{},\"type\":\"b\","
                      "\"subject\":\"s\"}";
    assert_int_equal(handler_publication_parse(rentbus_text(two), &publication, problem), 0);
    assert_int_equal(publication.count, 2);
    assert_int_equal(publication.events[0].type.length, 1);
    assert_false(RENTBUS_HAS(&publication.events[0], new_event, subject));
    assert_memory_equal(publication.events[1].subject.data, "s", 1);
    handler_publication_release(&publication);
    assert_int_equal(publication.count, 0);
}

static void no_publications(void **state)
{
    (void)state;
    struct handler_publication publication;
    char problem[HANDLER_ERROR_SIZE];
    const char *second = "{\"type\":\"a\",\"data\":{}}\nx\n";
    assert_int_equal(handler_publication_parse(rentbus_text(second), &publication, problem),
                     RENTBUS_ERROR_MALFORMED);
    assert_non_null(strstr(problem, "line 2"));
    const char *unknown = "{\"type\":\"a\",\"data\":{},\"id\":3}";
    assert_true(handler_publication_parse(rentbus_text(unknown), &publication, problem) > 0);
    assert_non_null(strstr(problem, "id"));
    char many[(RENTBUS_PUBLISH_MAX + 1) * 24 + 1] = "";
    for (int i = 0; i <= RENTBUS_PUBLISH_MAX; i++)
        memcpy(many + 23 * i, "{\"type\":\"a\",\"data\":{}}\n", 24);
    assert_int_equal(handler_publication_parse(rentbus_text(many), &publication, problem),
                     RENTBUS_ERROR_TOO_LARGE);
    many[23 * RENTBUS_PUBLISH_MAX] = '\0';
    assert_int_equal(handler_publication_parse(rentbus_text(many), &publication, problem), 0);
    assert_int_equal(publication.count, RENTBUS_PUBLISH_MAX);
    handler_publication_release(&publication);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tail_keeps_the_end),
        cmocka_unit_test(tail_of_one_long_piece),
        cmocka_unit_test(errors_are_clean),
        cmocka_unit_test(errors_fit),
        cmocka_unit_test(answers),
        cmocka_unit_test(no_answers),
        cmocka_unit_test(publications),
        cmocka_unit_test(no_publications),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
