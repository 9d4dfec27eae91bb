/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/unit/hex.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int digit_value(char digit)
{
    static const char digits[] = "0123456789abcdef";
    const char *found = digit ? strchr(digits, digit) : NULL;
    return found ? (int)(found - digits) : -1;
}

struct rentbus_bytes hex_read(const char *hex)
{
    size_t digits = 0;
    for (const char *at = hex; *at; at++)
        digits += digit_value(*at) >= 0;
    uint8_t *data = calloc(digits / 2 + 1, 1);
    if (!data)
        abort();
    size_t used = 0;
    for (const char *at = hex; *at; at++) {
        if (digit_value(*at) < 0)
            continue;
        data[used / 2] = (uint8_t)(data[used / 2] << 4 | digit_value(*at));
        used++;
    }
    uint8_t *exact = realloc(data, digits / 2 ? digits / 2 : 1);
    return (struct rentbus_bytes){exact ? exact : data, digits / 2};
}

void hex_release(struct rentbus_bytes *bytes)
{
    free((void *)(uintptr_t)bytes->data);
    *bytes = (struct rentbus_bytes){0};
}

static void print_bytes(const char *label, const uint8_t *data, size_t length)
{
    fprintf(stderr, "%s ", label);
    for (size_t i = 0; i < length; i++)
        fprintf(stderr, "%02x", data[i]);
    fprintf(stderr, "\n");
}

bool hex_equal(const struct rentbus_buffer *buffer, const char *hex)
{
    struct rentbus_bytes wanted = hex_read(hex);
    bool equal = !buffer->failed && buffer->length == wanted.length &&
                 (wanted.length == 0 || memcmp(buffer->data, wanted.data, wanted.length) == 0);
    if (!equal) {
        print_bytes("got   ", buffer->data, buffer->length);
        print_bytes("wanted", wanted.data, wanted.length);
    }
    hex_release(&wanted);
    return equal;
}
