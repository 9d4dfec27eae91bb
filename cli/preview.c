/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/preview.h"

#include "cli/event_line.h"
#include "cli/output.h"
#include "cli/report.h"
#include "cli/text.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>

#define COLUMN_COUNT 3

static const struct cli_column columns[COLUMN_COUNT] = {
    {"EVENT", "type"}, {"SUBJECT", "subject"}, {"DATA", "data"}};

static enum cli_exit preview_add(struct cli_table *table, const struct rentbus_preview *preview)
{
    char type[4 * RENTBUS_TEXT_MAX + 1];
    char subject[4 * RENTBUS_ID_MAX + 1];
    char *text = rentbus_to_json(&rentbus_preview_schema, preview);
    json_t *json = text ? json_loads(text, 0, NULL) : NULL;
    char *data = json ? cli_event_data_text(json_object_get(json, "data")) : NULL;
    const char *const texts[COLUMN_COUNT] = {
        cli_text_clean(preview->type, type, sizeof(type)),
        cli_text_clean(preview->subject, subject, sizeof(subject)), data};
    enum cli_exit exit = data ? cli_table_add_texts(table, texts) : CLI_EXIT_INTERNAL;
    free(data);
    json_decref(json);
    rentbus_free(text);
    return exit;
}

enum cli_exit cli_preview_print(const struct cli *cli, const struct rentbus_list *events)
{
    struct rentbus_preview preview;
    struct cli_table *table;
    size_t position = 0;
    int status = 0;
    enum cli_exit exit =
        cli_table_create(cli, &rentbus_preview_schema, columns, COLUMN_COUNT, &table);
    if (exit != CLI_EXIT_OK)
        return exit;
    while (exit == CLI_EXIT_OK &&
           (status = rentbus_list_next(events, &rentbus_preview_schema, &position, &preview)) > 0)
        exit = preview_add(table, &preview);
    exit = cli_exit_worse(exit, cli_table_finish(table));
    cli_table_destroy(&table);
    if (status < 0) {
        cli_report_failure(cli, status, NULL);
        exit = cli_exit_worse(exit, cli_exit_of_status(status));
    }
    return exit;
}
