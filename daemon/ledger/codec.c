/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/ledger/codec.h"

#include <errno.h>

#include "sdk/protocol/cbor.h"
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

static struct ledger_encoded encode_rental(const struct rentbus_field *field, const void *data,
                                           struct rentbus_buffer *out)
{
    rentbus_cbor_write_text(out, field->name, field->name_length);
    size_t start = out->length;
    rentbus_encode(field->schema, (const char *)data + field->offset, out);
    return (struct ledger_encoded){start, out->length - start};
}

struct ledger_encoded ledger_event_encode_data(const struct ledger_event *event,
                                               struct rentbus_buffer *out)
{
    const struct rentbus_bytes *published = &event->data.published.data;
    const struct rentbus_schema *schema = rentbus_event_rows[event->type].data;
    const void *data = &event->data;
    struct ledger_encoded rental = {0, 0};

    if (event->type == RENTBUS_EVENT_NONE) {
        rentbus_buffer_append(out, published->data, published->length);
        return rental;
    }
    uint64_t has = *(const uint64_t *)data;
    size_t place = rentbus_schema_find(schema, "rental", 6);
    rentbus_cbor_write_map(out, (size_t)__builtin_popcountll(has));
    rentbus_encode_fields(schema, data, 0, place, out);
    if (place < schema->count && has >> place & 1)
        rental = encode_rental(&schema->fields[place], data, out);
    rentbus_encode_fields(schema, data, place + 1, schema->count, out);
    return rental;
}

int ledger_event_decode(const struct rentbus_event *wire, struct ledger_event *event)
{
    struct rentbus_fault fault;
    int error;

    event->type = (enum rentbus_event_type)rentbus_word_find(&rentbus_event_type_words, wire->type);
    event->subject = RENTBUS_HAS(wire, event, subject) ? wire->subject : (struct rentbus_text){0};
    if (event->type == RENTBUS_EVENT_NONE) {
        event->data.published = (struct ledger_published){wire->type, wire->data};
        return 0;
    }
    error = rentbus_decode(rentbus_event_rows[event->type].data, wire->data, RENTBUS_LENIENT,
                           &event->data, &fault);
    return error == 0 ? 0 : -EBADMSG;
}
