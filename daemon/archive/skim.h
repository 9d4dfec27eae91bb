/* SPDX-License-Identifier: MPL-2.0 */
/* Maps of the journal read in passing: of an event what counts here, without a look at the rest. */
#ifndef RENTBUS_ARCHIVE_SKIM_H
#define RENTBUS_ARCHIVE_SKIM_H

#include <string.h>

#include "daemon/archive/mention.h"
#include "sdk/protocol/cbor.h"
#include "sdk/protocol/schema.h"

/* The head of text of less than 24 bytes, which all our names are, is its length and this. */
#define SKIM_TEXT 0x60
#define SKIM_TEXT_SHORT 24

/* The heads of numbers are the number, up to before SKIM_NUMBER, or say that one, two, four or
 * eight bytes follow. */
#define SKIM_NUMBER 24
#define SKIM_NUMBER_LAST 27
#define SKIM_NUMBER_MAX 8

/* Any other text, or what is none. */
struct rentbus_text skim_long_text(struct rentbus_cbor_reader *reader);

/* The text that the reader stands before, which it passes; absent when it is something else. */
static inline struct rentbus_text skim_text(struct rentbus_cbor_reader *reader)
{
    const uint8_t *at = reader->at;
    size_t left = (size_t)(reader->end - at);
    size_t length = left > 0 ? (size_t)at[0] - SKIM_TEXT : SIZE_MAX;

    if (length >= SKIM_TEXT_SHORT || length >= left)
        return skim_long_text(reader);
    reader->at = at + 1 + length;
    return (struct rentbus_text){(const char *)at + 1, length};
}

static inline bool skim_is(struct rentbus_text name, const char *wanted, size_t length)
{
    return name.data && name.length == length && memcmp(name.data, wanted, length) == 0;
}

/* Passes whatever the reader stands before: most of it is text, or a small number. */
static inline void skim_pass(struct rentbus_cbor_reader *reader)
{
    const uint8_t *at = reader->at;
    size_t left = (size_t)(reader->end - at);
    size_t length = left > 0 ? (size_t)at[0] - SKIM_TEXT : SIZE_MAX;

    if (length < SKIM_TEXT_SHORT && length < left)
        reader->at = at + 1 + length;
    else if (length == SKIM_TEXT_SHORT && left > 1 && at[1] <= left - 2)
        reader->at = at + 2 + at[1];
    else if (left > SKIM_NUMBER_MAX && at[0] <= SKIM_NUMBER_LAST)
        reader->at = at + (at[0] < SKIM_NUMBER ? 1 : 1 + (1 << (at[0] - SKIM_NUMBER)));
    else
        rentbus_cbor_skip(reader);
}

/* Passes over the event that the reader stands before, which may go on behind it. Of the event
 * `type`, `data`, `hash` and `command`, which it may not have, and what its data mentions. 0, or
 * -EBADMSG. */
int skim_event(struct rentbus_cbor_reader *reader, struct rentbus_event *event,
               struct mention_finding *finding) __attribute__((warn_unused_result));

#endif
