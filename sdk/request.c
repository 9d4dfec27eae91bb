/* SPDX-License-Identifier: MPL-2.0 */
#include "sdk/request.h"
#include "sdk/protocol/cbor.h"
#include "sdk/protocol/codec.h"

#include <errno.h>
#include <string.h>

#define OP_SIZES(name, wire, args_struct, result_struct, mode)                                     \
    struct rentbus_##args_struct name##_args;                                                      \
    struct rentbus_##result_struct name##_result;
union any_value {
    RENTBUS_OPS(OP_SIZES)
};

size_t request_value_size(void)
{
    return sizeof(union any_value);
}

/* ---- requests ---- */

/* Of a request, without those of its args. */
#define REQUEST_ITEMS 8
#define TIME_MIN (INT64_C(-62135596800) * RENTBUS_SECOND)
#define TIME_MAX (INT64_C(253402300800) * RENTBUS_SECOND - 1)

/* What the encoder takes for granted; the rest is left to the decoder's rules. NULL when it is so,
 * else what is wrong. */
static const char *member_problem(const struct rentbus_field *field, const void *member)
{
    int64_t number = 0;
    switch (field->kind) {
    case RENTBUS_KIND_TEXT: {
        const struct rentbus_text *text = member;
        return rentbus_utf8_valid(text->data, text->length) ? NULL : "is not UTF-8";
    }
    case RENTBUS_KIND_IDS:
    case RENTBUS_KIND_TYPES:
        return ((const struct rentbus_ids *)member)->count <= RENTBUS_IDS_MAX ? NULL : "too many";
    case RENTBUS_KIND_TIME:
        memcpy(&number, member, sizeof(number));
        return number >= TIME_MIN && number <= TIME_MAX ? NULL : "out of range";
    case RENTBUS_KIND_DURATION:
        memcpy(&number, member, sizeof(number));
        return number >= 0 && number <= RENTBUS_DURATION_MAX ? NULL : "out of range";
    default:
        return NULL;
    }
}

static const char *field_problem(const struct rentbus_field *field, const void *args, bool present)
{
    if (present)
        return member_problem(field, (const char *)args + field->offset);
    return field->need == RENTBUS_NEED_REQUIRED ? "required" : NULL;
}

static int args_encodable(const struct rentbus_schema *schema, const void *args,
                          struct rentbus_fault *fault)
{
    uint64_t has = args ? *(const uint64_t *)args : 0;
    if (schema->count < 64 && has >> schema->count)
        return -EINVAL;
    for (size_t i = 0; i < schema->count; i++) {
        const struct rentbus_field *field = &schema->fields[i];
        const char *problem = field_problem(field, args, has >> i & 1);
        if (problem)
            return rentbus_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, field->name, "%s",
                                     problem);
    }
    return 0;
}

/* Whether the args hold what was encoded by somebody else. */
static bool args_opaque(const struct rentbus_schema *schema)
{
    for (size_t i = 0; i < schema->count; i++) {
        enum rentbus_kind kind = schema->fields[i].kind;
        if (kind == RENTBUS_KIND_ANY || kind == RENTBUS_KIND_MAP || kind == RENTBUS_KIND_MAPS)
            return true;
    }
    return false;
}

/* The decoder takes only bytes that are checked, and those of somebody else may be anything. */
static int args_check_bytes(struct rentbus_bytes encoded, struct rentbus_fault *fault)
{
    struct rentbus_cbor_limits limits = rentbus_request_limits;
    limits.items -= REQUEST_ITEMS;
    limits.depth--;
    enum rentbus_cbor_check check = rentbus_cbor_check(encoded, &limits);
    if (check == RENTBUS_CBOR_OK)
        return 0;
    bool large = check == RENTBUS_CBOR_TOO_LARGE;
    return rentbus_fault_set(fault,
                             large ? RENTBUS_ERROR_TOO_LARGE : RENTBUS_ERROR_INVALID_ARGUMENT,
                             "args", "%s", rentbus_cbor_check_text(check));
}

static int args_check(const struct rentbus_schema *schema, struct rentbus_bytes encoded,
                      void *scratch, struct rentbus_fault *fault)
{
    int error = args_opaque(schema) ? args_check_bytes(encoded, fault) : 0;
    return error ? error : rentbus_decode(schema, encoded, RENTBUS_STRICT, scratch, fault);
}

int request_args_encode(enum rentbus_op op, const void *args, void *scratch,
                        struct rentbus_buffer *out, struct rentbus_fault *fault)
{
    const struct rentbus_schema *schema = rentbus_op_rows[op].args;
    size_t start = out->length;
    int error = args_encodable(schema, args, fault);
    if (error)
        return error;
    if (args)
        rentbus_encode(schema, args, out);
    else
        rentbus_cbor_write_map(out, 0);
    if (out->failed)
        return -ENOMEM;
    struct rentbus_bytes encoded = {out->data + start, out->length - start};
    return args_check(schema, encoded, scratch, fault);
}

