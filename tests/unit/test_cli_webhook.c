/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/webhook_answer.h"
#include "cli/webhook_settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define NOW 784111717 /* Sun, 06 Nov 1994 08:48:37 GMT, a minute before the dates below */

/* ---- signatures ---- */

#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define SIGNATURE "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

static void signature_is(const char *file, const char *expected)
{
    struct webhook_secrets secrets;
    char out[WEBHOOK_SIGNATURE_SIZE];
    assert_null(webhook_secrets_parse(rentbus_text(file), &secrets));
    webhook_sign(&secrets, rentbus_text("msg_p5jXN8AQM9LWM0D4loKWxJek"), 1614265330,
                 rentbus_text("{\"test\": 2432232314}"), out);
    assert_string_equal(out, expected);
    webhook_secrets_wipe(&secrets);
    assert_int_equal(secrets.count, 0);
}

/* The vector that the implementations of the specification share. */
static void signature_of_the_specification(void **state)
{
    (void)state;
    signature_is(SECRET, SIGNATURE);
    signature_is("\r\n\t " SECRET "\r\n", SIGNATURE);
}

/* Reckoned with Python's hmac. */
static void signatures_of_several_secrets(void **state)
{
    (void)state;
    signature_is(SECRET "\n"
                        "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n" SECRET,
                 SIGNATURE " v1,O4Gjv1HqPqsMrjmczoggs/sWA8gZD0VyHG+fLh4+ktI= " SIGNATURE);
    /* 64 bytes, the block of SHA-256. */
    signature_is(
        "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4"
        "OTo7PD0+Pw==",
        "v1,LZ5zuwHTqQH3VM8ERUusjzVQq1FXzemvpR8Mk7Ivp5c=");
}

static void no_secret_no_signature(void **state)
{
    (void)state;
    const struct webhook_secrets none = {0};
    char out[WEBHOOK_SIGNATURE_SIZE] = "before";
    assert_string_equal(webhook_sign(&none, rentbus_text("a"), 1, rentbus_text("b"), out), "");
}

static void the_most_secrets_have_room(void **state)
{
    (void)state;
    struct webhook_secrets secrets;
    char file[WEBHOOK_SECRETS_MAX * sizeof(SECRET) + 1] = "";
    char out[WEBHOOK_SIGNATURE_SIZE];
    for (size_t i = 0; i < WEBHOOK_SECRETS_MAX; i++)
        snprintf(file + i * sizeof(SECRET), sizeof(SECRET) + 1, SECRET " ");
    assert_null(webhook_secrets_parse(rentbus_text(file), &secrets));
    webhook_sign(&secrets, rentbus_text("a"), 1, rentbus_text("b"), out);
    assert_int_equal(strlen(out), WEBHOOK_SIGNATURE_SIZE - 1);
}

