/* SPDX-License-Identifier: MPL-2.0 */
#include "bridge-http/media.h"

#include <string.h>
#include <strings.h>

static const char *space_skip(const char *text)
{
    return text + strspn(text, " \t");
}

/* Whether the media type that `text` begins with is `type`, whatever its parameters. */
static bool type_is(const char *text, const char *type)
{
    size_t length = strcspn(text, ";, \t");
    return length == strlen(type) && strncasecmp(text, type, length) == 0;
}

/* The q of one element of an Accept header, in thousandths. */
static int quality(const char *element, size_t length)
{
    const char *end = element + length;
    for (const char *next = memchr(element, ';', length); next && next < end;
         next = memchr(next, ';', (size_t)(end - next))) {
        next = space_skip(next + 1);
        if (end - next < 3 || (*next != 'q' && *next != 'Q') || next[1] != '=')
            continue;
        int value = next[2] == '1' ? 1000 : 0;
        int unit = 100;
        for (next += 3; next < end && unit > 0 && value < 1000; next++) {
            if (*next >= '0' && *next <= '9') {
                value += (*next - '0') * unit;
                unit /= 10;
            } else if (*next != '.') {
                break;
            }
        }
        return value;
    }
    return 1000;
}

/* The q of a type that is named, or -1. */
static int quality_of(const char *accept, const char *type)
{
    for (const char *next = accept; *next;) {
        next = space_skip(next);
        size_t length = strcspn(next, ",");
        if (type_is(next, type))
            return quality(next, length);
        next += length + (next[length] == ',');
    }
    return -1;
}

bool http_media_prefers(const char *accept, const char *type)
{
    if (!accept)
        return false;
    int asked = quality_of(accept, type);
    return asked > 0 && asked > quality_of(accept, HTTP_TYPE_JSON);
}

bool http_media_is_json(const char *content_type)
{
    if (!content_type)
        return true;
    const char *type = space_skip(content_type);
    return *type == '\0' || type_is(type, HTTP_TYPE_JSON) ||
           type_is(type, "application/x-www-form-urlencoded");
}
