/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/command_line.h"

#include "cli/field.h"
#include "cli/report.h"
#include "cli/text.h"

#include <getopt.h>
#include <stdlib.h>
#include <unistd.h>

/* Where the values of long options begin, beyond every character. */
#define OPTION_BASE 0x100
#define OPTION_MAX 64

/* Options that no verb sees: what they ask for, beside their effect on the context. */
enum common { COMMON_NOTHING, COMMON_HELP, COMMON_VERSION, COMMON_ERROR };

enum common_option {
    OPTION_API,
    OPTION_EVENTS,
    OPTION_TIMEOUT,
    OPTION_JSON,
    OPTION_NO_COLOR,
    OPTION_HELP,
    OPTION_VERSION
};

const struct cli_option cli_common_options[] = {
    [OPTION_API] = {"api", "ENDPOINT", "where rentbusd answers; else $RENTBUS_API"},
    [OPTION_EVENTS] = {"events", "ENDPOINT", "where it publishes; else $RENTBUS_EVENTS"},
    [OPTION_TIMEOUT] = {"timeout", "SPAN", "how long to wait for an answer; 5 s unless said"},
    [OPTION_JSON] = {"json", NULL, "one JSON object a line, errors too"},
    [OPTION_NO_COLOR] = {"no-color", NULL, "no colour; so does $NO_COLOR"},
    [OPTION_HELP] = {"help", NULL, "this help"},
    [OPTION_VERSION] = {"version", NULL, "the version"},
};
const size_t cli_common_option_count = sizeof(cli_common_options) / sizeof(cli_common_options[0]);

/* The options of a verb and the common ones that it does not redefine, for getopt_long(). */
struct options {
    struct option table[OPTION_MAX + 1];
    const struct cli_option *rows[OPTION_MAX];
    size_t count;
};

static void options_add(struct options *options, const struct cli_option *row)
{
    for (size_t i = 0; i < options->count; i++)
        if (strcmp(options->rows[i]->name, row->name) == 0)
            return;
    if (options->count == OPTION_MAX)
        return;
    options->rows[options->count] = row;
    options->table[options->count] =
        (struct option){row->name, row->value ? required_argument : no_argument, NULL,
                        OPTION_BASE + (int)options->count};
    options->count++;
}

static void options_fill(struct options *options, const struct cli_verb *verb)
{
    *options = (struct options){0};
    for (size_t i = 0; verb && i < verb->option_count; i++)
        options_add(options, &verb->options[i]);
    for (size_t i = 0; i < cli_common_option_count; i++)
        options_add(options, &cli_common_options[i]);
}

/* Says what getopt_long() did not take. `found` is '?' or ':'. */
static enum common option_refuse(const struct cli *cli, const struct options *options, int found,
                                 char **argv)
{
    const char *given = argv[optind - 1];
    if (optopt >= OPTION_BASE) {
        const char *name = options->rows[optopt - OPTION_BASE]->name;
        cli_report_usage(cli, found == ':' ? "--%s needs a value" : "--%s takes no value", name);
        return COMMON_ERROR;
    }
    if (optopt) {
        cli_report_usage(cli, "unknown option -%c", optopt);
        return COMMON_ERROR;
    }
    const char *nearest = NULL;
    size_t distance = CLI_TEXT_NEAR(given);
    for (size_t i = 0; i < options->count; i++)
        cli_text_nearer(given + 2, options->rows[i]->name, &nearest, &distance);
    if (nearest)
        cli_report_usage(cli, "unknown option %s: did you mean --%s?", given, nearest);
    else
        cli_report_usage(cli, "unknown option %s", given);
    return COMMON_ERROR;
}

static enum common common_apply(struct cli *cli, enum common_option option, const char *value)
{
    switch (option) {
    case OPTION_API:
        cli->options.api = value;
        return COMMON_NOTHING;
    case OPTION_EVENTS:
        cli->options.events = value;
        return COMMON_NOTHING;
    case OPTION_TIMEOUT:
        if (cli_milliseconds_parse(rentbus_text(value), &cli->options.timeout_ms) &&
            cli->options.timeout_ms > 0)
            return COMMON_NOTHING;
        cli_report_usage(cli, "--timeout: %s is no time span, as in 5, 0.5 or PT1M", value);
        return COMMON_ERROR;
    case OPTION_JSON:
        cli->json = true;
        return COMMON_NOTHING;
    case OPTION_NO_COLOR:
        cli->color = false;
        return COMMON_NOTHING;
    case OPTION_HELP:
        return COMMON_HELP;
    case OPTION_VERSION:
        return COMMON_VERSION;
    }
    return COMMON_ERROR;
}

