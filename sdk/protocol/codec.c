/* SPDX-License-Identifier: MPL-2.0 */
/* Encoding, and finding things by name. */
#include "sdk/protocol/codec.h"
#include "sdk/protocol/cbor.h"
#include "sdk/protocol/head.h"
#include "sdk/protocol/text.h"
#include "sdk/protocol/time.h"

/* ---- names ---- */

int rentbus_word_find(const struct rentbus_words *words, struct rentbus_text text)
{
    for (size_t i = 1; text.length > 0 && i < words->count; i++) {
        /* Most differ in their first letter. */
        if (words->texts[i][0] == text.data[0] &&
            rentbus_text_equal(rentbus_text(words->texts[i]), text))
            return (int)i;
    }
    return 0;
}

const char *rentbus_word_text(const struct rentbus_words *words, int value)
{
    return value > 0 && (size_t)value < words->count ? words->texts[value] : "";
}

enum rentbus_event_type rentbus_event_type_find(struct rentbus_text name)
{
    /* All of them end so, and hardly any other. */
    if (!rentbus_text_ends(name, "_EVENT"))
        return RENTBUS_EVENT_NONE;
    return (enum rentbus_event_type)rentbus_word_find(&rentbus_event_type_words, name);
}

enum rentbus_op rentbus_op_find(struct rentbus_text wire)
{
    size_t op = 0;
    while (
        op < RENTBUS_OP_COUNT &&
        !rentbus_text_equal(
            (struct rentbus_text){rentbus_op_rows[op].wire, rentbus_op_rows[op].wire_length}, wire))
        op++;
    return (enum rentbus_op)op;
}

size_t rentbus_schema_find(const struct rentbus_schema *schema, const char *name, size_t length)
{
    size_t i = 0;
    while (i < schema->count && (schema->fields[i].name_length != length ||
                                 memcmp(schema->fields[i].name, name, length) != 0))
        i++;
    return i;
}

/* ---- encoding ---- */

/* Each finds so much room behind the end of `out`, which is enough for any number, short text, UUID
 * or time; what may be longer asks for more. */
#define ENCODE_ROOM 32
typedef void encode_function(const struct rentbus_field *field, const void *member,
                             struct rentbus_buffer *out);

static uint8_t *room_of(const struct rentbus_buffer *out)
{
    return out->data + out->length;
}

static void encode_text(const struct rentbus_field *field, const void *member,
                        struct rentbus_buffer *out)
{
    (void)field;
    const struct rentbus_text *text = member;
    if (text->length <= RENTBUS_CBOR_SHORT_MAX)
        out->length +=
            rentbus_cbor_put_short(RENTBUS_CBOR_MAJOR_TEXT, text->data, text->length, room_of(out));
    else
        rentbus_cbor_write_any_string(out, RENTBUS_CBOR_MAJOR_TEXT, text->data, text->length);
}

static void encode_ids(const struct rentbus_field *field, const void *member,
                       struct rentbus_buffer *out)
{
    (void)field;
    const struct rentbus_ids *ids = member;
    rentbus_cbor_write_array(out, ids->count);
    for (size_t i = 0; i < ids->count; i++)
        rentbus_cbor_write_text(out, ids->items[i].data, ids->items[i].length);
}

static void encode_time(const struct rentbus_field *field, const void *member,
                        struct rentbus_buffer *out)
{
    (void)field;
    int64_t time = *(const int64_t *)member;
    uint8_t *room = room_of(out);
    /* Without microseconds it is short. */
    size_t head = time % RENTBUS_SECOND == 0 ? 1 : 2;
    size_t length = rentbus_time_format(time, (char *)room + head);
    rentbus_cbor_head_write(RENTBUS_CBOR_MAJOR_TEXT, length, room);
    out->length += head + length;
}

static void encode_duration(const struct rentbus_field *field, const void *member,
                            struct rentbus_buffer *out)
{
    (void)field;
    char text[RENTBUS_DURATION_TEXT_SIZE];
    size_t length = rentbus_duration_format(*(const int64_t *)member, text);
    rentbus_cbor_write_text(out, text, length);
}

static void encode_uint(const struct rentbus_field *field, const void *member,
                        struct rentbus_buffer *out)
{
    (void)field;
    out->length +=
        rentbus_cbor_head_write(RENTBUS_CBOR_MAJOR_UINT, *(const uint64_t *)member, room_of(out));
}

static void encode_int(const struct rentbus_field *field, const void *member,
                       struct rentbus_buffer *out)
{
    (void)field;
    int64_t value = *(const int64_t *)member;
    if (value >= 0)
        rentbus_cbor_write_uint(out, (uint64_t)value);
    else
        rentbus_cbor_write_negative(out, (uint64_t)(-1 - value));
}

static void encode_bool(const struct rentbus_field *field, const void *member,
                        struct rentbus_buffer *out)
{
    (void)field;
    rentbus_cbor_write_bool(out, *(const bool *)member);
}

