/* SPDX-License-Identifier: MPL-2.0 */
/* Maps of the journal read in passing: of an event what counts here, without a look at the rest. */
#ifndef RENTBUS_ARCHIVE_SKIM_H
#define RENTBUS_ARCHIVE_SKIM_H

#include <string.h>

#include "sdk/protocol/cbor.h"
#include "sdk/protocol/schema.h"

/* The head of text of less than 24 bytes, which all our names are, is its length and this. */
#define SKIM_TEXT 0x60
#define SKIM_TEXT_SHORT 24

/* The text that the reader stands before, which it passes; absent when it is something else. */
static inline struct rentbus_text skim_text(struct rentbus_cbor_reader *reader)
{
    struct rentbus_bytes item = rentbus_cbor_skip(reader);
    struct rentbus_cbor_reader within = rentbus_cbor_reader(item);

    if (item.length > 0 && item.data[0] - SKIM_TEXT == (int)item.length - 1 &&
        item.length <= SKIM_TEXT_SHORT)
        return (struct rentbus_text){(const char *)item.data + 1, item.length - 1};
    struct rentbus_cbor_item text = rentbus_cbor_read(&within);
    if (text.type != RENTBUS_CBOR_TEXT)
        return (struct rentbus_text){0};
    return (struct rentbus_text){(const char *)text.bytes.data, text.bytes.length};
}

static inline bool skim_is(struct rentbus_text name, const char *wanted, size_t length)
{
    return name.data && name.length == length && memcmp(name.data, wanted, length) == 0;
}

/* Of the event `type`, `data`, `hash` and `command`, which it may not have. 0, or -EBADMSG. */
int skim_event(struct rentbus_bytes bytes, struct rentbus_event *event)
    __attribute__((warn_unused_result));

/* What is of use in the data of an event of a rental; absent where there is none. */
struct skim_rental {
    struct rentbus_bytes rental; /* encoded */
    struct rentbus_text asset_type;
};
struct skim_rental skim_rental(struct rentbus_bytes data);

#endif