static bool is_common(const struct cli_option *row)
{
    return row >= cli_common_options && row < cli_common_options + cli_common_option_count;
}

/* Reads options up to the first that asks for something else than the verb. `line` takes those of
 * its verb; NULL: before the verb. */
static enum common options_read(struct cli *cli, struct cli_line *line, int argc, char **argv)
{
    struct options options;
    enum common wanted = COMMON_NOTHING;
    options_fill(&options, line ? line->verb : NULL);
    opterr = 0;
    optind = 0; /* glibc starts anew */
    while (wanted == COMMON_NOTHING) {
        int found = getopt_long(argc, argv, line ? ":h" : "+:h", options.table, NULL);
        if (found == -1)
            break;
        if (found < OPTION_BASE) {
            wanted = found == 'h' ? COMMON_HELP : option_refuse(cli, &options, found, argv);
            continue;
        }
        const struct cli_option *row = options.rows[found - OPTION_BASE];
        if (is_common(row))
            wanted = common_apply(cli, (enum common_option)(row - cli_common_options), optarg);
        else if (line)
            line->given[line->given_count++] = (struct cli_given){row, optarg};
    }
    return wanted;
}

static enum cli_exit common_answer(const struct cli *cli, enum common wanted,
                                   const struct cli_verb *verb)
{
    if (wanted == COMMON_ERROR) {
        if (!cli->json)
            cli_help_usage(stderr, verb);
        return CLI_EXIT_USAGE;
    }
    if (wanted == COMMON_VERSION)
        printf("rentbus %s\n", rentbus_version());
    else if (verb)
        cli_help_verb(stdout, verb);
    else
        cli_help_program(stdout);
    return CLI_EXIT_OK;
}

enum cli_exit cli_verb_unknown(const struct cli *cli, const char *name)
{
    const char *nearest = NULL;
    size_t distance = CLI_TEXT_NEAR(name);
    for (size_t i = 0; i < cli_verb_count; i++)
        cli_text_nearer(name, cli_verbs[i]->name, &nearest, &distance);
    if (nearest)
        return cli_report_usage(cli, "unknown verb %s: did you mean %s?", name, nearest);
    return cli_report_usage(cli, "unknown verb %s", name);
}

static enum cli_exit verb_run(struct cli *cli, struct cli_line *line, int argc, char **argv)
{
    enum common wanted = options_read(cli, line, argc, argv);
    if (wanted != COMMON_NOTHING)
        return common_answer(cli, wanted, line->verb);
    line->words = argv + optind;
    line->word_count = (size_t)(argc - optind);
    enum cli_exit exit = line->verb->run(cli, line);
    return exit == CLI_EXIT_USAGE ? common_answer(cli, COMMON_ERROR, line->verb) : exit;
}

/* `--json` counts for errors on the command line wherever it stands. */
static bool json_asked(int argc, char **argv)
{
    bool asked = false;
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        asked = asked || strcmp(argv[i], "--json") == 0;
    return asked;
}

static enum cli_exit output_check(const struct cli *cli, enum cli_exit exit)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return exit;
    cli_report(cli, "OUTPUT", "the output could not be written");
    return cli_exit_worse(exit, CLI_EXIT_OUTPUT);
}

enum cli_exit cli_main(int argc, char **argv)
{
    const char *no_color = getenv("NO_COLOR");
    struct cli cli = {.json = json_asked(argc, argv),
                      .color = isatty(STDOUT_FILENO) && !(no_color && *no_color)};
    enum cli_exit exit;
    enum common wanted = options_read(&cli, NULL, argc, argv);
    if (wanted == COMMON_NOTHING && optind == argc)
        wanted = COMMON_HELP;
    if (wanted != COMMON_NOTHING)
        return output_check(&cli, common_answer(&cli, wanted, NULL));

    int at = optind;
    struct cli_line line = {.verb = cli_verb_find(argv[at])};
    if (!line.verb) {
        cli_verb_unknown(&cli, argv[at]);
        return common_answer(&cli, COMMON_ERROR, NULL);
    }
    line.given = calloc((size_t)argc, sizeof(*line.given));
    if (!line.given)
        return CLI_EXIT_INTERNAL;
    exit = output_check(&cli, verb_run(&cli, &line, argc - at, argv + at));
    free(line.given);
    cli_release(&cli);
    return exit;
}
