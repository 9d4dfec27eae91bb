/* SPDX-License-Identifier: MPL-2.0 */
/* Structs of the schema compared and printed by their descriptors: the half of view.h that knows
 * nothing of the model. */
#include <inttypes.h>
#include <string.h>

#include "sdk/protocol/text.h"
#include "sdk/protocol/time.h"
#include "tests/model/view.h"

static bool same_ids(const struct rentbus_ids *a, const struct rentbus_ids *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (!rentbus_text_equal(a->items[i], b->items[i]))
            return false;
    return true;
}

/* Encoded deterministically, the same maps are the same bytes. */
static bool same_list(const struct rentbus_list *a, const struct rentbus_list *b)
{
    return a->count == b->count && a->length == b->length &&
           (a->length == 0 || memcmp(a->data, b->data, a->length) == 0);
}

static bool same_field(const struct rentbus_field *field, const void *a, const void *b)
{
    switch (field->kind) {
    case RENTBUS_KIND_ID:
    case RENTBUS_KIND_TEXT:
    case RENTBUS_KIND_QR: {
        const struct rentbus_text *text = a;
        return rentbus_text_equal(*text, *(const struct rentbus_text *)b);
    }
    case RENTBUS_KIND_IDS:
    case RENTBUS_KIND_TYPES:
        return same_ids(a, b);
    case RENTBUS_KIND_TIME:
    case RENTBUS_KIND_DURATION:
        return *(const int64_t *)a == *(const int64_t *)b;
    case RENTBUS_KIND_UINT:
        return *(const uint64_t *)a == *(const uint64_t *)b;
    case RENTBUS_KIND_BOOL:
        return *(const bool *)a == *(const bool *)b;
    case RENTBUS_KIND_WORD:
        return *(const int *)a == *(const int *)b;
    case RENTBUS_KIND_MAP:
        return view_difference(field->schema, a, b) == NULL;
    case RENTBUS_KIND_MAPS:
        return same_list(a, b);
    default:
        /* No struct of the ledger holds the others: do not call what was not compared equal. */
        return false;
    }
}

const char *view_difference(const struct rentbus_schema *schema, const void *a, const void *b)
{
    uint64_t has_a = *(const uint64_t *)a;
    uint64_t has_b = *(const uint64_t *)b;
    for (size_t i = 0; i < schema->count; i++) {
        const struct rentbus_field *field = &schema->fields[i];
        uint64_t bit = UINT64_C(1) << i;
        if ((has_a & bit) != (has_b & bit))
            return field->name;
        const char *in_a = (const char *)a + field->offset;
        const char *in_b = (const char *)b + field->offset;
        if ((has_a & bit) && !same_field(field, in_a, in_b)) {
            const char *inner = NULL;
            if (field->kind == RENTBUS_KIND_MAP)
                inner = view_difference(field->schema, in_a, in_b);
            return inner ? inner : field->name;
        }
    }
    return NULL;
}

static void print_text(FILE *out, struct rentbus_text text)
{
    fprintf(out, "\"%.*s\"", RENTBUS_TEXT_ARGS(text));
}

static void print_ids(FILE *out, const struct rentbus_ids *ids)
{
    fputc('[', out);
    for (size_t i = 0; i < ids->count; i++) {
        fputs(i ? ", " : "", out);
        print_text(out, ids->items[i]);
    }
    fputc(']', out);
}

static void print_field(FILE *out, const struct rentbus_field *field, const void *value)
{
    char time[RENTBUS_TIME_TEXT_SIZE];
    switch (field->kind) {
    case RENTBUS_KIND_IDS:
    case RENTBUS_KIND_TYPES:
        print_ids(out, value);
        break;
    case RENTBUS_KIND_TIME:
        rentbus_time_format(*(const int64_t *)value, time);
        fprintf(out, "%s", time);
        break;
    case RENTBUS_KIND_DURATION:
        fprintf(out, "%" PRId64 " s", *(const int64_t *)value);
        break;
    case RENTBUS_KIND_UINT:
        fprintf(out, "%" PRIu64, *(const uint64_t *)value);
        break;
    case RENTBUS_KIND_BOOL:
        fputs(*(const bool *)value ? "true" : "false", out);
        break;
    case RENTBUS_KIND_WORD:
        fprintf(out, "%s", rentbus_word_text(field->words, *(const int *)value));
        break;
    case RENTBUS_KIND_MAP:
        view_print(out, field->schema, value);
        break;
    case RENTBUS_KIND_MAPS:
        fprintf(out, "%zu maps", ((const struct rentbus_list *)value)->count);
        break;
    default:
        print_text(out, *(const struct rentbus_text *)value);
        break;
    }
}

void view_print(FILE *out, const struct rentbus_schema *schema, const void *value)
{
    const char *separator = "";
    fputc('{', out);
    for (size_t i = 0; i < schema->count; i++) {
        const struct rentbus_field *field = &schema->fields[i];
        if (!(*(const uint64_t *)value & (UINT64_C(1) << i)))
            continue;
        fprintf(out, "%s%s: ", separator, field->name);
        print_field(out, field, (const char *)value + field->offset);
        separator = ", ";
    }
    fputc('}', out);
}
