/* SPDX-License-Identifier: MPL-2.0 */
/* Any bytes as a request: what passes the check can be normalized, what decodes encodes to a fixed
 * point, its args too, and those of each command of a batch; every refusal is clean text. */
#include "sdk/protocol/cbor.h"
#include "sdk/protocol/json.h"
#include "sdk/protocol/text.h"
#include "tests/fuzz/round_trip.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is well-formed stays so in its normal form, and that form is its own. Nothing makes it
 * longer but the head of an array that had no length: its count takes more bytes than the break did
 * when it has 256 items or more. */
static void normalize_twice(struct rentbus_bytes bytes)
{
    enum rentbus_cbor_check check = rentbus_cbor_check(bytes, &rentbus_request_limits);
    if (check != RENTBUS_CBOR_OK && check != RENTBUS_CBOR_INDEFINITE)
        return;
    struct rentbus_buffer once = {0};
    struct rentbus_buffer twice = {0};
    if (rentbus_cbor_normalize(bytes, &once))
        abort();
    struct rentbus_bytes normal = {once.data, once.length};
    if (once.length > bytes.length + bytes.length / 256 ||
        rentbus_cbor_check(normal, &rentbus_request_limits) != RENTBUS_CBOR_OK)
        abort();
    if (rentbus_cbor_normalize(normal, &twice) || !round_trip_same(&once, &twice))
        abort();
    struct rentbus_cbor_reader reader = rentbus_cbor_reader(normal);
    if (rentbus_cbor_skip(&reader).length != normal.length)
        abort();
    rentbus_buffer_release(&once);
    rentbus_buffer_release(&twice);
}

static void read_args(struct rentbus_text wire, struct rentbus_bytes args)
{
    enum rentbus_op op = rentbus_op_find(wire);
    if (op < RENTBUS_OP_COUNT)
        round_trip_bytes(rentbus_op_rows[op].args, args);
}

static void read_batch(struct rentbus_bytes bytes)
{
    struct rentbus_batch_args args;
    struct rentbus_batch_command command;
    struct rentbus_fault fault = {0};
    size_t position = 0;
    if (rentbus_decode(&rentbus_batch_args_schema, bytes, RENTBUS_STRICT, &args, &fault))
        return;
    while (rentbus_list_next(&args.commands, &rentbus_batch_command_schema, &position, &command) >
           0) {
        round_trip(&rentbus_batch_command_schema, &command);
        read_args(command.op, command.args);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rentbus_bytes bytes = {data, size};
    struct rentbus_buffer scratch = {0};
    struct rentbus_request request;
    struct rentbus_fault fault = {0};
    normalize_twice(bytes);
    int result = rentbus_decode_message(&rentbus_request_schema, bytes, &rentbus_request_limits,
                                        RENTBUS_STRICT, &scratch, &request, &fault);
    if (result > 0)
        round_trip_fault(result, &fault);
    if (result == 0) {
        round_trip(&rentbus_request_schema, &request);
        read_args(request.op, request.args);
        read_batch(request.args);
    }
    rentbus_buffer_release(&scratch);
    return 0;
}
