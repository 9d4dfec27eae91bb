/* SPDX-License-Identifier: MPL-2.0 */
#include "bridge-http/uri.h"

#include <errno.h>
#include <string.h>

#include "bridge-http/problem.h"

void http_uri_split(char *target, char **path, char **query)
{
    char *authority = target[0] == '/' ? NULL : strstr(target, "://");
    if (authority) {
        target = authority + 3;
        target += strcspn(target, "/?");
    }
    char *mark = strchr(target, '?');
    if (mark)
        *mark++ = '\0';
    *path = target;
    *query = mark;
}

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F')
        return digit - 'A' + 10;
    return -1;
}

long http_uri_decode(const char *text, size_t length, bool form, char *out)
{
    size_t used = 0;
    if (!memchr(text, '%', length) && !(form && memchr(text, '+', length))) {
        memmove(out, text, length);
        return (long)length;
    }
    for (size_t i = 0; i < length; i++) {
        char byte = text[i];
        if (byte == '%') {
            int high = i + 2 < length ? hex_value(text[i + 1]) : -1;
            int low = i + 2 < length ? hex_value(text[i + 2]) : -1;
            if (high < 0 || low < 0 || (high == 0 && low == 0))
                return -1;
            byte = (char)(high * 16 + low);
            i += 2;
        } else if (form && byte == '+') {
            byte = ' ';
        }
        out[used++] = byte;
    }
    return (long)used;
}

bool http_number_parse(const char *text, size_t length, uint64_t *number)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < length; i++) {
        unsigned digit = (unsigned)(unsigned char)text[i] - '0';
        if (digit > 9 || sum > (UINT64_MAX - digit) / 10)
            return false;
        sum = sum * 10 + digit;
    }
    if (length == 0)
        return false;
    *number = sum;
    return true;
}

/* ---- parameters, one reader for each kind of field ---- */

static bool read_id(struct rentbus_text text, const struct rentbus_field *field, void *out)
{
    (void)field;
    *(struct rentbus_text *)out = text;
    return rentbus_id_valid(text);
}

static bool read_text(struct rentbus_text text, const struct rentbus_field *field, void *out)
{
    (void)field;
    *(struct rentbus_text *)out = text;
    return text.length <= RENTBUS_TEXT_MAX && rentbus_utf8_valid(text.data, text.length);
}

static bool read_number(struct rentbus_text text, const struct rentbus_field *field, void *out)
{
    (void)field;
    return http_number_parse(text.data, text.length, out);
}

static bool read_integer(struct rentbus_text text, const struct rentbus_field *field, void *out)
{
    uint64_t number = 0;
    size_t sign = text.length > 0 && text.data[0] == '-';
    (void)field;
    if (!http_number_parse(text.data + sign, text.length - sign, &number) ||
        number > (uint64_t)INT64_MAX + sign)
        return false;
    /* The smallest has no counterpart. */
    *(int64_t *)out = sign && number > 0 ? -1 - (int64_t)(number - 1) : (int64_t)number;
    return true;
}

static bool read_bool(struct rentbus_text text, const struct rentbus_field *field, void *out)
{
    bool yes = rentbus_text_equal(text, rentbus_text("true"));
    (void)field;
    *(bool *)out = yes;
    return yes || rentbus_text_equal(text, rentbus_text("false"));
}

static bool read_word(struct rentbus_text text, const struct rentbus_field *field, void *out)
{
    int word = rentbus_word_find(field->words, text);
    *(int *)out = word;
    return word > 0;
}

static bool read_time(struct rentbus_text text, const struct rentbus_field *field, void *out)
{
    char copy[64];
    (void)field;
    if (text.length > sizeof(copy))
        return false;
    memcpy(copy, text.data, text.length);
    /* Whoever types a URL by hand writes the + of an offset as it is, and it arrives as a space. */
    char *space = memchr(copy, ' ', text.length);
    if (space && space > copy + strlen("2025-02-10T"))
        *space = '+';
    return rentbus_time_parse((struct rentbus_text){copy, text.length}, out);
}

static bool is_list(const struct rentbus_field *field)
{
    return field->kind == RENTBUS_KIND_IDS || field->kind == RENTBUS_KIND_TYPES;
}

/* One more of a list. */
static bool read_item(struct rentbus_text text, const struct rentbus_field *field, void *out)
{
    struct rentbus_ids *texts = out;
    bool types = field->kind == RENTBUS_KIND_TYPES;
    if (texts->count == RENTBUS_IDS_MAX ||
        !(types ? rentbus_type_valid(text) : rentbus_id_valid(text)))
        return false;
    texts->items[texts->count++] = text;
    return true;
}

