/* SPDX-License-Identifier: MPL-2.0 */
/* What a refusal may say. */
#include "sdk/protocol/codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct rentbus_fault fault;

static void a_fault_is_cut_at_a_character(void **state)
{
    (void)state;
    char text[512];
    memset(text, 'x', sizeof(text));
    memcpy(text + RENTBUS_MESSAGE_SIZE - 2, "\xc3\xa9", 3);
    assert_int_equal(rentbus_fault_set(&fault, RENTBUS_ERROR_BUSY, NULL, "%s", text),
                     RENTBUS_ERROR_BUSY);
    assert_int_equal(strlen(fault.message), RENTBUS_MESSAGE_SIZE - 2);
    assert_string_equal(fault.field, "");
    assert_int_equal(fault.retry_after_ms, 0);
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    (void)rentbus_fault_set(&fault, RENTBUS_ERROR_BUSY, text, "%s", text);
    assert_int_equal(strlen(fault.message), RENTBUS_MESSAGE_SIZE - 1);
    assert_int_equal(strlen(fault.field), RENTBUS_FIELD_PATH_SIZE - 1);
}

static void a_fault_holds_clean_text_only(void **state)
{
    (void)state;
    (void)rentbus_fault_set(&fault, RENTBUS_ERROR_MALFORMED, "a\nb", "%s",
                            "x\xff\x1b[1m\x7f\xc2\x85y\xc3");
    assert_string_equal(fault.field, "a?b");
    assert_string_equal(fault.message, "x??[1m??y?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fault_is_cut_at_a_character),
        cmocka_unit_test(a_fault_holds_clean_text_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
