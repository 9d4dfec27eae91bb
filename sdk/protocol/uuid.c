/* SPDX-License-Identifier: MPL-2.0 */
#include "sdk/protocol/uuid.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#define MILLISECONDS_MAX ((UINT64_C(1) << 48) - 1)
#define HIGH_MAX ((UINT64_C(1) << 12) - 1)
#define LOW_MAX ((UINT64_C(1) << 62) - 1)

static int uuid_reseed(struct rentbus_uuid_source *source, uint64_t milliseconds)
{
    uint64_t random[2];
    ssize_t got;
    do
        got = getrandom(random, sizeof(random), 0);
    while (got < 0 && errno == EINTR);
    if (got != (ssize_t)sizeof(random))
        return got < 0 ? -errno : -EIO;
    source->milliseconds = milliseconds;
    source->high = random[0] & HIGH_MAX;
    source->low = random[1] & LOW_MAX;
    return 0;
}

static void uuid_count_up(struct rentbus_uuid_source *source)
{
    if (source->low++ < LOW_MAX)
        return;
    source->low = 0;
    if (source->high++ < HIGH_MAX)
        return;
    source->high = 0;
    source->milliseconds++;
}

static void put_big_endian(uint8_t *at, uint64_t number, int size)
{
    for (int i = size - 1; i >= 0; i--) {
        at[i] = (uint8_t)number;
        number >>= 8;
    }
}

int rentbus_uuid_next(struct rentbus_uuid_source *source, int64_t now, struct rentbus_uuid *out)
{
    uint64_t milliseconds = now > 0 ? (uint64_t)now / 1000 & MILLISECONDS_MAX : 0;
    bool fresh = source->milliseconds == 0 && source->high == 0 && source->low == 0;
    if (fresh || milliseconds > source->milliseconds) {
        int error = uuid_reseed(source, milliseconds);
        if (error)
            return error;
    } else {
        uuid_count_up(source);
    }
    put_big_endian(out->bytes, source->milliseconds, 6);
    put_big_endian(out->bytes + 6, UINT64_C(7) << 12 | source->high, 2);
    put_big_endian(out->bytes + 8, UINT64_C(2) << 62 | source->low, 8);
    return 0;
}

/* Whether a dash stands before this byte. */
static bool dash_before(size_t byte)
{
    return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

void rentbus_uuid_format(struct rentbus_uuid uuid, char text[RENTBUS_UUID_TEXT_SIZE + 1])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < RENTBUS_UUID_SIZE; i++) {
        if (dash_before(i))
            *text++ = '-';
        *text++ = digits[uuid.bytes[i] >> 4];
        *text++ = digits[uuid.bytes[i] & 15];
    }
    *text = '\0';
}

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    return digit >= 'A' && digit <= 'F' ? digit - 'A' + 10 : -1;
}

bool rentbus_uuid_parse(struct rentbus_text text, struct rentbus_uuid *out)
{
    if (text.length != RENTBUS_UUID_TEXT_SIZE)
        return false;
    struct rentbus_uuid uuid;
    const char *at = text.data;
    for (size_t i = 0; i < RENTBUS_UUID_SIZE; i++) {
        if (dash_before(i) && *at++ != '-')
            return false;
        int high = hex_value(*at++);
        int low = hex_value(*at++);
        if (high < 0 || low < 0)
            return false;
        uuid.bytes[i] = (uint8_t)(high << 4 | low);
    }
    *out = uuid;
    return true;
}