static void encode_word(const struct rentbus_field *field, const void *member,
                        struct rentbus_buffer *out)
{
    int value;
    memcpy(&value, member, sizeof(value));
    const char *text = rentbus_word_text(field->words, value);
    rentbus_cbor_write_text(out, text, strlen(text));
}

static void encode_uuid(const struct rentbus_field *field, const void *member,
                        struct rentbus_buffer *out)
{
    (void)field;
    uint8_t *room = room_of(out);
    room[0] = RENTBUS_CBOR_MAJOR_BYTES << 5 | RENTBUS_UUID_SIZE;
    memcpy(room + 1, member, RENTBUS_UUID_SIZE);
    out->length += 1 + RENTBUS_UUID_SIZE;
}

static void encode_hash(const struct rentbus_field *field, const void *member,
                        struct rentbus_buffer *out)
{
    (void)field;
    const struct rentbus_bytes *bytes = member;
    rentbus_cbor_write_bytes(out, bytes->data, bytes->length);
}

static void encode_map(const struct rentbus_field *field, const void *member,
                       struct rentbus_buffer *out)
{
    rentbus_encode(field->schema, member, out);
}

static void encode_maps(const struct rentbus_field *field, const void *member,
                        struct rentbus_buffer *out)
{
    (void)field;
    const struct rentbus_list *list = member;
    rentbus_cbor_write_array(out, list->count);
    rentbus_buffer_append(out, list->data, list->length);
}

static void encode_any(const struct rentbus_field *field, const void *member,
                       struct rentbus_buffer *out)
{
    (void)field;
    const struct rentbus_bytes *bytes = member;
    rentbus_buffer_append(out, bytes->data, bytes->length);
}

static encode_function *const encode_functions[] = {
    [RENTBUS_KIND_ID] = encode_text,   [RENTBUS_KIND_TEXT] = encode_text,
    [RENTBUS_KIND_QR] = encode_text,   [RENTBUS_KIND_IDS] = encode_ids,
    [RENTBUS_KIND_TIME] = encode_time, [RENTBUS_KIND_DURATION] = encode_duration,
    [RENTBUS_KIND_UINT] = encode_uint, [RENTBUS_KIND_BOOL] = encode_bool,
    [RENTBUS_KIND_INT] = encode_int,   [RENTBUS_KIND_WORD] = encode_word,
    [RENTBUS_KIND_UUID] = encode_uuid, [RENTBUS_KIND_HASH] = encode_hash,
    [RENTBUS_KIND_MAP] = encode_map,   [RENTBUS_KIND_MAPS] = encode_maps,
    [RENTBUS_KIND_ANY] = encode_any,   [RENTBUS_KIND_TYPES] = encode_ids,
};

/* Every struct of the table begins with it. */
static uint64_t presence(const void *value)
{
    return *(const uint64_t *)value;
}

/* The bits from `first` up to `last`. */
static uint64_t bits_between(size_t first, size_t last)
{
    return first < last ? UINT64_MAX << first & UINT64_MAX >> (64 - last) : 0;
}

/* Returns where the field's value begins. */
static inline size_t encode_pair(const struct rentbus_field *field, const void *value,
                                 struct rentbus_buffer *out)
{
    uint8_t *room = rentbus_buffer_reserve(out, sizeof(field->key) + ENCODE_ROOM);
    if (!room)
        return out->length;
    memcpy(room, &field->key, sizeof(field->key));
    out->length += 1 + field->name_length;
    size_t start = out->length;
    encode_functions[field->kind](field, (const char *)value + field->offset, out);
    return start;
}

size_t rentbus_encode_fields(const struct rentbus_schema *schema, const void *value, size_t first,
                             size_t last, struct rentbus_buffer *out)
{
    size_t pairs = 0;
    for (uint64_t left = presence(value) & bits_between(first, last); left != 0; left &= left - 1) {
        encode_pair(&schema->fields[__builtin_ctzll(left)], value, out);
        pairs++;
    }
    return pairs;
}

void rentbus_encode(const struct rentbus_schema *schema, const void *value,
                    struct rentbus_buffer *out)
{
    rentbus_cbor_write_map(out, (size_t)__builtin_popcountll(presence(value)));
    rentbus_encode_fields(schema, value, 0, schema->count, out);
}

struct rentbus_encoded rentbus_encode_noting(const struct rentbus_schema *schema, const void *value,
                                             size_t noted, struct rentbus_buffer *out)
{
    struct rentbus_encoded found = {0, 0};
    rentbus_cbor_write_map(out, (size_t)__builtin_popcountll(presence(value)));
    rentbus_encode_fields(schema, value, 0, noted, out);
    if (noted < schema->count && presence(value) >> noted & 1) {
        found.start = encode_pair(&schema->fields[noted], value, out);
        found.length = out->length - found.start;
    }
    rentbus_encode_fields(schema, value, noted + 1, schema->count, out);
    return found;
}
