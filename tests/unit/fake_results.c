/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/unit/fake_results.h"

#include "sdk/protocol/cbor.h"
#include "sdk/protocol/codec.h"
#include "sdk/protocol/text.h"
#include "sdk/protocol/time.h"

void fake_event_put(struct fake_daemon *fake, uint64_t seq, struct rentbus_buffer *out)
{
    static const uint8_t hash[RENTBUS_HASH_SIZE];
    static const uint8_t nothing[] = {0xa0};
    struct rentbus_event event = {0};
    RENTBUS_SET(&event, event, id, rentbus_text("e"));
    RENTBUS_SET(&event, event, seq, seq);
    RENTBUS_SET(&event, event, data, ((struct rentbus_bytes){nothing, 1}));
    RENTBUS_SET(&event, event, hash, ((struct rentbus_bytes){hash, sizeof(hash)}));
    RENTBUS_SET(&event, event, time, (int64_t)seq * RENTBUS_SECOND);
    RENTBUS_SET(&event, event, type, rentbus_text(fake->journal[seq - 1].type));
    RENTBUS_SET(&event, event, actor, rentbus_text("test"));
    RENTBUS_SET(&event, event, source, rentbus_text("/rentbus/test"));
    RENTBUS_SET(&event, event, specversion, rentbus_text("1.0"));
    rentbus_encode(&rentbus_event_schema, &event, out);
}

static bool type_asked(const struct rentbus_events_read_args *args, const char *type)
{
    if (!RENTBUS_HAS(args, events_read_args, types))
        return true;
    for (size_t i = 0; i < args->types.count; i++) {
        if (rentbus_text_equal(args->types.items[i], rentbus_text(type)))
            return true;
    }
    return false;
}

static void put_page(struct fake_daemon *fake, const struct rentbus_events_read_args *args,
                     struct rentbus_buffer *out)
{
    struct rentbus_buffer events = {0};
    struct rentbus_event_page page = {0};
    uint64_t from = RENTBUS_HAS(args, events_read_args, from_seq) ? args->from_seq : 1;
    if (RENTBUS_HAS(args, events_read_args, since))
        from = (uint64_t)((args->since + RENTBUS_SECOND - 1) / RENTBUS_SECOND);
    uint64_t seq = from;
    for (; seq <= fake->head && page.events.count < args->limit; seq++) {
        if (!type_asked(args, fake->journal[seq - 1].type))
            continue;
        if (seq == from && fake->mood == FAKE_HOLE)
            continue;
        fake_event_put(fake, seq, &events);
        page.events.count++;
    }
    uint64_t next = seq <= fake->head ? seq : fake->head + 1;
    page.events.data = events.data;
    page.events.length = events.length;
    RENTBUS_SET(&page, event_page, head, fake->head);
    RENTBUS_SET(&page, event_page, next_seq, fake->mood == FAKE_STILL ? from : next);
    page.has |= RENTBUS_BIT(event_page, events);
    rentbus_encode(&rentbus_event_page_schema, &page, out);
    rentbus_buffer_release(&events);
}

static void put_hello(struct fake_daemon *fake, struct rentbus_buffer *out)
{
    struct rentbus_hello_result hello = {0};
    RENTBUS_SET(&hello, hello_result, head, fake->head);
    RENTBUS_SET(&hello, hello_result, role, RENTBUS_ROLE_clerk);
    RENTBUS_SET(&hello, hello_result, time, 0);
    RENTBUS_SET(&hello, hello_result, actor, rentbus_text("test"));
    RENTBUS_SET(&hello, hello_result, ledger, rentbus_text(fake->ledger));
    RENTBUS_SET(&hello, hello_result, version, rentbus_text("0"));
    RENTBUS_SET(&hello, hello_result, protocol, RENTBUS_PROTOCOL_VERSION);
    rentbus_encode(&rentbus_hello_result_schema, &hello, out);
}

/* Of every other operation: what the test wants, or how many requests came before. */
static void put_command(struct fake_daemon *fake, struct rentbus_buffer *out)
{
    if (fake->result.length > 0) {
        rentbus_buffer_append(out, fake->result.data, fake->result.length);
        return;
    }
    struct rentbus_command_result result = {0};
    RENTBUS_SET(&result, command_result, seq, fake->requests);
    RENTBUS_SET(&result, command_result, outcome, RENTBUS_OUTCOME_COMPLETED);
    rentbus_encode(&rentbus_command_result_schema, &result, out);
}

/* Of a command of a batch: its number, from 1; but user.unblock finds nobody. True when it did. */
static bool put_batch_reply(const struct rentbus_batch_command *command, uint64_t number,
                            struct rentbus_buffer *out)
{
    struct rentbus_batch_reply reply = {0};
    bool ok = !rentbus_text_equal(command->op, rentbus_text("user.unblock"));
    RENTBUS_SET(&reply, batch_reply, id, command->id);
    RENTBUS_SET(&reply, batch_reply, ok, ok);
    reply.has |= ok ? RENTBUS_BIT(batch_reply, result) : RENTBUS_BIT(batch_reply, error);
    RENTBUS_SET(&reply.result, command_result, seq, number);
    RENTBUS_SET(&reply.result, command_result, outcome, RENTBUS_OUTCOME_COMPLETED);
    RENTBUS_SET(&reply.error, error, code, RENTBUS_ERROR_NOT_FOUND);
    RENTBUS_SET(&reply.error, error, field, rentbus_text("id"));
    RENTBUS_SET(&reply.error, error, message, rentbus_text("as told"));
    rentbus_encode(&rentbus_batch_reply_schema, &reply, out);
    return ok;
}

static void put_batch(const struct rentbus_batch_args *args, struct rentbus_buffer *out)
{
    struct rentbus_buffer replies = {0};
    struct rentbus_batch_result result = {0};
    struct rentbus_batch_command command;
    size_t position = 0;
    bool applied = true;
    while (rentbus_list_next(&args->commands, &rentbus_batch_command_schema, &position, &command) >
           0)
        applied = put_batch_reply(&command, ++result.replies.count, &replies) && applied;
    result.replies.data = replies.data;
    result.replies.length = replies.length;
    result.has |= RENTBUS_BIT(batch_result, replies);
    RENTBUS_SET(&result, batch_result, applied, applied || !args->atomic);
    rentbus_encode(&rentbus_batch_result_schema, &result, out);
    rentbus_buffer_release(&replies);
}

void fake_result_put(struct fake_daemon *fake, const struct rentbus_request *request,
                     struct rentbus_buffer *out)
{
    struct rentbus_fault fault;
    struct rentbus_events_read_args args;
    struct rentbus_batch_args batch;
    if (fake->mood == FAKE_ODD_RESULT) {
        rentbus_cbor_write_map(out, 0);
    } else if (rentbus_text_equal(request->op, rentbus_text("hello"))) {
        put_hello(fake, out);
    } else if (rentbus_text_equal(request->op, rentbus_text("events.read"))) {
        if (rentbus_decode(&rentbus_events_read_args_schema, request->args, RENTBUS_STRICT, &args,
                           &fault) == 0)
            put_page(fake, &args, out);
    } else if (rentbus_text_equal(request->op, rentbus_text("batch"))) {
        if (rentbus_decode(&rentbus_batch_args_schema, request->args, RENTBUS_STRICT, &batch,
                           &fault) == 0)
            put_batch(&batch, out);
    } else {
        put_command(fake, out);
    }
}
