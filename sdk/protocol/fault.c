/* SPDX-License-Identifier: MPL-2.0 */
#include "sdk/protocol/codec.h"
#include "sdk/protocol/text.h"

#include <stdarg.h>
#include <stdio.h>

/* Longer than what is kept of it, so that the cut is made by copy_clean(). */
#define UNCUT_MESSAGE_SIZE (2 * RENTBUS_MESSAGE_SIZE)

/* Copies what fits, whole characters only. What a peer sent may be in it: control characters and
 * bytes that are no UTF-8 become '?', so that it can go into a log line and into CBOR. */
static void copy_clean(char *out, size_t size, const char *text)
{
    size_t length = strlen(text);
    size_t used = 0;
    for (size_t at = 0; at < length;) {
        uint32_t code = 0;
        size_t step = rentbus_utf8_next(text + at, length - at, &code);
        bool clean = step > 0 && code >= 0x20 && (code < 0x7f || code >= 0xa0);
        size_t width = clean ? step : 1;
        if (used + width >= size)
            break;
        memcpy(out + used, clean ? text + at : "?", width);
        used += width;
        at += step > 0 ? step : 1;
    }
    out[used] = '\0';
}

int rentbus_fault_set(struct rentbus_fault *fault, enum rentbus_error_code code, const char *field,
                      const char *format, ...)
{
    char message[UNCUT_MESSAGE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    fault->code = code;
    fault->retry_after_ms = 0;
    copy_clean(fault->field, sizeof(fault->field), field ? field : "");
    copy_clean(fault->message, sizeof(fault->message), length < 0 ? "" : message);
    return (int)code;
}