static const struct {
    bool (*read)(struct rentbus_text text, const struct rentbus_field *field, void *out);
    const char *rule;
} query_kinds[] = {
    [RENTBUS_KIND_ID] = {read_id, "must be an id of 1 to 128 bytes of UTF-8"},
    [RENTBUS_KIND_TEXT] = {read_text, "must be UTF-8 text of at most 1024 bytes"},
    [RENTBUS_KIND_IDS] = {read_item, "must be given at most 32 times, an id each time"},
    [RENTBUS_KIND_TYPES] = {read_item,
                            "must be given at most 32 times, each time 1 to 200 letters, "
                            "digits, _, - and ."},
    [RENTBUS_KIND_TIME] = {read_time, "must be a time such as 2025-02-10T11:00:00Z (RFC 3339)"},
    [RENTBUS_KIND_UINT] = {read_number, "must be a whole number that is not negative"},
    [RENTBUS_KIND_INT] = {read_integer, "must be a whole number"},
    [RENTBUS_KIND_BOOL] = {read_bool, "must be true or false"},
    [RENTBUS_KIND_WORD] = {read_word, "is none of the words allowed here"},
};
#define QUERY_KINDS (sizeof(query_kinds) / sizeof(query_kinds[0]))

static size_t parameter_find(const struct rentbus_schema *schema, const char *name, size_t length)
{
    size_t index = rentbus_schema_find(schema, name, length);
    if (index < schema->count)
        return is_list(&schema->fields[index]) ? schema->count : index;
    for (index = 0; index < schema->count; index++) {
        const struct rentbus_field *field = &schema->fields[index];
        if (is_list(field) && field->name_length == length + 1 &&
            memcmp(field->name, name, length) == 0 && field->name[length] == 's')
            return index;
    }
    return schema->count;
}

static int parameter_read(const struct rentbus_schema *schema, const char *name, size_t name_length,
                          struct rentbus_text text, void *value, struct rentbus_fault *fault)
{
    size_t index = parameter_find(schema, name, name_length);
    const struct rentbus_field *field = &schema->fields[index];
    uint64_t *has = value;
    uint64_t bit = UINT64_C(1) << index;
    if (index == schema->count || field->kind >= QUERY_KINDS || !query_kinds[field->kind].read)
        return http_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, name, name_length,
                              "there is no such parameter here");
    if ((*has & bit) && !is_list(field))
        return http_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, name, name_length,
                              "is given twice");
    if (!query_kinds[field->kind].read(text, field, (char *)value + field->offset))
        return http_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, name, name_length,
                              query_kinds[field->kind].rule);
    *has |= bit;
    return 0;
}

int http_query_read(const struct rentbus_schema *schema, char *query, void *value,
                    struct rentbus_fault *fault)
{
    memset(value, 0, schema->size);
    for (char *next = query; next && *next;) {
        size_t length = strcspn(next, "&");
        size_t name_length = strcspn(next, "&=");
        char *text = next + name_length + (name_length < length);
        size_t text_length = length - (size_t)(text - next);
        long name_decoded = http_uri_decode(next, name_length, true, next);
        long text_decoded = http_uri_decode(text, text_length, true, text);
        bool last = next[length] == '\0';
        if (name_decoded < 0 || text_decoded < 0)
            return http_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, "", 0,
                                  "the query has a broken percent-encoding");
        int error = length == 0 ? 0
                                : parameter_read(schema, next, (size_t)name_decoded,
                                                 (struct rentbus_text){text, (size_t)text_decoded},
                                                 value, fault);
        if (error)
            return error;
        next += last ? length : length + 1;
    }
    return 0;
}

/* ---- parameters of the path ---- */

size_t http_path_field(const struct rentbus_schema *schema, struct rentbus_text name)
{
    static const char *const ids[] = {"rental_id", "command_id"};
    size_t index = rentbus_schema_find(schema, name.data, name.length);
    if (!rentbus_text_equal(name, rentbus_text("id")))
        return index;
    for (size_t i = 0; index == schema->count && i < sizeof(ids) / sizeof(ids[0]); i++)
        index = rentbus_schema_find(schema, ids[i], strlen(ids[i]));
    return index;
}

static bool named_read(const struct rentbus_field *field, struct rentbus_text value, void *member)
{
    if (field->kind == RENTBUS_KIND_UUID)
        return rentbus_uuid_parse(value, member);
    return read_id(value, field, member);
}

int http_query_read_of(const struct rentbus_schema *schema, const struct http_named *named,
                       char *query, void *value, struct rentbus_fault *fault)
{
    size_t index = http_path_field(schema, named->name);
    int error = http_query_read(schema, query, value, fault);
    if (error)
        return error;
    if (index == schema->count)
        return -EINVAL;
    const struct rentbus_field *field = &schema->fields[index];
    uint64_t *has = value;
    uint64_t bit = UINT64_C(1) << index;
    if (*has & bit)
        return http_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, field->name,
                              field->name_length, "is what the path says");
    if (!named_read(field, named->value, (char *)value + field->offset))
        return http_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, named->name.data,
                              named->name.length,
                              field->kind == RENTBUS_KIND_UUID ? "must be a UUID"
                                                               : query_kinds[RENTBUS_KIND_ID].rule);
    *has |= bit;
    return 0;
}
