/* SPDX-License-Identifier: MPL-2.0 */
#include "sdk/protocol/cbor.h"
#include "sdk/protocol/text.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* Behind another item, since an empty buffer has no room yet for the shortest. */
static void texts_of_every_length_are_written_and_read(void **state)
{
    (void)state;
    char text[300];
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)('!' + i % 90);
    for (size_t length = 0; length <= sizeof(text); length++) {
        struct rentbus_buffer buffer = {0};
        rentbus_cbor_write_uint(&buffer, 1);
        rentbus_cbor_write_text(&buffer, text, length);
        struct rentbus_bytes bytes = {buffer.data, buffer.length};
        struct rentbus_cbor_reader reader = rentbus_cbor_reader(bytes);
        assert_null(rentbus_cbor_read_text(&reader).data);
        struct rentbus_text read = rentbus_cbor_read_text(&reader);
        assert_true(rentbus_text_equal(read, (struct rentbus_text){text, length}));
        assert_ptr_equal(reader.at, reader.end);
        assert_null(rentbus_cbor_read_text(&reader).data);
        rentbus_buffer_release(&buffer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_of_every_length_are_written_and_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
