/* SPDX-License-Identifier: MPL-2.0 */
#include "sdk/protocol/text.h"

/* Of a character of several bytes. */
static bool continuation(uint8_t byte)
{
    return (byte & 0xc0) == 0x80;
}

static size_t utf8_next_long(const uint8_t *bytes, size_t length, uint32_t *code)
{
    /* By the number of bytes: the least code point, below which the form is overlong. */
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t size = bytes[0] >= 0xf0 ? 4 : bytes[0] >= 0xe0 ? 3 : 2;
    if (bytes[0] < 0xc0 || bytes[0] > 0xf4 || size > length)
        return 0;
    uint32_t value = bytes[0] & (0x7fU >> size);
    for (size_t i = 1; i < size; i++) {
        if (!continuation(bytes[i]))
            return 0;
        value = value << 6 | (bytes[i] & 0x3fU);
    }
    bool surrogate = value >= 0xd800 && value <= 0xdfff;
    if (value < least[size] || value > 0x10ffff || surrogate)
        return 0;
    *code = value;
    return size;
}

size_t rentbus_utf8_next(const char *data, size_t length, uint32_t *code)
{
    if (length == 0)
        return 0;
    const uint8_t *bytes = (const uint8_t *)data;
    if (bytes[0] >= 0x80)
        return utf8_next_long(bytes, length, code);
    *code = bytes[0];
    return 1;
}

bool rentbus_utf8_valid(const char *data, size_t length)
{
    size_t at = 0;
    while (at < length) {
        uint64_t word;
        while (length - at >= sizeof(word)) {
            memcpy(&word, data + at, sizeof(word));
            if (word & UINT64_C(0x8080808080808080))
                break;
            at += sizeof(word);
        }
        if (at == length)
            break;
        uint32_t code;
        size_t size = rentbus_utf8_next(data + at, length - at, &code);
        if (size == 0)
            return false;
        at += size;
    }
    return true;
}

bool rentbus_id_valid(struct rentbus_text text)
{
    if (text.length == 0 || text.length > RENTBUS_ID_MAX)
        return false;
    for (size_t at = 0; at < text.length;) {
        uint32_t code = 0;
        size_t size = rentbus_utf8_next(text.data + at, text.length - at, &code);
        if (size == 0 || code < 0x20 || (code >= 0x7f && code < 0xa0))
            return false;
        at += size;
    }
    return true;
}

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int base64_value(char digit)
{
    if (digit >= 'A' && digit <= 'Z')
        return digit - 'A';
    if (digit >= 'a' && digit <= 'z')
        return digit - 'a' + 26;
    if (digit >= '0' && digit <= '9')
        return digit - '0' + 52;
    if (digit == '+')
        return 62;
    return digit == '/' ? 63 : -1;
}

/* The digits of the text without its padding; SIZE_MAX when the padding is wrong. */
static size_t base64_digit_count(struct rentbus_text text)
{
    size_t count = text.length;
    while (count > 0 && text.length - count < 2 && text.data[count - 1] == '=')
        count--;
    bool padded = count < text.length;
    if ((padded && text.length % 4 != 0) || count % 4 == 1)
        return SIZE_MAX;
    return count;
}

int rentbus_base64_decode(struct rentbus_text text, uint8_t *out, size_t capacity)
{
    size_t count = base64_digit_count(text);
    if (count == SIZE_MAX || count / 4 * 3 + count % 4 * 3 / 4 > capacity || count > INT32_MAX)
        return -1;
    uint32_t bits = 0;
    unsigned held = 0;
    int length = 0;
    for (size_t i = 0; i < count; i++) {
        int value = base64_value(text.data[i]);
        if (value < 0)
            return -1;
        bits = bits << 6 | (uint32_t)value;
        held += 6;
        if (held >= 8) {
            held -= 8;
            out[length++] = (uint8_t)(bits >> held);
            bits &= (1U << held) - 1;
        }
    }
    return bits == 0 ? length : -1;
}

size_t rentbus_base64_encode(const uint8_t *data, size_t length, char *out)
{
    char *at = out;
    for (size_t i = 0; i < length; i += 3) {
        size_t rest = length - i;
        uint32_t bits = (uint32_t)data[i] << 16;
        bits |= rest > 1 ? (uint32_t)data[i + 1] << 8 : 0;
        bits |= rest > 2 ? data[i + 2] : 0;
        *at++ = base64_digits[bits >> 18];
        *at++ = base64_digits[bits >> 12 & 63];
        *at++ = rest > 1 ? base64_digits[bits >> 6 & 63] : '=';
        *at++ = rest > 2 ? base64_digits[bits & 63] : '=';
    }
    *at = '\0';
    return (size_t)(at - out);
}
