/* SPDX-License-Identifier: MPL-2.0 */
/* What `rentbus import`, `rentbus return --event` and `rentbus scan` make of bytes: lines of
 * NDJSON, columns of a database, documents, scans and their spool; and what is shown of them. */
#include "cli/documents.h"
#include "cli/field.h"
#include "cli/row.h"
#include "cli/spool_line.h"
#include "cli/text.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

/* A good row has an id that is one, and the same command id whenever it is asked for. */
static void check_row(const struct cli_row *row)
{
    struct rentbus_uuid first;
    struct rentbus_uuid second;
    char cell[CLI_FIELD_TEXT_SIZE];
    const struct rentbus_schema *schema = cli_row_schema(row);
    require(rentbus_id_valid(cli_row_id(row)));
    require(cli_row_command_id(row, &first) == 0 && cli_row_command_id(row, &second) == 0);
    require(memcmp(&first, &second, sizeof(first)) == 0);
    require((first.bytes[6] & 0xf0) == 0x80 && (first.bytes[8] & 0xc0) == 0x80);
    for (size_t i = 0; i < schema->count; i++)
        cli_field_text(schema, i, &row->args, cell);
}

/* What was taken is written as a line that is taken again, and means the same. */
static void check_round_trip(const struct cli_row *row)
{
    struct cli_row again = {0};
    struct rentbus_fault fault;
    struct rentbus_uuid before;
    struct rentbus_uuid after;
    char *line = cli_row_format(row->kind, cli_row_schema(row), &row->args);
    require(line != NULL);
    require(cli_row_parse(rentbus_text(line), &again, &fault) == 0);
    require(cli_row_command_id(row, &before) == 0 && cli_row_command_id(&again, &after) == 0);
    require(memcmp(&before, &after, sizeof(before)) == 0);
    cli_row_release(&again);
    free(line);
}

static void check_line(struct rentbus_text line)
{
    struct cli_row row = {0};
    struct rentbus_fault fault = {0};
    int status = cli_row_parse(line, &row, &fault);
    if (status == 0) {
        check_row(&row);
        check_round_trip(&row);
    } else if (status > 0) {
        require(fault.code == (enum rentbus_error_code)status && fault.message[0]);
    }
    cli_row_release(&row);
}

/* A line of a spool, and what a scanner typed: what is taken is written as a line that is read
 * again, with the same id and number. */
static void check_scan(struct rentbus_text line)
{
    static const struct cli_scan_defaults defaults = {
        .op = RENTBUS_OP_rental_return, .device = {"bin", 3}, .sequence = 7};
    struct cli_spool_line scan;
    struct cli_spool_line again;
    struct rentbus_fault fault;
    char name[4 * RENTBUS_ID_MAX + 1];
    bool typed = cli_spool_line_scan(line, &defaults, &scan, &fault) == 0;
    if (!typed && cli_spool_line_read(line, &scan, &fault) != 0)
        return;
    if (scan.op != RENTBUS_OP_COUNT) {
        char *text = cli_spool_line_format(&scan);
        require(text && cli_spool_line_read(rentbus_text(text), &again, &fault) == 0);
        require(again.op == scan.op && memcmp(&again.id, &scan.id, sizeof(scan.id)) == 0);
        require(!typed || scan.sequence == 0 || again.sequence == 7);
        cli_spool_line_name(&again, name);
        cli_spool_line_release(&again);
        free(text);
    }
    cli_spool_line_release(&scan);
}

static void check_columns(struct rentbus_text text)
{
    for (int kind = 0; kind < CLI_ROW_KIND_COUNT; kind++) {
        struct cli_row row = {.kind = (enum cli_row_kind)kind};
        const struct rentbus_schema *schema = cli_row_schema(&row);
        struct rentbus_fault fault;
        bool good = true;
        for (size_t i = 0; i < schema->count; i++)
            good = cli_row_set(&row, i, text, &fault) == 0 && good;
        if (cli_row_check(&row, &fault) == 0 && good)
            check_row(&row);
        cli_row_release(&row);
    }
}

static void check_shown(struct rentbus_text text)
{
    char clean[256];
    cli_text_clean(text, clean, sizeof(clean));
    require(rentbus_utf8_valid(clean, strlen(clean)));
    for (const char *at = clean; *at; at++)
        require((unsigned char)*at >= 0x20 && *at != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rentbus_text rest = {(const char *)data, size};
    uint32_t milliseconds;
    cli_documents_balanced(rest);
    check_shown(rest);
    check_columns(rest);
    cli_milliseconds_parse(rest, &milliseconds);
    while (rest.length > 0) {
        const char *end = memchr(rest.data, '\n', rest.length);
        size_t length = end ? (size_t)(end - rest.data) : rest.length;
        check_line((struct rentbus_text){rest.data, length});
        check_scan((struct rentbus_text){rest.data, length});
        rest.data += length + (end != NULL);
        rest.length -= length + (end != NULL);
    }
    return 0;
}
