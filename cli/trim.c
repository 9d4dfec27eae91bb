/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/output.h"
#include "cli/report.h"
#include "cli/verbs.h"

#include <unistd.h>

static const struct cli_option options[] = {
    {"before", "SEQ", "the events before this one", "before_seq"},
    {"older-than", "DURATION", "the events recorded longer ago than this: P90D", "older_than"},
    {"yes", NULL, "do not ask", NULL},
    CLI_OPTION_DRY_RUN,
};

static const struct cli_column columns[] = {
    {"events", "events"},
    {"bytes", "bytes"},
    {"first event left", "first_seq"},
};

static enum cli_exit result_print(const struct cli *cli, const struct rentbus_trim_result *result)
{
    return cli_output_record(cli, &rentbus_trim_result_schema, columns,
                             sizeof(columns) / sizeof(columns[0]), result);
}

/* Tells what would go, and asks. CLI_EXIT_OK: go on. */
static enum cli_exit trim_confirm(struct cli *cli, const struct rentbus_trim_args *args)
{
    struct rentbus_trim_args dry = *args;
    struct rentbus_trim_result result;
    int answer;
    RENTBUS_SET(&dry, trim_args, dry_run, true);
    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
        cli_report(cli, "USAGE", "this would delete events for ever: say --yes");
        return CLI_EXIT_REJECTED;
    }
    enum cli_exit exit = cli_call(cli, RENTBUS_OP_admin_trim, NULL, &dry, &result);
    if (exit != CLI_EXIT_OK)
        return exit;
    fprintf(stderr, "This will delete %llu events for ever, those before seq %llu. Go on? [y/N] ",
            (unsigned long long)result.events, (unsigned long long)result.first_seq);
    answer = getchar();
    return answer == 'y' || answer == 'Y' ? CLI_EXIT_OK : CLI_EXIT_REJECTED;
}

static enum cli_exit trim_run(struct cli *cli, const struct cli_line *line)
{
    struct rentbus_trim_args args = {0};
    struct rentbus_trim_result result;
    enum cli_exit exit = cli_line_words(cli, line, 0, 0);
    if (exit == CLI_EXIT_OK)
        exit = cli_line_fill(cli, line, &rentbus_trim_args_schema, &args);
    if (exit != CLI_EXIT_OK)
        return exit;
    if (cli_line_has(line, "before") == cli_line_has(line, "older-than"))
        return cli_report_usage(cli, "trim: --before or --older-than, and not both");
    exit = cli_be_patient(cli);
    if (exit != CLI_EXIT_OK)
        return exit;
    if (!cli_line_has(line, "yes") && !cli_line_has(line, "dry-run"))
        exit = trim_confirm(cli, &args);
    if (exit == CLI_EXIT_OK)
        exit = cli_call(cli, RENTBUS_OP_admin_trim, NULL, &args, &result);
    return exit == CLI_EXIT_OK ? result_print(cli, &result) : exit;
}

const struct cli_verb cli_verb_trim = {
    .name = "trim",
    .summary = "Let the journal go of its oldest events",
    .usage = "--before SEQ|--older-than DURATION [--yes] [--dry-run]",
    .options = CLI_OPTIONS(options),
    .notes =
        "Only what the archive and two snapshots have goes: it may be less than asked for, and\n"
        "nothing goes before there are two (rentbus snapshot). Rentals, histories of what is\n"
        "left, and command ids stay. What needs an event that is gone is answered TRIMMED. Waits\n"
        "up to an hour unless --timeout says otherwise.",
    .run = trim_run,
};