int request_encode(enum rentbus_op op, const struct rentbus_uuid *id, const void *args,
                   void *scratch, struct rentbus_buffer *out, struct rentbus_fault *fault)
{
    const struct rentbus_op_row *row = &rentbus_op_rows[op];
    struct rentbus_request request = {0};
    RENTBUS_SET(&request, request, v, RENTBUS_PROTOCOL_VERSION);
    RENTBUS_SET(&request, request, id, *id);
    RENTBUS_SET(&request, request, op, ((struct rentbus_text){row->wire, row->wire_length}));
    rentbus_cbor_write_map(out, 4);
    rentbus_encode_fields(&rentbus_request_schema, &request, RENTBUS_FIELD_request_v,
                          RENTBUS_FIELD_request_args, out);
    rentbus_cbor_write_text(out, "args", strlen("args"));
    int error = request_args_encode(op, args, scratch, out, fault);
    if (!error && out->length > rentbus_request_limits.bytes)
        error = rentbus_fault_set(fault, RENTBUS_ERROR_TOO_LARGE, "args",
                                  "longer than a request may be");
    return error;
}

/* ---- replies ---- */

/* The id of a reply that is well-formed and yet no reply of this protocol. */
static bool reply_id(struct rentbus_bytes checked, struct rentbus_uuid *id)
{
    struct rentbus_cbor_reader reader = rentbus_cbor_reader(checked);
    struct rentbus_cbor_item map = rentbus_cbor_read(&reader);
    if (map.type != RENTBUS_CBOR_MAP)
        return false;
    for (uint64_t i = 0; i < map.number; i++) {
        struct rentbus_cbor_item key = rentbus_cbor_read(&reader);
        if (key.bytes.length != 2 || memcmp(key.bytes.data, "id", 2) != 0) {
            rentbus_cbor_skip(&reader);
            continue;
        }
        struct rentbus_cbor_item value = rentbus_cbor_read(&reader);
        if (value.type != RENTBUS_CBOR_BYTES || value.bytes.length != sizeof(id->bytes))
            return false;
        memcpy(id->bytes, value.bytes.data, sizeof(id->bytes));
        return true;
    }
    return false;
}

bool reply_decode(struct rentbus_bytes bytes, struct rentbus_buffer *scratch,
                  struct rentbus_reply *reply)
{
    struct rentbus_fault unused;
    int error = rentbus_decode_message(&rentbus_reply_schema, bytes, &rentbus_reply_limits,
                                       RENTBUS_LENIENT, scratch, reply, &unused);
    if (!error)
        return RENTBUS_HAS(reply, reply, id);
    struct rentbus_uuid id;
    if (rentbus_cbor_check(bytes, &rentbus_reply_limits) != RENTBUS_CBOR_OK ||
        !reply_id(bytes, &id))
        return false;
    *reply = (struct rentbus_reply){0};
    RENTBUS_SET(reply, reply, id, id);
    return true;
}

static void fault_copy(char *out, size_t size, struct rentbus_text text)
{
    size_t length = text.length < size ? text.length : size - 1;
    /* Cut in front of a character, not within one. */
    while (length > 0 && length < text.length && ((uint8_t)text.data[length] & 0xc0) == 0x80)
        length--;
    if (length > 0)
        memcpy(out, text.data, length);
    out[length] = '\0';
}

static int fault_from(const struct rentbus_error *error, struct rentbus_fault *fault)
{
    uint64_t later = RENTBUS_HAS(error, error, retry_after_ms) ? error->retry_after_ms : 0;
    struct rentbus_text field = {0};
    if (RENTBUS_HAS(error, error, field))
        field = error->field;
    fault->code = error->code;
    fault->retry_after_ms = later < UINT32_MAX ? (uint32_t)later : UINT32_MAX;
    fault_copy(fault->field, sizeof(fault->field), field);
    fault_copy(fault->message, sizeof(fault->message), error->message);
    return (int)error->code;
}

int reply_status(const struct rentbus_reply *reply, const struct rentbus_schema *result,
                 void *value, struct rentbus_fault *fault)
{
    struct rentbus_fault unused;
    if (!RENTBUS_HAS(reply, reply, ok) || reply->v != RENTBUS_PROTOCOL_VERSION)
        return -EBADMSG;
    if (!reply->ok)
        return RENTBUS_HAS(reply, reply, error) ? fault_from(&reply->error, fault) : -EBADMSG;
    if (!RENTBUS_HAS(reply, reply, result))
        return -EBADMSG;
    int error = rentbus_decode(result, reply->result, RENTBUS_LENIENT, value, &unused);
    return error ? -EBADMSG : 0;
}
