/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/event_line.h"
#include "cli/event_pages.h"
#include "cli/field.h"
#include "cli/report.h"
#include "cli/verbs.h"

static const struct cli_option options[] = {
    {"from", "SEQ", "from this event on; from the first unless said", NULL},
    {"since", "TIME", "from the first event recorded at or after this time instead", NULL},
    {"to", "SEQ", "up to this event", NULL},
    {"type", "TYPE", "of this type only; may be repeated", NULL},
    {"limit", "N", "at most so many", NULL},
};

/* What a history is of, and the argument that names it. */
static const struct {
    const char *word;
    const char *field;
} subjects[] = {{"rental", "rental_id"}, {"user", "user_id"}, {"asset", "asset_id"}};

struct showing {
    const struct cli *cli;
    struct cli_table *table;
};

static enum cli_exit event_show(void *context, const struct rentbus_event *event)
{
    struct showing *showing = context;
    if (showing->cli->json)
        return cli_event_print(showing->cli, event);
    return cli_event_row(showing->table, event);
}

static enum cli_exit history_show(struct cli_event_pages *pages)
{
    struct showing showing = {.cli = pages->cli};
    enum cli_exit exit = cli_table_create(pages->cli, &rentbus_event_schema, cli_event_columns,
                                          CLI_EVENT_COLUMN_COUNT, &showing.table);
    if (exit != CLI_EXIT_OK)
        return exit;
    exit = cli_event_pages_read(pages, event_show, &showing);
    exit = cli_exit_worse(exit, cli_table_finish(showing.table));
    cli_table_destroy(&showing.table);
    bool beginning = !RENTBUS_HAS(&pages->args, events_read_args, since);
    if (pages->first > 0 && beginning && exit == CLI_EXIT_OK && !pages->cli->json)
        fprintf(stderr, "rentbus: what happened before seq %llu is no longer kept\n",
                (unsigned long long)pages->first);
    return exit;
}

static enum cli_exit subject_set(const struct cli *cli, const char *word, const char *id,
                                 struct rentbus_events_read_args *args)
{
    const struct rentbus_schema *schema = &rentbus_events_read_args_schema;
    struct rentbus_fault fault;
    for (size_t i = 0; i < sizeof(subjects) / sizeof(subjects[0]); i++) {
        if (strcmp(word, subjects[i].word) != 0)
            continue;
        size_t field = rentbus_schema_find(schema, subjects[i].field, strlen(subjects[i].field));
        if (cli_field_set(schema, field, rentbus_text(id), args, &fault) == 0)
            return CLI_EXIT_OK;
        cli_report_fault(cli, &fault);
        return CLI_EXIT_BAD_DATA;
    }
    return cli_report_usage(cli, "history: unknown word %s: rental, user or asset?", word);
}

static enum cli_exit history_run(struct cli *cli, const struct cli_line *line)
{
    struct cli_event_pages pages = CLI_EVENT_PAGES(cli);
    enum cli_exit exit = cli_line_words(cli, line, 2, 2);
    if (exit == CLI_EXIT_OK)
        exit = subject_set(cli, line->words[0], line->words[1], &pages.args);
    if (exit == CLI_EXIT_OK)
        exit = cli_event_pages_choose(&pages, line);
    return exit == CLI_EXIT_OK ? history_show(&pages) : exit;
}

const struct cli_verb cli_verb_history = {
    .name = "history",
    .summary = "Show what happened to a rental, a user or an asset",
    .usage = "rental|user|asset ID [--from SEQ|--since TIME] [--to SEQ] [--type TYPE]..."
             " [--limit N]",
    .options = CLI_OPTIONS(options),
    .notes = "Every event that names it, and what else the same commands did.",
    .run = history_run,
};