static void secrets_that_are_none(void **state)
{
    (void)state;
    static const char *const files[][2] = {
        {"", "there is no secret"},
        {" \n", "there is no secret"},
        {"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_"},
        {"whsec_", "less than 24 bytes"},
        {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaA=", "less than 24 bytes"},
        {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa$w", "base64"},
        {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw=", "base64"},
        {SECRET "," SECRET, "base64"},
        {SECRET "\nwhatever", "whsec_"},
        {"whsec_"
         "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+"
         "P0A=",
         "base64"},
    };
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        struct webhook_secrets secrets;
        const char *problem = webhook_secrets_parse(rentbus_text(files[i][0]), &secrets);
        assert_non_null(problem);
        assert_non_null(strstr(problem, files[i][1]));
        assert_int_equal(secrets.count, 0);
    }
}

static void too_many_secrets(void **state)
{
    (void)state;
    struct webhook_secrets secrets;
    const char nine[] = SECRET " " SECRET " " SECRET " " SECRET " " SECRET " " SECRET " " SECRET
                               " " SECRET " " SECRET;
    const char *problem = webhook_secrets_parse(rentbus_text(nine), &secrets);
    assert_non_null(problem);
    assert_non_null(strstr(problem, "more than 8"));
}

/* ---- answers ---- */

static void waits_that_an_endpoint_asks_for(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t expected;
    } rows[] = {
        {"", RENTBUS_DELAY_DEFAULT},
        {"0", RENTBUS_DELAY_DEFAULT},
        {"1", 1000},
        {"007", 7000},
        {"120", 120000},
        {"3599", 3599000},
        {"3600", 3600000},
        {"3601", 3600000},
        {"18446744073709551616", 3600000},
        {"99999999999999999999999999999999999999", 3600000},
        {"-1", RENTBUS_DELAY_DEFAULT},
        {"+1", RENTBUS_DELAY_DEFAULT},
        {"1.5", RENTBUS_DELAY_DEFAULT},
        {"1 ", RENTBUS_DELAY_DEFAULT},
        {"1x", RENTBUS_DELAY_DEFAULT},
        {"soon", RENTBUS_DELAY_DEFAULT},
        {"Sun, 06 Nov 1994 08:49:37 GMT", 60000},
        {"Sunday, 06-Nov-94 08:49:37 GMT", 60000},
        {"Sun Nov  6 08:49:37 1994", 60000},
        {"Sun, 06 Nov 1994 08:48:38 GMT", 1000},
        {"Sun, 06 Nov 1994 08:48:37 GMT", RENTBUS_DELAY_DEFAULT},
        {"Sun, 06 Nov 1994 07:49:37 GMT", RENTBUS_DELAY_DEFAULT},
        {"Fri, 31 Dec 9999 23:59:59 GMT", 3600000},
        {"Sun, 06 Nov 1994 08:49:37", RENTBUS_DELAY_DEFAULT},
        {"Sun, 06 Nov 1994 08:49:37 GMT+1", RENTBUS_DELAY_DEFAULT},
        {"1994-11-06T08:49:37Z", RENTBUS_DELAY_DEFAULT},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(webhook_retry_after(rows[i].text, NOW), rows[i].expected);
}

static struct webhook_verdict verdict_of(long status, const char *body)
{
    struct webhook_answer answer = {.status = status, .failure = "nobody there"};
    struct webhook_verdict verdict;
    snprintf(answer.retry_after, sizeof(answer.retry_after), "7");
    handler_tail_add(&answer.body, body, strlen(body));
    webhook_judge(&answer, NOW, &verdict);
    return verdict;
}

static void outcome_is(long status, enum handler_outcome outcome, bool gone)
{
    struct webhook_verdict verdict = verdict_of(status, "");
    assert_int_equal(verdict.outcome, outcome);
    assert_int_equal(verdict.gone, gone);
    assert_int_equal(verdict.delay_ms,
                     outcome == HANDLER_LATER && status > 0 ? 7000 : RENTBUS_DELAY_DEFAULT);
}

static void outcome_of_each_status(void **state)
{
    (void)state;
    for (long status = 100; status < 700; status++) {
        bool later =
            status == 408 || status == 425 || status == 429 || (status >= 500 && status <= 599);
        bool done = status >= 200 && status <= 299;
        outcome_is(status,
                   done    ? HANDLER_DONE
                   : later ? HANDLER_LATER
                           : HANDLER_FAILED,
                   status == 410);
    }
    outcome_is(0, HANDLER_LATER, false);
}

static void errors_say_what_it_was(void **state)
{
    (void)state;
    assert_string_equal(verdict_of(204, "fine").error, "");
    assert_string_equal(verdict_of(404, "no \x1b[31m such\n").error, "HTTP 404: no ?[31m such");
    assert_string_equal(verdict_of(503, "").error, "HTTP 503");
    assert_string_equal(verdict_of(302, "moved").error,
                        "HTTP 302: redirects are not followed: moved");
    assert_string_equal(verdict_of(0, "").error, "no answer: nobody there");
}

/* ---- headers ---- */

static void headers(void **state)
{
    (void)state;
    static const char *const good[] = {"A: b", "a:b", "X-Key:\tvalue: more",
                                       "Authorization: Bearer x", "Content-Types: a"};
    static const char *const bad[][2] = {
        {"", "NAME: VALUE"},
        {"a", "NAME: VALUE"},
        {": b", "NAME: VALUE"},
        {"a b: c", "NAME: VALUE"},
        {"a;", "NAME: VALUE"},
        {"\xc3\xa4: c", "NAME: VALUE"},
        {"a:", "no value"},
        {"a: \t", "no value"},
        {"a: b\r\nc: d", "control"},
        {"a: b\x7f", "control"},
        {"content-TYPE: x", "set"},
        {"Content-Length: 1", "set"},
        {"Webhook-Id: 1", "set"},
        {"webhook-anything: 1", "set"},
        {"Transfer-Encoding: chunked", "set"},
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_null(webhook_header_check(rentbus_text(good[i])));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const char *problem = webhook_header_check(rentbus_text(bad[i][0]));
        assert_non_null(problem);
        assert_non_null(strstr(problem, bad[i][1]));
    }
    assert_non_null(webhook_header_check((struct rentbus_text){"a: b\0c", 6}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signature_of_the_specification),
        cmocka_unit_test(signatures_of_several_secrets),
        cmocka_unit_test(no_secret_no_signature),
        cmocka_unit_test(the_most_secrets_have_room),
        cmocka_unit_test(secrets_that_are_none),
        cmocka_unit_test(too_many_secrets),
        cmocka_unit_test(waits_that_an_endpoint_asks_for),
        cmocka_unit_test(outcome_of_each_status),
        cmocka_unit_test(errors_say_what_it_was),
        cmocka_unit_test(headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
