/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/bench/ask.h"

#include <zmq.h>

#include "tests/bench/load.h"
#include "tests/bench/rig.h"

#define REPLY_MAX (4 << 20)

struct rentbus_bytes ask(void *socket, enum rentbus_op op, const void *args)
{
    static uint8_t reply[REPLY_MAX];
    struct rentbus_uuid id = {{1}};
    struct rentbus_buffer out = {0};
    load_encode(op, &id, args, &out);
    zmq_send(socket, out.data, out.length, 0);
    int length = zmq_recv(socket, reply, sizeof reply, 0);
    rentbus_buffer_release(&out);
    if (length < 0 || (size_t)length > sizeof reply)
        load_fail("no reply to %s", rentbus_op_rows[op].wire);
    return (struct rentbus_bytes){reply, (size_t)length};
}

/* False when the request was refused. */
static bool try_to_ask_for(void *socket, enum rentbus_op op, const void *args,
                           const struct rentbus_schema *schema, void *result)
{
    struct rentbus_reply reply;
    struct rentbus_fault fault;
    struct rentbus_bytes bytes = ask(socket, op, args);
    if (rentbus_decode(&rentbus_reply_schema, bytes, RENTBUS_LENIENT, &reply, &fault) ||
        (reply.ok && rentbus_decode(schema, reply.result, RENTBUS_LENIENT, result, &fault)))
        load_fail("a reply to %s cannot be read", rentbus_op_rows[op].wire);
    return reply.ok;
}

void ask_for(void *socket, enum rentbus_op op, const void *args,
             const struct rentbus_schema *schema, void *result)
{
    if (!try_to_ask_for(socket, op, args, schema, result))
        load_fail("%s was refused", rentbus_op_rows[op].wire);
}

struct rentbus_stats_result ask_stats(void *socket)
{
    struct rentbus_stats_args args = {0};
    struct rentbus_stats_result stats;
    ask_for(socket, RENTBUS_OP_stats, &args, &rentbus_stats_result_schema, &stats);
    return stats;
}

void ask_until_archived(void *socket, pid_t pid)
{
    struct rentbus_stats_args args = {0};
    struct rentbus_stats_result stats = {.head = 1};
    /* Refused while the archive is very far behind. */
    while (!try_to_ask_for(socket, RENTBUS_OP_stats, &args, &rentbus_stats_result_schema, &stats) ||
           stats.archived_seq < stats.head)
        rig_pause(pid);
}
