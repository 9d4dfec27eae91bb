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

/* ---- eight bytes at a time ---- */

#define EACH_BYTE(value) (UINT64_C(0x0101010101010101) * (value))

static uint64_t word_at(const char *data)
{
    uint64_t word;
    memcpy(&word, data, sizeof(word));
    return word;
}

/* The bytes of a shorter text, some of them twice, or with spaces behind them. */
static uint64_t short_word(const char *data, size_t length)
{
    uint32_t front;
    uint32_t back;
    const uint8_t *bytes = (const uint8_t *)data;
    if (length >= sizeof(front)) {
        memcpy(&front, data, sizeof(front));
        memcpy(&back, data + length - sizeof(back), sizeof(back));
        return (uint64_t)back << 32 | front;
    }
    if (length == 0)
        return EACH_BYTE(' ');
    return EACH_BYTE(' ') << 24 | (uint32_t)bytes[0] << 16 | (uint32_t)bytes[length / 2] << 8 |
           bytes[length - 1];
}

static bool word_is_ascii(uint64_t word)
{
    return (word & EACH_BYTE(0x80)) == 0;
}

/* ASCII without control characters: none of the bytes reaches 0x80, does so with one more, which
 * DEL does, or borrows to lose 0x20. */
static bool word_is_printable(uint64_t word)
{
    return word_is_ascii(word | (word + EACH_BYTE(1)) | (word - EACH_BYTE(0x20)));
}

/* The last word reaches back to where it has eight bytes. */
static inline bool words_are(bool (*is)(uint64_t word), const char *data, size_t length)
{
    if (length < sizeof(uint64_t))
        return is(short_word(data, length));
    for (size_t at = 0; at < length - sizeof(uint64_t); at += sizeof(uint64_t)) {
        if (!is(word_at(data + at)))
            return false;
    }
    return is(word_at(data + length - sizeof(uint64_t)));
}

/* Of its own, so that the usual case need not save registers for it. */
__attribute__((noinline)) static bool utf8_valid_long(const char *data, size_t length)
{
    for (size_t at = 0; at < length;) {
        uint32_t code;
        size_t size = rentbus_utf8_next(data + at, length - at, &code);
        if (size == 0)
            return false;
        at += size;
    }
    return true;
}

bool rentbus_utf8_valid(const char *data, size_t length)
{
    return words_are(word_is_ascii, data, length) || utf8_valid_long(data, length);
}

__attribute__((noinline)) static bool id_valid_long(struct rentbus_text text)
{
    for (size_t at = 0; at < text.length;) {
        uint32_t code = 0;
        size_t size = rentbus_utf8_next(text.data + at, text.length - at, &code);
        if (size == 0 || code < 0x20 || (code >= 0x7f && code < 0xa0))
            return false;
        at += size;
    }
    return true;
}

bool rentbus_id_valid(struct rentbus_text text)
{
    return text.length > 0 && text.length <= RENTBUS_ID_MAX &&
           (words_are(word_is_printable, text.data, text.length) || id_valid_long(text));
}

bool rentbus_type_valid(struct rentbus_text type)
{
    if (type.length == 0 || type.length > RENTBUS_TYPE_MAX)
        return false;
    for (size_t i = 0; i < type.length; i++) {
        char letter = type.data[i];
        bool good = (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
                    (letter >= '0' && letter <= '9') || letter == '_' || letter == '-' ||
                    letter == '.';
        if (!good)
            return false;
    }
    return true;
}

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* The value of each digit, plus one; 0 for what is none. */
static const uint8_t base64_values[256] = {
    ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,
    ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
    ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
    ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
    ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
    ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
    ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
    ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63, ['/'] = 64,
};

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
        uint32_t value = base64_values[(uint8_t)text.data[i]];
        if (value == 0)
            return -1;
        bits = bits << 6 | (value - 1);
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
