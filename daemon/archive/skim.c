/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/archive/skim.h"

#include <errno.h>

struct rentbus_text skim_long_text(struct rentbus_cbor_reader *reader)
{
    struct rentbus_cbor_reader within = rentbus_cbor_reader(rentbus_cbor_skip(reader));
    struct rentbus_cbor_item text = rentbus_cbor_read(&within);

    if (text.type != RENTBUS_CBOR_TEXT)
        return (struct rentbus_text){0};
    return (struct rentbus_text){(const char *)text.bytes.data, text.bytes.length};
}

/* The string of `size` bytes that the reader stands before, which it passes; NULL when it is
 * something else. */
static const uint8_t *skim_bytes(struct rentbus_cbor_reader *reader, size_t size)
{
    struct rentbus_cbor_item item = rentbus_cbor_read(reader);

    return item.type == RENTBUS_CBOR_BYTES && item.bytes.length == size ? item.bytes.data : NULL;
}

/* Takes the pair that the reader stands in. Whether it is as it should be. */
static bool skim_pair(struct rentbus_cbor_reader *reader, struct rentbus_text name,
                      struct rentbus_event *event, struct mention_finding *finding)
{
    const uint8_t *bytes = reader->at;

    if (skim_is(name, "data", 4)) {
        mention_pass(reader, finding);
        RENTBUS_SET(event, event, data,
                    ((struct rentbus_bytes){bytes, (size_t)(reader->at - bytes)}));
    } else if (skim_is(name, "type", 4)) {
        RENTBUS_SET(event, event, type, skim_text(reader));
        return event->type.data;
    } else if (skim_is(name, "hash", 4)) {
        bytes = skim_bytes(reader, RENTBUS_HASH_SIZE);
        RENTBUS_SET(event, event, hash, ((struct rentbus_bytes){bytes, RENTBUS_HASH_SIZE}));
        return bytes;
    } else if (skim_is(name, "command", 7)) {
        bytes = skim_bytes(reader, RENTBUS_UUID_SIZE);
        if (bytes)
            memcpy(event->command.bytes, bytes, RENTBUS_UUID_SIZE);
        event->has |= RENTBUS_BIT(event, command);
        return bytes;
    } else {
        skim_pass(reader);
    }
    return true;
}

int skim_event(struct rentbus_cbor_reader *reader, struct rentbus_event *event,
               struct mention_finding *finding)
{
    const uint64_t needed =
        RENTBUS_BIT(event, data) | RENTBUS_BIT(event, type) | RENTBUS_BIT(event, hash);
    struct rentbus_cbor_item map = rentbus_cbor_read(reader);

    event->has = 0;
    if (map.type != RENTBUS_CBOR_MAP)
        return -EBADMSG;
    for (uint64_t pair = 0; pair < map.number && reader->at < reader->end; pair++) {
        struct rentbus_text name = skim_text(reader);
        if (!skim_pair(reader, name, event, finding))
            return -EBADMSG;
    }
    if ((event->has & needed) != needed)
        return -EBADMSG;
    mention_judge(finding, event->type);
    return 0;
}
