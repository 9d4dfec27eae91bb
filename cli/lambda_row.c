/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/lambda_row.h"

#include "cli/field.h"
#include "cli/lambda_settings.h"
#include "cli/output.h"
#include "cli/text.h"

#include <stdio.h>
#include <string.h>

#define TEXT_SIZE (4 * RENTBUS_ID_MAX + 1)

/* Of the first, the second and the fourth the text is made here. */
static const struct cli_column columns[] = {
    {"LAMBDA", "consumer"},
    {"STATE", "paused"},
    {"LAG", "lag"},
    {"OLDEST", "oldest_at"},
    {"IN FLIGHT", "in_flight"},
    {"DELAYED", "delayed"},
    {"PARKED", "parked"},
    {"ACKED", "acked"},
    {"FAILED", "failed"},
    {"ACKED/MIN", "acked_last_minute"},
    {"FAILED/MIN", "failed_last_minute"},
    {"WORKERS", "workers"},
};
#define COLUMN_COUNT (sizeof(columns) / sizeof(columns[0]))

enum cli_exit lambda_row_table(const struct cli *cli, struct cli_table **table)
{
    return cli_table_create(cli, &rentbus_consumer_status_schema, columns, COLUMN_COUNT, table);
}

enum cli_exit lambda_row_add(struct cli_table *table, const struct cli *cli,
                             const struct rentbus_consumer_status *status)
{
    const struct rentbus_schema *schema = &rentbus_consumer_status_schema;
    char texts[COLUMN_COUNT][TEXT_SIZE];
    const char *row[COLUMN_COUNT];
    char text[CLI_FIELD_TEXT_SIZE];
    if (cli->json)
        return cli_table_add(table, status);
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        const char *field = columns[i].field;
        size_t index = rentbus_schema_find(schema, field, strlen(field));
        snprintf(texts[i], sizeof(texts[i]), "%.*s", TEXT_SIZE - 1,
                 cli_field_text(schema, index, status, text));
        row[i] = texts[i];
    }
    cli_text_clean(status->consumer.id, texts[0], sizeof(texts[0]));
    row[1] = lambda_state(status);
    lambda_age(status, cli_now(), texts[3]);
    return cli_table_add_texts(table, row);
}
