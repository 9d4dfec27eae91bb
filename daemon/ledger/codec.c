/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/ledger/codec.h"

#include <errno.h>

#include "sdk/protocol/text.h"

const void *ledger_event_data(const struct ledger_event *event)
{
    return event->type == RENTBUS_EVENT_NONE ? NULL : &event->data;
}

struct rentbus_text ledger_event_type(const struct ledger_event *event)
{
    if (event->type == RENTBUS_EVENT_NONE)
        return event->data.published.type;
    return rentbus_text(rentbus_word_text(&rentbus_event_type_words, (int)event->type));
}

struct rentbus_encoded ledger_event_encode_data(const struct ledger_event *event,
                                                struct rentbus_buffer *out)
{
    const struct rentbus_bytes *published = &event->data.published.data;
    const struct rentbus_schema *schema = rentbus_event_rows[event->type].data;

    if (event->type == RENTBUS_EVENT_NONE) {
        rentbus_buffer_append(out, published->data, published->length);
        return (struct rentbus_encoded){0, 0};
    }
    return rentbus_encode_noting(schema, &event->data, rentbus_schema_find(schema, "rental", 6),
                                 out);
}

int ledger_event_decode(const struct rentbus_event *wire, struct ledger_event *event)
{
    struct rentbus_fault fault;
    int error;

    event->type = rentbus_event_type_find(wire->type);
    event->subject = RENTBUS_HAS(wire, event, subject) ? wire->subject : (struct rentbus_text){0};
    if (event->type == RENTBUS_EVENT_NONE) {
        event->data.published = (struct ledger_published){wire->type, wire->data};
        return 0;
    }
    error = rentbus_decode(rentbus_event_rows[event->type].data, wire->data, RENTBUS_LENIENT,
                           &event->data, &fault);
    return error == 0 ? 0 : -EBADMSG;
}
