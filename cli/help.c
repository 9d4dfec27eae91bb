/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/report.h"
#include "cli/verbs.h"

#include <stdio.h>

static void help_options(FILE *file, const struct cli_option *options, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char name[64];
        snprintf(name, sizeof(name), "--%s%s%s", options[i].name, options[i].value ? " " : "",
                 options[i].value ? options[i].value : "");
        fprintf(file, "  %-30s %s\n", name, options[i].help);
    }
}

void cli_help_program(FILE *file)
{
    fputs("Usage: rentbus [OPTION...] VERB [OPTION...] [WORD...]\n\n"
          "Lends things and takes them back, by way of rentbusd.\n\nVerbs:\n",
          file);
    for (size_t i = 0; i < cli_verb_count; i++)
        fprintf(file, "  %-12s %s\n", cli_verbs[i]->name, cli_verbs[i]->summary);
    fputs("\nOptions, before or behind the verb:\n", file);
    help_options(file, cli_common_options, cli_common_option_count);
    fputs(
        "\nrentbus help VERB says more. Exit codes: 0 done, 1 rejected by a rule, 2 wrong command\n"
        "line, 3 not held, 4 not found, 5 gone, 65 bad data, 69 no daemon, 70 internal,\n"
        "74 output, 75 try again, 77 denied, 78 configuration.\n",
        file);
}

void cli_help_usage(FILE *file, const struct cli_verb *verb)
{
    const char *usage = verb ? verb->usage : NULL;
    if (!verb) {
        fputs("Usage: rentbus [OPTION...] VERB [OPTION...] [WORD...]\nTry: rentbus help\n", file);
        return;
    }
    do {
        int length = (int)strcspn(usage, "\n");
        fprintf(file, "%s rentbus %s%s%.*s\n", usage == verb->usage ? "Usage:" : "      ",
                verb->name, length ? " " : "", length, usage);
        usage += length;
    } while (*usage++ == '\n');
}

void cli_help_verb(FILE *file, const struct cli_verb *verb)
{
    cli_help_usage(file, verb);
    fprintf(file, "\n%s.\n", verb->summary);
    if (verb->option_count > 0)
        fputs("\nOptions:\n", file);
    help_options(file, verb->options, verb->option_count);
    if (verb->notes)
        fprintf(file, "\n%s\n", verb->notes);
}

static enum cli_exit help_run(struct cli *cli, const struct cli_line *line)
{
    enum cli_exit exit = cli_line_words(cli, line, 0, 1);
    if (exit != CLI_EXIT_OK)
        return exit;
    if (line->word_count == 0) {
        cli_help_program(stdout);
        return CLI_EXIT_OK;
    }
    const struct cli_verb *verb = cli_verb_find(line->words[0]);
    if (!verb)
        return cli_verb_unknown(cli, line->words[0]);
    cli_help_verb(stdout, verb);
    return CLI_EXIT_OK;
}

const struct cli_verb cli_verb_help = {
    .name = "help",
    .summary = "Show this help, or that of a verb",
    .usage = "[VERB]",
    .run = help_run,
};
