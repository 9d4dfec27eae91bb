/* SPDX-License-Identifier: MPL-2.0 */
/* Any bytes as an event and as a reply, as a client reads them, lists in it and lists in those:
 * what decodes encodes to a fixed point, and has a JSON form that is JSON. And as an event that the
 * archive passes over: of what decodes it finds the same. */
#include "daemon/archive/skim.h"
#include "sdk/protocol/cbor.h"
#include "sdk/protocol/json.h"
#include "sdk/protocol/text.h"
#include "tests/fuzz/round_trip.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_list(const struct rentbus_list *list, const struct rentbus_schema *schema)
{
    union round_trip_struct item;
    size_t position = 0;
    size_t read = 0;
    int more;
    while ((more = rentbus_list_next(list, schema, &position, &item)) > 0) {
        round_trip(schema, &item);
        read++;
    }
    if (more == 0 && (read != list->count || position != list->length))
        abort();
}

static void read_batch(struct rentbus_bytes result)
{
    struct rentbus_batch_result batch;
    struct rentbus_batch_reply reply;
    struct rentbus_fault fault = {0};
    size_t position = 0;
    if (rentbus_decode(&rentbus_batch_result_schema, result, RENTBUS_LENIENT, &batch, &fault))
        return;
    read_list(&batch.replies, &rentbus_batch_reply_schema);
    while (rentbus_list_next(&batch.replies, &rentbus_batch_reply_schema, &position, &reply) > 0)
        read_list(&reply.result.events, &rentbus_preview_schema);
}

static void read_result(struct rentbus_bytes result)
{
    struct rentbus_event_page page;
    struct rentbus_command_result command;
    struct rentbus_fault fault = {0};
    if (rentbus_decode(&rentbus_event_page_schema, result, RENTBUS_LENIENT, &page, &fault) == 0)
        read_list(&page.events, &rentbus_event_schema);
    if (rentbus_decode(&rentbus_command_result_schema, result, RENTBUS_LENIENT, &command, &fault) ==
        0)
        read_list(&command.events, &rentbus_preview_schema);
    read_batch(result);
    for (size_t op = 0; op < RENTBUS_OP_COUNT; op++)
        round_trip_bytes(rentbus_op_rows[op].result, result);
}

static void expect(struct rentbus_bytes bytes, const void *data, size_t length)
{
    if (bytes.length != length || (length > 0 && memcmp(bytes.data, data, length) != 0))
        abort();
}

static void compare_skimmed(const struct rentbus_event *event, const struct rentbus_event *skimmed,
                            const struct mention_finding *finding)
{
    struct mention mentions[MENTIONS_MAX];
    size_t count = mentions_of(event, mentions);
    bool alike = count == finding->count &&
                 RENTBUS_HAS(event, event, command) == RENTBUS_HAS(skimmed, event, command);

    if (!alike)
        abort();
    expect(event->data, skimmed->data.data, skimmed->data.length);
    expect(event->hash, skimmed->hash.data, skimmed->hash.length);
    expect((struct rentbus_bytes){(const uint8_t *)event->type.data, event->type.length},
           skimmed->type.data, skimmed->type.length);
    if (RENTBUS_HAS(event, event, command))
        expect((struct rentbus_bytes){event->command.bytes, sizeof(event->command.bytes)},
               skimmed->command.bytes, sizeof(skimmed->command.bytes));
    for (size_t i = 0; i < count; i++)
        if (mention_key(mentions[i]) != mention_key(finding->mentions[i]))
            abort();
}

/* As the journal has it. */
static void skim(const struct rentbus_event *event)
{
    struct rentbus_buffer encoded = {0};
    struct rentbus_event skimmed;
    struct mention_finding finding;

    rentbus_encode(&rentbus_event_schema, event, &encoded);
    /* Behind an event in a block there are others. */
    size_t length = encoded.length;
    rentbus_buffer_append(&encoded, "\xa1", 1);
    struct rentbus_cbor_reader reader =
        rentbus_cbor_reader((struct rentbus_bytes){encoded.data, encoded.length});
    if (skim_event(&reader, &skimmed, &finding) || reader.at != encoded.data + length)
        abort();
    compare_skimmed(event, &skimmed, &finding);
    rentbus_buffer_release(&encoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rentbus_bytes bytes = {data, size};
    struct rentbus_buffer scratch = {0};
    union round_trip_struct value;
    struct rentbus_event event;
    struct mention_finding finding;
    struct rentbus_fault fault = {0};
    int result = rentbus_decode_message(&rentbus_event_schema, bytes, &rentbus_reply_limits,
                                        RENTBUS_LENIENT, &scratch, &value, &fault);
    if (result > 0)
        round_trip_fault(result, &fault);
    if (result == 0) {
        round_trip(&rentbus_event_schema, &value);
        skim(&value.event);
    }
    struct rentbus_cbor_reader reader = rentbus_cbor_reader(bytes);
    int skimmed = skim_event(&reader, &event, &finding);
    if (skimmed && skimmed != -EBADMSG)
        abort();
    result = rentbus_decode_message(&rentbus_reply_schema, bytes, &rentbus_reply_limits,
                                    RENTBUS_LENIENT, &scratch, &value, &fault);
    if (result == 0) {
        round_trip(&rentbus_reply_schema, &value);
        if (RENTBUS_HAS(&value.reply, reply, result))
            read_result(value.reply.result);
    }
    rentbus_buffer_release(&scratch);
    return 0;
}
